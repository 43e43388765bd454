// What a store keeps about itself, where it was filled from another one: the revision that its own
// begin above, and how far the copy has come. A store that was not copied into has neither.
import {
  fromUtf8,
  HansaError,
  packTuple,
  raiseStore,
  utf8,
  type KeyValueStore,
} from '@hansa/foundation';
import { z } from 'zod';

const scope = 'store';
export const baseKey: Uint8Array = packTuple([scope, 'base']);
export const copyKey: Uint8Array = packTuple([scope, 'copy']);
/** All of this is the store's own, and is not copied. */
export const ownPrefix: Uint8Array = packTuple([scope]);

export interface CopyMark {
  /** Of what is copied: another copy does not go on with this one. */
  readonly id: string;
  readonly base: number;
  readonly done: boolean;
  /** Hex: all keys up to it are there. */
  readonly after: string;
}

const markSchema: z.ZodType<CopyMark> = z.object({
  id: z.string(),
  base: z.number().int().nonnegative(),
  done: z.boolean(),
  after: z.string(),
});
const baseSchema = z.number().int().nonnegative();

export function markBytes(mark: CopyMark): Uint8Array {
  return utf8(JSON.stringify(mark));
}

export function baseBytes(base: number): Uint8Array {
  return utf8(JSON.stringify(base));
}

export async function readMark(store: KeyValueStore): Promise<CopyMark | undefined> {
  const { entry } = await store.get(copyKey);
  return entry === null ? undefined : markSchema.parse(JSON.parse(fromUtf8(entry.value)));
}

/**
 * The store as a node may use it: its revisions above those of the one that it was filled from.
 * STORE_UNFINISHED where a copy has not come to its end.
 */
export async function settledStore(store: KeyValueStore): Promise<KeyValueStore> {
  const mark = await readMark(store);
  if (mark?.done === false) {
    throw new HansaError('STORE_UNFINISHED', 'a copy into this store has not come to its end');
  }
  const { entry } = await store.get(baseKey);
  const base = entry === null ? 0 : baseSchema.parse(JSON.parse(fromUtf8(entry.value)));
  return raiseStore(store, base);
}
