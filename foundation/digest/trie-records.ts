// How a digest trie lies in a store: one record that says what the rest is worth, the nodes just
// above the pages in chunks, and the pages. Pages are written behind: the record names the position
// that they hold, and whoever opens the trie repeats what came after it.
import { z } from 'zod';
import { bytesSchema, hashSchema } from '../byte-schema.ts';
import { concatBytes } from '../bytes.ts';
import type { Codec } from '../codec.ts';
import { HansaError } from '../errors.ts';
import type { KeyValueStore, Op } from '../store/store.ts';
import { table, type Table } from '../store/table.ts';
import { nodeBytes } from './trie-hash.ts';
import { pagePartBytes } from './trie-page.ts';

export const nodesPerChunk = 256; // 8 KiB: a write of a few pages rewrites little beside them

export interface TrieMeta {
  /** Pages of another generation are rests of a rewriting that a crash ended. */
  readonly generation: number;
  /** Digits that the leaves of a page share. */
  readonly depth: number;
  readonly leaves: number;
  /** All changes up to here are in the pages. */
  readonly at: number;
  /** Some up to here may be: between the two no root can be trusted. */
  readonly until: number;
  readonly root: Uint8Array;
}

export interface TrieTables {
  /** By name and copy. */
  readonly metas: Table<TrieMeta>;
  /** By name, copy, generation, chunk. */
  readonly chunks: Table<Uint8Array>;
  /** By name, copy, generation, page, part; the bytes of a page, without a codec. */
  readonly pages: Pick<Table<Uint8Array>, 'key' | 'prefix'>;
}

const meta: z.ZodType<TrieMeta> = z.object({
  generation: z.number().int().positive(),
  depth: z.number().int().nonnegative(),
  leaves: z.number().int().nonnegative(),
  at: z.number().int().nonnegative(),
  until: z.number().int().nonnegative(),
  root: hashSchema,
});

export function trieTables(store: KeyValueStore, codec: Codec): TrieTables {
  return {
    metas: table({ store, codec, name: 'digest', schema: meta }),
    chunks: table({ store, codec, name: 'digest-chunk', schema: bytesSchema }),
    pages: table({ store, codec, name: 'digest-page', schema: bytesSchema }),
  };
}

export type TrieName = readonly [name: string, copy: number];

/**
 * A page's records, as they are: through a codec, each of millions of bytes would be copied twice
 * more. Of a page that got shorter, the rest stays behind; its first byte says what counts.
 */
export function pageOps(
  { pages }: TrieTables,
  at: readonly [...TrieName, generation: number, page: number],
  bytes: Uint8Array,
): Op[] {
  const ops: Op[] = [];
  for (let part = 0; part * pagePartBytes < bytes.length; part += 1) {
    const value = bytes.subarray(part * pagePartBytes, (part + 1) * pagePartBytes);
    ops.push({ put: { key: pages.key(...at, part), value } });
  }
  return ops;
}

/** The page whose first part this is. */
export async function pageBytes(
  first: Uint8Array,
  more: (part: number) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array> {
  const [rest = 0] = first;
  const parts = [first];
  for (let part = 1; part <= rest; part += 1) {
    const next = await more(part);
    if (next === undefined) {
      throw new HansaError('STORE_DAMAGED', 'a part of a page of a digest is gone');
    }
    parts.push(next);
  }
  return parts.length === 1 ? first : concatBytes(parts);
}

/** Nodes in a flat array, one level after the other: the root first, those above the pages last. */
export type TrieLevels = readonly Uint8Array[];

export function emptyLevels(depth: number): Uint8Array[] {
  return Array.from({ length: depth + 1 }, (_, level) => new Uint8Array(16 ** level * nodeBytes));
}
