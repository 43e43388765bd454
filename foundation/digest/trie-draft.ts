// What a digest trie would be after some changes, computed beside it: nothing of it is seen before
// it is committed, and a draft that is dropped leaves nothing behind.
import { HansaError } from '../errors.ts';
import {
  type PendingLeaf,
  type PlacedLeaf,
  type TrieChange,
  comparePaths,
  overlaid,
  pendingLeaves,
  presentLeaves,
} from './trie-leaf.ts';
import { childrenBytes, nodeBytes, rootOf, sameDigit } from './trie-hash.ts';
import { emptyPage, type TriePage } from './trie-page.ts';
import {
  childrenAt,
  cleanPage,
  nodeAt,
  pageOf,
  pagesPerRead,
  readPages,
  type DirtyPage,
  type TrieParts,
  type TrieShape,
} from './trie-state.ts';

// 64 times what a page holds on average: by chance it never happens, and whoever looks for keys
// that meet in one page does not get us to read and write megabytes for each of its changes
const pageLeavesMax = 16_384;

export interface TrieDraft {
  readonly root: Uint8Array;
  /** In the order given; the root after all of them. */
  apply(changes: readonly TrieChange[]): Promise<Uint8Array>;
}

/** A node's place as one number: depths have at most 2^24 nodes. */
function placeOf(depth: number, index: number): number {
  return depth * 2 ** 24 + index;
}

export function placeParts(place: number): { readonly depth: number; readonly index: number } {
  return { depth: Math.floor(place / 2 ** 24), index: place % 2 ** 24 };
}

export class LayeredDraft implements TrieDraft {
  readonly shape: TrieShape;
  readonly pages: Map<number, DirtyPage> = new Map();
  readonly nodes: Map<number, Uint8Array> = new Map();
  /** Other ones after the pages were cut anew. */
  readonly levels: TrieShape['levels'];
  readonly #parts: TrieParts;

  constructor(parts: TrieParts, shape: TrieShape) {
    this.#parts = parts;
    this.shape = shape;
    this.levels = shape.levels;
  }

  get root(): Uint8Array {
    return rootOf(this.#node(0, 0));
  }

  async apply(changes: readonly TrieChange[]): Promise<Uint8Array> {
    const byPage = this.#byPage(changes);
    const numbers = [...byPage.keys()];
    for (let at = 0; at < numbers.length; at += pagesPerRead) {
      if (at > 0) {
        await this.#parts.pause?.();
      }
      const some = numbers.slice(at, at + pagesPerRead);
      const pages = await this.#read(some);
      for (const number of some) {
        this.#write(number, pages.get(number) ?? emptyPage, byPage.get(number) ?? []);
      }
    }
    this.#rise(numbers);
    return this.root;
  }

  /** Again where pages were written meanwhile: what was dirty over those read is so no more. */
  async #read(numbers: readonly number[]): Promise<ReadonlyMap<number, TriePage>> {
    for (;;) {
      const { meta } = this.shape;
      const pages = await readPages(this.#parts, this.shape, { numbers });
      if (this.shape.meta === meta) {
        return pages;
      }
    }
  }

  /** In the order of paths; of two changes of one key, the later. */
  #byPage(changes: readonly TrieChange[]): ReadonlyMap<number, PendingLeaf[]> {
    const leaves = pendingLeaves(changes, this.#parts.hasher.path).toSorted(comparePaths);
    const byPage = new Map<number, PendingLeaf[]>();
    for (const leaf of leaves) {
      const number = pageOf(leaf, this.shape.depth);
      const page = byPage.get(number) ?? [];
      byPage.set(number, page);
      const last = page.at(-1);
      if (last !== undefined && comparePaths(last, leaf) === 0) {
        page.pop();
      }
      page.push(leaf);
    }
    return byPage;
  }

  #write(number: number, page: TriePage, changed: readonly PendingLeaf[]): void {
    const { hasher } = this.#parts;
    const { depth } = this.shape;
    const before = this.pages.get(number) ?? this.shape.dirty.get(number) ?? cleanPage(page);
    const children = before.children.slice();
    const pending = [...before.pending];
    let { count } = before;
    for (let from = 0; from < changed.length;) {
      const [digit, to] = sameDigit(changed, { from, to: changed.length, depth });
      const old = pending[digit] ?? [];
      const merged = overlaid(old, changed.slice(from, to));
      pending[digit] = merged;
      count += merged.length - old.length;
      const stored = page.leaves(page.firstOf(digit, depth), page.firstOf(digit + 1, depth));
      const leaves = presentLeaves(overlaid<PlacedLeaf>(stored, merged));
      children.set(hasher.subtree(leaves, depth + 1), digit * nodeBytes);
      from = to;
    }
    if (page.count + count > pageLeavesMax) {
      throw new HansaError('STORE_LIMIT', `${pageLeavesMax} keys meet in one page of a digest`);
    }
    this.pages.set(number, { children, pending, count });
    this.nodes.set(placeOf(depth, number), hasher.join(children));
  }

  /** The nodes above those pages, level by level. */
  #rise(numbers: readonly number[]): void {
    const { hasher } = this.#parts;
    let touched: ReadonlySet<number> = new Set(numbers);
    for (let depth = this.shape.depth - 1; depth >= 0; depth -= 1) {
      touched = new Set([...touched].map((index) => Math.floor(index / 16)));
      for (const index of touched) {
        this.nodes.set(placeOf(depth, index), hasher.join(this.#children(depth, index)));
      }
    }
  }

  #children(depth: number, index: number): Uint8Array {
    const children = childrenAt(this.shape.levels, depth, index).slice();
    for (let digit = 0; digit * nodeBytes < childrenBytes; digit += 1) {
      const node = this.nodes.get(placeOf(depth + 1, index * 16 + digit));
      if (node !== undefined) {
        children.set(node, digit * nodeBytes);
      }
    }
    return children;
  }

  #node(depth: number, index: number): Uint8Array {
    return this.nodes.get(placeOf(depth, index)) ?? nodeAt(this.shape.levels, depth, index);
  }
}
