// A digest trie while it is in memory: the nodes above the pages, and what changed since the pages
// were written. The pages themselves stay in the store, and are read when a leaf beside theirs
// changes.
import type { Crypto } from '../crypto.ts';
import { HansaError } from '../errors.ts';
import type { Recent } from '../recent.ts';
import type { Entry, KeyValueStore, Revision } from '../store/store.ts';
import { type LeafPlace, type PendingLeaf, digitAt } from './trie-leaf.ts';
import { childrenBytes, nodeBytes, type TrieHasher } from './trie-hash.ts';
import { emptyPage, readPage, type TriePage } from './trie-page.ts';
import {
  pageBytes,
  type TrieLevels,
  type TrieMeta,
  type TrieName,
  type TrieTables,
} from './trie-records.ts';

export const pagesPerRead = 64; // of about 20 KB each: what is in memory at once beside the rest
const cachedPageBytesMax = 65_536; // a page is rarely longer; one that is, is read again

export interface TrieParts {
  readonly store: KeyValueStore;
  readonly tables: TrieTables;
  readonly crypto: Crypto;
  readonly hasher: TrieHasher;
  readonly cache: Recent<string, TriePage>;
  /** In between, in long work, others have their turn; default: never. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** A page with what is not written to it yet. Never changed, only replaced. */
export interface DirtyPage {
  readonly children: Uint8Array;
  /** For each of the sixteen, in the order of paths. */
  readonly pending: readonly (readonly PendingLeaf[])[];
  readonly count: number;
}

export interface StoredMeta {
  readonly value: TrieMeta;
  readonly modRevision: Revision;
}

/** What reading needs to know; a view keeps one that does not change. */
export interface TrieShape {
  /** Sets apart what was opened one after the other under one name. */
  readonly id: number;
  readonly name: TrieName;
  readonly meta: StoredMeta | undefined;
  /** While our own next record of it is on its way; never rejects. */
  readonly moving?: Promise<unknown> | undefined;
  readonly depth: number;
  readonly levels: TrieLevels;
  readonly dirty: ReadonlyMap<number, DirtyPage>;
}

const nothingPending: readonly (readonly PendingLeaf[])[] = Array.from({ length: 16 }, () => []);

export function cleanPage(page: TriePage): DirtyPage {
  return { children: page.children, pending: nothingPending, count: 0 };
}

/** The number of the page that a path leads to. */
export function pageOf({ bytes, at }: LeafPlace, depth: number): number {
  let page = 0;
  for (let digit = 0; digit < depth; digit += 1) {
    page = page * 16 + digitAt(bytes, at, digit);
  }
  return page;
}

/** The children of a node above the pages. */
export function childrenAt(levels: TrieLevels, depth: number, index: number): Uint8Array {
  const below = levels[depth + 1] ?? new Uint8Array(0);
  return below.subarray(index * childrenBytes, (index + 1) * childrenBytes);
}

export function nodeAt(levels: TrieLevels, depth: number, index: number): Uint8Array {
  const level = levels[depth] ?? new Uint8Array(0);
  return level.subarray(index * nodeBytes, (index + 1) * nodeBytes);
}

/**
 * Pages by their numbers, as they were when the trie was opened or last written: CONFLICT where
 * somebody else has written since. With a revision, as they were at it.
 */
export async function readPages(
  parts: TrieParts,
  shape: TrieShape,
  given: { readonly numbers: readonly number[]; readonly revision?: Revision },
): Promise<ReadonlyMap<number, TriePage>> {
  const { meta } = shape;
  const found = new Map<number, TriePage>();
  if (meta === undefined) {
    return found;
  }
  const missing = given.numbers.filter((number) => {
    const cached = parts.cache.get(cacheKey(shape, number, given.revision));
    if (cached !== undefined) {
      found.set(number, cached);
    }
    return cached === undefined;
  });
  for (let at = 0; at < missing.length; at += pagesPerRead) {
    const numbers = missing.slice(at, at + pagesPerRead);
    const entries = await firstParts(parts, shape, { ...given, numbers });
    for (const [index, number] of numbers.entries()) {
      const page = await pageFrom(parts, shape, { ...given, number, entry: entries[index] });
      found.set(number, page);
      // While pages are written, what was read may be either of two: the writer knows the newer.
      if (given.revision !== undefined || (isWhole(meta) && shape.meta === meta)) {
        remember(parts, cacheKey(shape, number, given.revision), page);
      }
    }
  }
  return found;
}

function isWhole({ value }: StoredMeta): boolean {
  return value.at === value.until;
}

/** What is about to be in the store: until it is, the dirty leaves over it make it no different. */
export function rememberWritten(
  parts: TrieParts,
  shape: TrieShape,
  written: { readonly number: number; readonly page: TriePage },
): void {
  remember(parts, cacheKey(shape, written.number), written.page);
}

function remember({ cache }: TrieParts, key: string, page: TriePage): void {
  if (page.bytes <= cachedPageBytesMax) {
    cache.set(key, page);
  } else {
    cache.delete(key);
  }
}

function cacheKey({ id, meta }: TrieShape, page: number, revision?: Revision): string {
  const of = `${id} ${meta?.value.generation ?? 0} ${page}`;
  return revision === undefined ? of : `${of} ${revision}`;
}

function pageKey(
  { tables }: TrieParts,
  { name, meta }: TrieShape,
  [page, part]: readonly [page: number, part: number],
): Uint8Array {
  return tables.pages.key(...name, meta?.value.generation ?? 0, page, part);
}

async function firstParts(
  parts: TrieParts,
  shape: TrieShape,
  given: { readonly numbers: readonly number[]; readonly revision?: Revision },
): Promise<readonly (Entry | null)[]> {
  const { store, tables } = parts;
  const keys = given.numbers.map((number) => pageKey(parts, shape, [number, 0]));
  if (given.revision !== undefined) {
    const { revision } = given;
    return Promise.all(keys.map(async (key) => (await store.get(key, { revision })).entry));
  }
  const metaKey = tables.metas.key(...shape.name);
  for (;;) {
    const known = shape.meta?.modRevision;
    const { entries } = await store.batchRead([metaKey, ...keys]);
    const [meta = null, ...pages] = entries;
    if ((meta?.modRevision ?? 0) === known) {
      return pages;
    }
    if (shape.moving === undefined && shape.meta?.modRevision === known) {
      throw writtenByAnother(shape.name);
    }
    await shape.moving; // the store may have our own record before we know of it
  }
}

export function writtenByAnother([name]: TrieName): HansaError {
  return new HansaError('CONFLICT', `another node has written the digest of ${name}`);
}

async function pageFrom(
  parts: TrieParts,
  shape: TrieShape,
  given: {
    readonly number: number;
    readonly entry: Entry | null | undefined;
    readonly revision?: Revision;
  },
): Promise<TriePage> {
  const { store, crypto } = parts;
  const { number, entry, revision } = given;
  if (entry === null || entry === undefined) {
    return emptyPage;
  }
  const bytes = await pageBytes(entry.value, async (part) => {
    const at = revision === undefined ? {} : { revision };
    const next = await store.get(pageKey(parts, shape, [number, part]), at);
    return next.entry?.value;
  });
  return readPage(crypto, bytes);
}
