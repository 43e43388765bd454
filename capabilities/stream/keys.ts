// What a stream is in the log of its resource, and where its consumers are kept. In the order of
// their keys: settings, state, ids, messages; so the first three are read without the last.
import {
  bytesSchema,
  concatBytes,
  fromUtf8,
  table,
  utf8,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  dedupIdSchema,
  headersBytesMax,
  headersSchema,
  limitsSchema,
  payloadBytesMax,
  type StreamLimits,
} from './contract.ts';

const settingsByte = 0x00;
const stateByte = 0x01;
const idByte = 0x02;
const messageByte = 0x03;
const sequenceBytes = 8;

export const settingsKey: Uint8Array = Uint8Array.of(settingsByte);
export const stateKey: Uint8Array = Uint8Array.of(stateByte);

export type StreamKey =
  | { readonly is: 'settings' }
  | { readonly is: 'state' }
  | { readonly is: 'id'; readonly id: string }
  | { readonly is: 'message'; readonly sequence: number };

export function idKey(id: string): Uint8Array {
  return concatBytes([Uint8Array.of(idByte), utf8(id)]);
}

/** The sequence as eight bytes, most significant first: entries lie in the order of messages. */
export function messageKey(sequence: number): Uint8Array {
  const key = new Uint8Array(1 + sequenceBytes);
  key[0] = messageByte;
  new DataView(key.buffer).setBigUint64(1, BigInt(sequence));
  return key;
}

/** Undefined for what is no key of a stream. */
export function readKey(key: Uint8Array): StreamKey | undefined {
  const [first] = key;
  if (first === settingsByte || first === stateByte) {
    const is = first === settingsByte ? 'settings' : 'state';
    return key.length === 1 ? { is } : undefined;
  }
  if (first === idByte) {
    return readId(key.subarray(1));
  }
  if (first !== messageByte || key.length !== 1 + sequenceBytes) {
    return undefined;
  }
  const { buffer, byteOffset } = key;
  const sequence = Number(new DataView(buffer, byteOffset).getBigUint64(1));
  return Number.isSafeInteger(sequence) && sequence > 0 ? { is: 'message', sequence } : undefined;
}

function readId(bytes: Uint8Array): StreamKey | undefined {
  try {
    const id = dedupIdSchema.safeParse(fromUtf8(bytes));
    return id.success ? { is: 'id', id: id.data } : undefined;
  } catch {
    return undefined;
  }
}

export interface StreamState {
  /** The oldest message kept; one above `last` where none is. */
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** Of the last message; 0 before the first. */
  readonly lastMs: number;
}

export const emptyState: StreamState = { first: 1, last: 0, bytes: 0, lastMs: 0 };

export interface StoredMessage {
  readonly atMs: number;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly id?: string | undefined;
}

export interface StoredId {
  readonly sequence: number;
  readonly atMs: number;
}

export interface StoredConsumer {
  readonly epoch: number;
  readonly acked: number;
  readonly updatedMs: number;
}

const natural = z.number().int().nonnegative();
export const stateSchema: z.ZodType<StreamState> = z
  .strictObject({ first: natural.positive(), last: natural, bytes: natural, lastMs: natural })
  .refine(({ first, last }) => first <= last + 1, 'a stream begins after its end');
export const settingsSchema: z.ZodType<StreamLimits> = limitsSchema;
export const storedIdSchema: z.ZodType<StoredId> = z.strictObject({
  sequence: natural.positive(),
  atMs: natural,
});
export const storedMessageSchema: z.ZodType<StoredMessage> = z.strictObject({
  atMs: natural,
  payload: bytesSchema.refine(
    (payload) => payload.length <= payloadBytesMax,
    `a payload has at most ${payloadBytesMax} bytes`,
  ),
  headers: headersSchema.refine(
    (headers) => headersBytes(headers) <= headersBytesMax,
    `headers have at most ${headersBytesMax} bytes`,
  ),
  id: dedupIdSchema.optional(),
});

/** What a message counts against the limits of its stream. */
export function messageBytes({ payload, headers, id }: StoredMessage): number {
  return payload.length + headersBytes(headers) + (id?.length ?? 0);
}

export function headersBytes(headers: Readonly<Record<string, string>>): number {
  return Object.entries(headers).reduce(
    (sum, [name, value]) => sum + utf8(name).length + utf8(value).length,
    0,
  );
}

const consumerSchema: z.ZodType<StoredConsumer> = z.object({
  epoch: natural,
  acked: natural,
  updatedMs: natural,
});

/** By federated id and consumer. */
export function consumerTable(store: KeyValueStore, codec: Codec): Table<StoredConsumer> {
  return table({ store, codec, name: 'consumer', schema: consumerSchema });
}
