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

export function storedParam({ type, data, ...row }: ParamRow): StoredParam {
  return { ...row, value: { type, data } };
}
