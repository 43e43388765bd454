// Writing a digest trie's pages behind its changes. The record that names their position is written
// first and last: in between, a crash leaves pages of two positions, and whoever opens the trie
// repeats all changes from the older one before it trusts a root.
import { invariant } from '../errors.ts';
import { deletePrefix } from '../store/delete-prefix.ts';
import type { Op, Revision } from '../store/store.ts';
import { type PlacedLeaf, hashBytes } from './trie-leaf.ts';
import { nodeBytes } from './trie-hash.ts';
import { emptyPage, packedPage, packPage } from './trie-page.ts';
import {
  emptyLevels,
  nodesPerChunk,
  pageOps,
  type TrieLevels,
  type TrieMeta,
} from './trie-records.ts';
import {
  childrenAt,
  nodeAt,
  pageOf,
  pagesPerRead,
  readPages,
  rememberWritten,
  writtenByAnother,
  type StoredMeta,
  type TrieParts,
  type TrieShape,
} from './trie-state.ts';

// on average; more, and the trie gets another level of digits
const pageLeavesAverageMax = 384;
const pageLeavesAverageMin = 24; // of the pages of a trie that has just got one
const depthMax = 5; // a million pages, 33 MiB of nodes: enough for 256 million leaves
const groupOpsMax = 64; // with the records beside them, below what one transaction takes
const groupBytesMax = 512 * 1_024; // with the largest part, still one transaction
const groupsAtOnce = 8; // what a store commits together

/** The depth at which so many leaves lie in pages of a good size. */
export function depthFor(leaves: number): number {
  let depth = 0;
  while (depth < depthMax && leaves > pageLeavesAverageMin * 16 * 16 ** depth) {
    depth += 1;
  }
  return depth;
}

/** Writes operations in guarded transactions, several of them under way at a time. */
class Writer {
  readonly #parts: TrieParts;
  readonly #shape: TrieShape;
  readonly #revision: Revision;
  #ops: Op[] = [];
  #bytes = 0;
  #sent: Promise<unknown>[] = [];

  constructor(parts: TrieParts, shape: TrieShape, revision: Revision) {
    this.#parts = parts;
    this.#shape = shape;
    this.#revision = revision;
  }

  async add(ops: readonly Op[]): Promise<void> {
    for (const op of ops) {
      this.#ops.push(op);
      this.#bytes += 'put' in op ? op.put.value.length : 0;
      if (this.#ops.length >= groupOpsMax || this.#bytes >= groupBytesMax) {
        this.#send();
      }
      if (this.#sent.length >= groupsAtOnce) {
        await this.done();
      }
    }
  }

  #send(): void {
    const sent = guarded(this.#parts, this.#shape, { revision: this.#revision, ops: this.#ops });
    // Whoever fails first is told by `done`; the others must not be unheard.
    sent.catch(() => undefined);
    this.#sent.push(sent);
    this.#ops = [];
    this.#bytes = 0;
  }

  async done(): Promise<void> {
    if (this.#ops.length > 0) {
      this.#send();
    }
    const sent = this.#sent;
    this.#sent = [];
    await Promise.all(sent);
  }
}

/** CONFLICT where another node has written meanwhile. */
async function guarded(
  { store, tables }: TrieParts,
  { name }: TrieShape,
  given: { readonly revision: Revision; readonly ops: readonly Op[] },
): Promise<Revision> {
  const { succeeded, revision } = await store.transact({
    if: [
      {
        key: tables.metas.key(...name),
        target: 'modRevision',
        op: '=',
        operand: given.revision,
      },
    ],
    then: given.ops,
  });
  if (!succeeded) {
    throw writtenByAnother(name);
  }
  return revision;
}

async function putMeta(parts: TrieParts, shape: TrieShape, value: TrieMeta): Promise<StoredMeta> {
  const modRevision = await guarded(parts, shape, {
    revision: shape.meta?.modRevision ?? 0,
    ops: [parts.tables.metas.put(shape.name, value)],
  });
  return { value, modRevision };
}

function rootAt(levels: TrieLevels): Uint8Array {
  return nodeAt(levels, 0, 0).slice(1);
}

/** All dirty pages, and the nodes above them; `move` is given the record, twice. */
export async function writeBehind(
  parts: TrieParts,
  given: TrieShape,
  { at, move }: { readonly at: number; move(next: Promise<StoredMeta>): Promise<StoredMeta> },
): Promise<void> {
  const { tables, crypto } = parts;
  const { name, depth, levels, dirty } = given;
  const before: TrieMeta = given.meta?.value ?? {
    generation: 1,
    depth,
    leaves: 0,
    at: 0,
    until: 0,
    root: new Uint8Array(hashBytes),
  };
  const begun = await move(putMeta(parts, given, { ...before, until: at }));
  const shape: TrieShape = { ...given, meta: begun };
  const writer = new Writer(parts, shape, begun.modRevision);
  const numbers = [...dirty.keys()].toSorted((a, b) => a - b);
  let { leaves } = before;
  for (let from = 0; from < numbers.length; from += pagesPerRead) {
    const some = numbers.slice(from, from + pagesPerRead);
    const pages = await readPages(parts, shape, { numbers: some });
    for (const number of some) {
      const page = pages.get(number) ?? emptyPage;
      const { children, pending } = dirty.get(number) ?? { children: page.children, pending: [] };
      const { bytes, count } = page.merged(crypto, children, pending.flat());
      leaves += count - page.count;
      rememberWritten(parts, shape, { number, page: packedPage(bytes) });
      await writer.add(pageOps(tables, [...name, before.generation, number], bytes));
    }
  }
  const chunks = new Set(numbers.map((number) => Math.floor(number / nodesPerChunk)));
  await writer.add(chunkOps(parts, { name, generation: before.generation, levels, chunks }));
  await writer.done();
  await move(putMeta(parts, shape, { ...before, leaves, at, until: at, root: rootAt(levels) }));
}

function chunkOps(
  { tables }: TrieParts,
  given: {
    readonly name: TrieShape['name'];
    readonly generation: number;
    readonly levels: TrieLevels;
    readonly chunks: Iterable<number>;
  },
): Op[] {
  const { name, generation, levels } = given;
  const nodes = levels.at(-1) ?? new Uint8Array(0);
  const bytes = nodesPerChunk * nodeBytes;
  return [...given.chunks].map((chunk) =>
    tables.chunks.put(
      [...name, generation, chunk],
      nodes.slice(chunk * bytes, (chunk + 1) * bytes),
    ),
  );
}

export function isCrowded({ meta, depth }: TrieShape): boolean {
  return depth < depthMax && (meta?.value.leaves ?? 0) > pageLeavesAverageMax * 16 ** depth;
}

/**
 * Rewrites all pages, none of them dirty, one or more digits deeper: beside the present ones, and
 * switched over with the record.
 */
export async function deepen(
  parts: TrieParts,
  shape: TrieShape,
  depth: number,
): Promise<{ readonly meta: StoredMeta; readonly levels: Uint8Array[] }> {
  const { tables, hasher, store, crypto } = parts;
  const { name, meta } = shape;
  invariant(meta !== undefined && shape.dirty.size === 0, 'pages are deepened when they are clean');
  const generation = meta.value.generation + 1;
  const levels = emptyLevels(depth);
  const nodes = levels[depth] ?? new Uint8Array(0);
  await deletePrefix(store, tables.pages.prefix(...name, generation));
  const writer = new Writer(parts, shape, meta.modRevision);
  for (let number = 0; number < 16 ** shape.depth; number += 1) {
    const pages = await readPages(parts, shape, { numbers: [number] });
    const page = pages.get(number) ?? emptyPage;
    for (const [deeper, leaves] of byPage(page.leaves(0, page.count), depth)) {
      const children = hasher.childrenOf(leaves, depth);
      nodes.set(hasher.join(children), deeper * nodeBytes);
      const bytes = packPage(crypto, children, leaves);
      await writer.add(pageOps(tables, [...name, generation, deeper], bytes));
    }
  }
  riseAll(parts, levels);
  invariant(compareRoots(levels, meta), 'a trie has one root, however its pages are cut');
  const chunks = Array.from({ length: Math.ceil(16 ** depth / nodesPerChunk) }, (_, at) => at);
  await writer.add(chunkOps(parts, { name, generation, levels, chunks }));
  await writer.done();
  const switched = await putMeta(parts, shape, { ...meta.value, generation, depth });
  await deletePrefix(store, tables.pages.prefix(...name, meta.value.generation));
  await deletePrefix(store, tables.chunks.prefix(...name, meta.value.generation));
  return { meta: switched, levels };
}

function compareRoots(levels: TrieLevels, { value }: StoredMeta): boolean {
  return rootAt(levels).every((byte, index) => byte === value.root[index]);
}

function byPage(leaves: readonly PlacedLeaf[], depth: number): ReadonlyMap<number, PlacedLeaf[]> {
  const found = new Map<number, PlacedLeaf[]>();
  for (const leaf of leaves) {
    const number = pageOf(leaf, depth);
    const page = found.get(number) ?? [];
    found.set(number, page);
    page.push(leaf);
  }
  return found;
}

/** Every level from the lowest one up. */
export function riseAll({ hasher }: TrieParts, levels: readonly Uint8Array[]): void {
  for (let depth = levels.length - 2; depth >= 0; depth -= 1) {
    const level = levels[depth] ?? new Uint8Array(0);
    for (let index = 0; index < 16 ** depth; index += 1) {
      level.set(hasher.join(childrenAt(levels, depth, index)), index * nodeBytes);
    }
  }
}
