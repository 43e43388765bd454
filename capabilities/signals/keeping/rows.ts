// A param as it stands in the store: one row by address.
import {
  bytesSchema,
  table,
  toHex,
  utf8,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { valueTypes, type ValueType } from '../frames/messages.ts';
import type { StoredParam } from '../router/params.ts';

export interface ParamRow {
  readonly address: string;
  readonly type: ValueType;
  readonly data: Uint8Array;
  readonly revision: number;
  readonly writer: string;
  /** Microseconds since 1970. */
  readonly timestamp: number;
  readonly ttl?: number | undefined;
}

const whole = z.number().int().nonnegative();

const paramRowSchema: z.ZodType<ParamRow> = z.object({
  address: z.string(),
  type: z.literal(Object.values(valueTypes)),
  data: bytesSchema,
  revision: whole,
  writer: z.string(),
  timestamp: whole,
  ttl: whole.optional(),
});

/** Of a store's key of 1,024 bytes, what an address may take beside the table's name. */
const keyAddressBytesMax = 900;

export function paramTable(store: KeyValueStore, codec: Codec): Table<ParamRow> {
  return table({ store, codec, name: 'signal-param', schema: paramRowSchema });
}

/** An address that fits into no key is found by its hash, which no address looks like. */
export function keyPartOf(address: string, crypto: Crypto): string {
  const bytes = utf8(address);
  return bytes.length <= keyAddressBytesMax ? address : `#${toHex(crypto.hash(bytes))}`;
}

/**
 * The block of the router's present life, in one row. Each life has one of its own, so that no
 * revision that it gives was seen before, whatever of an earlier life was never stored.
 */
const blockKey = 'block';

/** More than anybody writes at one address in a life; and lives enough for one every hour. */
export const blockRevisions: number = 2 ** 36;

const blockSchema: z.ZodType<number> = whole;

/** The revision that all of the life that begins now are above. */
export async function claimBlock(store: KeyValueStore, codec: Codec): Promise<number> {
  const blocks = table({ store, codec, name: 'signal-block', schema: blockSchema });
  for (;;) {
    const row = await blocks.get(blockKey);
    const block = row === undefined ? 0 : row.value + 1;
    const expected = { modRevision: row?.modRevision ?? 0 };
    const value = codec.encode(block);
    const claimed = await store.compareAndSet(blocks.key(blockKey), expected, value);
    if (claimed.ok) {
      return block * blockRevisions;
    }
  }
}

export function storedParam({ type, data, ...row }: ParamRow): StoredParam {
  return { ...row, value: { type, data } };
}
