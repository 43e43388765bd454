// Several keys at once, and one key on a condition: what fails is an answer that shows what is
// there.
import { nameLengthMax, targetSpelled, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';
import { leaseIdSchema } from './cell.ts';
import {
  compareSchema,
  comparesMax,
  entrySchema,
  expectationSchema,
  keySchema,
  kvKind,
  opResultSchema,
  transactOpsMax,
  valueFields,
  writeSchema,
  type KvCompare,
  type KvEntry,
  type KvExpectation,
  type KvOpResult,
  type KvWrite,
  type SpelledValue,
} from './entries.ts';

export const batchKeysMax = 100; // of one read: as many as a page shows by default

/** Either it was done, or this is what stands there instead. */
export type KvSwapped =
  | {
      readonly ok: true;
      readonly key: string;
      /** 0 where it was deleted. */
      readonly version: number;
      readonly revision: number;
    }
  | { readonly ok: false; readonly current: KvEntry | null; readonly revision: number };

export type KvBatchWritten =
  | { readonly ok: true; readonly results: readonly KvOpResult[]; readonly revision: number }
  | {
      readonly ok: false;
      /** The first condition that does not hold, counted from 0, and what its key has instead. */
      readonly failed: number;
      readonly current: KvEntry | null;
      readonly revision: number;
    };

export interface KvBatches {
  /** Writes where the key stands as expected. */
  compareAndSet(
    input: SpelledValue & {
      space: string;
      key: string;
      expect: KvExpectation;
      lease?: string | undefined;
    },
    call?: Call,
  ): Promise<KvSwapped>;
  /** Deletes where the key stands as expected. */
  compareAndDelete(
    input: { space: string; key: string; expect: KvExpectation },
    call?: Call,
  ): Promise<KvSwapped>;
  /** All at one revision, in the order asked; null for what is not there. */
  batchRead(
    input: { space: string; keys: readonly string[] },
    call?: Call,
  ): Promise<{ readonly entries: readonly (KvEntry | null)[]; readonly revision: number }>;
  /** One change: all of it, where all conditions hold, or nothing. */
  batchWrite(
    input: {
      space: string;
      ops: readonly KvWrite[];
      if?: readonly KvCompare[] | undefined;
    },
    call?: Call,
  ): Promise<KvBatchWritten>;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const swapped: z.ZodType<KvSwapped> = z.union([
  z.object({ ok: z.literal(true), key: z.string(), version: natural, revision: natural }),
  z.object({ ok: z.literal(false), current: entrySchema.nullable(), revision: natural }),
]);
const unfound = ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'] as const;
const unwritten = [
  ...unfound,
  'RESOURCE_READ_ONLY',
  'MIRROR_FROZEN',
  'INPUT_TOO_LARGE',
  'STORE_LIMIT',
  'RATE_LIMITED',
  'CONFLICT',
] as const;

export const batchMethods: Contract<KvBatches>['methods'] = {
  compareAndSet: {
    summary: 'Writes one value where the key stands as expected; else shows what is there.',
    permission: 'kv.write',
    route: 'POST /kv/compare-and-set',
    input: z.strictObject({
      ...valueFields,
      space: spelled,
      key: keySchema,
      expect: expectationSchema,
      lease: leaseIdSchema.optional(),
    }),
    target: ({ space }) => targetSpelled(kvKind, space),
    output: swapped,
    errors: [...unwritten, 'LEASE_NOT_FOUND'],
    since: 2,
  },
  compareAndDelete: {
    summary: 'Deletes one key where it stands as expected; else shows what is there.',
    permission: 'kv.write',
    route: 'POST /kv/compare-and-delete',
    input: z.strictObject({ space: spelled, key: keySchema, expect: expectationSchema }),
    target: ({ space }) => targetSpelled(kvKind, space),
    output: swapped,
    errors: unwritten,
    since: 2,
  },
  batchRead: {
    summary: 'Reads several keys at one revision.',
    permission: 'kv.read',
    route: 'POST /kv/batch-read',
    input: z.strictObject({ space: spelled, keys: z.array(keySchema).min(1).max(batchKeysMax) }),
    target: ({ space }) => targetSpelled(kvKind, space),
    output: z.object({ entries: z.array(entrySchema.nullable()), revision: natural }),
    errors: [...unfound, 'INPUT_TOO_LARGE'],
    since: 2,
  },
  batchWrite: {
    summary: 'Writes several keys in one step, where all conditions hold.',
    permission: 'kv.write',
    route: 'POST /kv/batch-write',
    input: z.strictObject({
      space: spelled,
      ops: z.array(writeSchema).min(1).max(transactOpsMax),
      if: z.array(compareSchema).max(comparesMax).optional(),
    }),
    target: ({ space }) => targetSpelled(kvKind, space),
    output: z.union([
      z.object({ ok: z.literal(true), results: z.array(opResultSchema), revision: natural }),
      z.object({
        ok: z.literal(false),
        failed: natural,
        current: entrySchema.nullable(),
        revision: natural,
      }),
    ]),
    errors: [...unwritten, 'LEASE_NOT_FOUND'],
    since: 2,
  },
};
