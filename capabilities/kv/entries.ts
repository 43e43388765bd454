// What callers say about one key, and hear: values, entries, comparisons, operations and events,
// with the schemas that they pass.
import { clusterIdSchema, utf8, type ClusterId } from '@hansa/foundation';
import { z } from 'zod';
import { leaseIdSchema } from './cell.ts';

export const kvKind = 'kv';

export const keyBytesMax = 512; // with its space and the store's own parts, half of a store's key
export const transactOpsMax = 64; // in each of `then` and `else`; with the log's own, one change
export const comparesMax = 64; // as many as there may be operations: one for each
// what one request holds: who sends a little too much is told the limit of a value instead
const spelledLengthMax: number = 1_024 * 1_024;

/** Exactly one of the two: UTF-8 as it is, or any bytes as base64 (RFC 4648). */
export interface SpelledValue {
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
}

export interface KvEntry extends SpelledValue {
  readonly key: string;
  /** 1 for a new key, one more with each write. */
  readonly version: number;
  readonly writtenMs: number;
  /** Whose write it was: the owner's, but for shared spaces. */
  readonly writtenBy: ClusterId;
  /** Of the first change that made it and of its last one; at its owner alone. */
  readonly createRevision?: number | undefined;
  readonly modRevision?: number | undefined;
  /** It goes when this lease ends. */
  readonly lease?: string | undefined;
}

export interface KvPage {
  readonly entries: readonly KvEntry[];
  /** For the next page, which shows the same state as this one; absent on the last. */
  readonly cursor?: string | undefined;
  /** Of the state that all pages show: a watch from here misses nothing that is not in them. */
  readonly revision: number;
}

const orders = ['=', '!=', '<', '>'] as const;
export type KvOrder = (typeof orders)[number];

/**
 * True or not of a key as it stands, by `=` where no `op` is given. Of a key that is not there,
 * version and revisions are 0, and nothing is true of its value.
 */
export type KvCompare =
  | { readonly key: string; readonly version: number; readonly op?: KvOrder | undefined }
  | { readonly key: string; readonly createRevision: number; readonly op?: KvOrder | undefined }
  | { readonly key: string; readonly modRevision: number; readonly op?: KvOrder | undefined }
  /** In the order of their bytes. */
  | { readonly key: string; readonly value: SpelledValue; readonly op?: KvOrder | undefined }
  | { readonly key: string; readonly present: boolean };

/** What stands there: at that version, 0 where nothing does, or with that value. */
export type KvExpectation = { readonly version: number } | { readonly value: SpelledValue };

export type KvWrite =
  | {
      readonly put: SpelledValue & { readonly key: string; readonly lease?: string | undefined };
    }
  | { readonly delete: { readonly key: string } };

export type KvOp = KvWrite | { readonly get: { readonly key: string } };

export type KvOpResult =
  | { readonly put: { readonly key: string; readonly version: number } }
  | { readonly delete: { readonly key: string; readonly deleted: boolean } }
  /** As it stood before the transaction. */
  | { readonly get: { readonly key: string; readonly entry: KvEntry | null } };

export interface Transacted {
  /** Whether all compares were true: then `then` was done, else `else`. */
  readonly succeeded: boolean;
  readonly results: readonly KvOpResult[];
  readonly revision: number;
}

export type KvEvent =
  | (SpelledValue & {
      readonly type: 'put';
      readonly key: string;
      readonly writtenMs: number;
      readonly writtenBy: ClusterId;
      /** What stood there before, where it was asked for; null for nothing. */
      readonly prev?: KvEntry | null | undefined;
    })
  | {
      readonly type: 'delete';
      readonly key: string;
      readonly prev?: KvEntry | null | undefined;
    };

/** One change of a space, whole: what happened at once is told at once. */
export interface KvChange {
  readonly revision: number;
  readonly events: readonly KvEvent[];
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** Control characters are no part of a key, so that nothing of ours is ever mistaken for one. */
export const keySchema: z.ZodType<string> = z
  .string()
  .min(1)
  .max(keyBytesMax)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'a key is text without control characters')
  .refine((key) => utf8(key).length <= keyBytesMax, `a key has at most ${keyBytesMax} bytes`);
export const prefixSchema: z.ZodType<string> = z
  .string()
  .max(keyBytesMax)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'a prefix is text without control characters');
/** One of the two, and how long it may be, `readValue` sees to. */
export const valueFields: {
  readonly text: z.ZodOptional<z.ZodString>;
  readonly base64: z.ZodOptional<z.ZodString>;
} = {
  text: z.string().max(spelledLengthMax).optional(),
  base64: z.string().max(spelledLengthMax).optional(),
};
const shownFields: typeof valueFields = {
  text: z.string().optional(),
  base64: z.string().optional(),
};
export const entryFields: typeof shownFields & {
  readonly key: z.ZodString;
  readonly version: z.ZodNumber;
  readonly writtenMs: z.ZodNumber;
  readonly writtenBy: z.ZodType<ClusterId>;
  readonly createRevision: z.ZodOptional<z.ZodNumber>;
  readonly modRevision: z.ZodOptional<z.ZodNumber>;
  readonly lease: z.ZodOptional<z.ZodType<string>>;
} = {
  ...shownFields,
  key: z.string(),
  version: natural,
  writtenMs: natural,
  writtenBy: clusterIdSchema,
  createRevision: natural.optional(),
  modRevision: natural.optional(),
  lease: leaseIdSchema.optional(),
};
export const entrySchema: z.ZodType<KvEntry> = z.object(entryFields);
const order = z.enum(orders).optional();
export const compareSchema: z.ZodType<KvCompare> = z.union([
  z.strictObject({ key: keySchema, version: natural, op: order }),
  z.strictObject({ key: keySchema, createRevision: natural, op: order }),
  z.strictObject({ key: keySchema, modRevision: natural, op: order }),
  z.strictObject({ key: keySchema, value: z.strictObject(valueFields), op: order }),
  z.strictObject({ key: keySchema, present: z.boolean() }),
]);
export const expectationSchema: z.ZodType<KvExpectation> = z.union([
  z.strictObject({ version: natural }),
  z.strictObject({ value: z.strictObject(valueFields) }),
]);
const oneKey = z.strictObject({ key: keySchema });
export const writeSchema: z.ZodType<KvWrite> = z.union([
  z.strictObject({
    put: z.strictObject({ ...valueFields, key: keySchema, lease: leaseIdSchema.optional() }),
  }),
  z.strictObject({ delete: oneKey }),
]);
export const opSchema: z.ZodType<KvOp> = z.union([writeSchema, z.strictObject({ get: oneKey })]);
export const opResultSchema: z.ZodType<KvOpResult> = z.union([
  z.object({ put: z.object({ key: z.string(), version: natural }) }),
  z.object({ delete: z.object({ key: z.string(), deleted: z.boolean() }) }),
  z.object({ get: z.object({ key: z.string(), entry: entrySchema.nullable() }) }),
]);
export const eventSchema: z.ZodType<KvEvent> = z.union([
  z.object({
    ...shownFields,
    type: z.literal('put'),
    key: z.string(),
    writtenMs: natural,
    writtenBy: clusterIdSchema,
    prev: entrySchema.nullable().optional(),
  }),
  z.object({
    type: z.literal('delete'),
    key: z.string(),
    prev: entrySchema.nullable().optional(),
  }),
]);
