// What callers say about one key, and hear: values, entries, comparisons, operations and events,
// with the schemas that they pass.
import { clusterIdSchema, utf8, type ClusterId } from '@hansa/foundation';
import { z } from 'zod';

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
}

export interface KvPage {
  readonly entries: readonly KvEntry[];
  /** For the next page; absent on the last. */
  readonly cursor?: string | undefined;
  /** A watch from here misses nothing that is not in the page. */
  readonly revision: number;
}

/** True or not of a key as it stands; version 0 is a key that is not there. */
export type KvCompare =
  | {
      readonly key: string;
      readonly version: number;
      readonly op?: '=' | '!=' | '<' | '>' | undefined;
    }
  | { readonly key: string; readonly value: SpelledValue; readonly op?: '=' | '!=' | undefined }
  | { readonly key: string; readonly present: boolean };

export type KvOp =
  | { readonly put: SpelledValue & { readonly key: string } }
  | { readonly delete: { readonly key: string } }
  | { readonly get: { readonly key: string } };

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
    })
  | { readonly type: 'delete'; readonly key: string };

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
} = {
  ...shownFields,
  key: z.string(),
  version: natural,
  writtenMs: natural,
  writtenBy: clusterIdSchema,
};
export const entrySchema: z.ZodType<KvEntry> = z.object(entryFields);
export const compareSchema: z.ZodType<KvCompare> = z.union([
  z.strictObject({
    key: keySchema,
    version: natural,
    op: z.enum(['=', '!=', '<', '>']).optional(),
  }),
  z.strictObject({
    key: keySchema,
    value: z.strictObject(valueFields),
    op: z.enum(['=', '!=']).optional(),
  }),
  z.strictObject({ key: keySchema, present: z.boolean() }),
]);
const oneKey = z.strictObject({ key: keySchema });
export const opSchema: z.ZodType<KvOp> = z.union([
  z.strictObject({ put: z.strictObject({ ...valueFields, key: keySchema }) }),
  z.strictObject({ delete: oneKey }),
  z.strictObject({ get: oneKey }),
]);
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
  }),
  z.object({ type: z.literal('delete'), key: z.string() }),
]);
