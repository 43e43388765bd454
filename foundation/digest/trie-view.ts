// A digest trie as it was at one position, for as long as the store keeps that revision: what peers
// compare theirs with, range by range, while ours goes on.
import { compareBytes } from '../bytes.ts';
import type { Revision } from '../store/store.ts';
import {
  type PlacedLeaf,
  type TrieLeaf,
  digitOf,
  overlaid,
  pathDigits,
  presentLeaves,
} from './trie-leaf.ts';
import { nodeBytes, nodeKind, rootOf } from './trie-hash.ts';
import { emptyPage } from './trie-page.ts';
import { childrenAt, nodeAt, readPages, type TrieParts, type TrieShape } from './trie-state.ts';

/** Digits of a path, from its first on. */
export type TriePrefix = readonly number[];

export interface TrieView {
  readonly at: number;
  readonly root: Uint8Array;
  /** Digits of a prefix under which about a page of leaves lies. */
  readonly depth: number;
  /** The sixteen nodes under a prefix; empty ones where nothing is there. */
  children(prefix: TriePrefix): Promise<Uint8Array>;
  /** Leaves under a prefix in the order of their paths, those after a path where one is given. */
  leaves(prefix: TriePrefix, after?: Uint8Array): AsyncIterable<TrieLeaf>;
}

export function createTrieView(
  parts: TrieParts,
  shape: TrieShape,
  given: { readonly at: number; readonly revision: Revision },
): TrieView {
  const { depth, levels } = shape;
  const { at, revision } = given;
  const read = { parts, shape, revision };
  return {
    at,
    depth,
    root: rootOf(nodeAt(levels, 0, 0)),
    async children(prefix) {
      if (prefix.length < depth) {
        return childrenAt(levels, prefix.length, numberOf(prefix)).slice();
      }
      const page = numberOf(prefix.slice(0, depth));
      if (prefix.length === depth) {
        const stored = await readPages(parts, shape, { numbers: [page], revision });
        return (shape.dirty.get(page) ?? stored.get(page) ?? emptyPage).children.slice();
      }
      const leaves = (await leavesOf(read, page)).filter(({ path }) => isUnder(path, prefix));
      return parts.hasher.childrenOf(leaves, prefix.length);
    },
    async *leaves(prefix, after) {
      const [first, end] = pagesUnder(prefix, depth);
      const from =
        after === undefined ? first : Math.max(first, numberOf(pathDigitsOf(after, depth)));
      for (let page = from; page < end; page += 1) {
        if (nodeAt(levels, depth, page)[0] === nodeKind.none) {
          continue;
        }
        for (const leaf of await leavesOf(read, page)) {
          const isBeyond = after === undefined || compareBytes(leaf.path, after) > 0;
          if (isBeyond && isUnder(leaf.path, prefix)) {
            yield leaf;
          }
        }
      }
    },
  };
}

interface Read {
  readonly parts: TrieParts;
  readonly shape: TrieShape;
  readonly revision: Revision;
}

async function leavesOf(
  { parts, shape, revision }: Read,
  number: number,
): Promise<readonly PlacedLeaf[]> {
  const pages = await readPages(parts, shape, { numbers: [number], revision });
  const page = pages.get(number) ?? emptyPage;
  const pending = shape.dirty.get(number)?.pending.flat() ?? [];
  return presentLeaves(overlaid<PlacedLeaf>(page.leaves(0, page.count), pending));
}

function numberOf(prefix: TriePrefix): number {
  return prefix.reduce((number, digit) => number * 16 + digit, 0);
}

export function pathDigitsOf(path: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, at) => digitOf(path, at));
}

export function isUnder(path: Uint8Array, prefix: TriePrefix): boolean {
  return prefix.length <= pathDigits && prefix.every((digit, at) => digitOf(path, at) === digit);
}

/** The pages in which leaves under the prefix lie. */
function pagesUnder(prefix: TriePrefix, depth: number): readonly [first: number, end: number] {
  const known = prefix.slice(0, depth);
  const each = 16 ** (depth - known.length);
  const first = numberOf(known) * each;
  return [first, first + each];
}

/** The node of one digit among sixteen. */
export function childNode(children: Uint8Array, digit: number): Uint8Array {
  return children.subarray(digit * nodeBytes, (digit + 1) * nodeBytes);
}
