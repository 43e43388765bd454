// Spaces of keys and values: written by their owner, mirrored whole, watched wherever they are. A
// space is a resource; its name is what all its keys stand under.
import {
  federatedIdSchema,
  localId,
  nameLengthMax,
  resourceNameSchema,
  targetSpelled,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema, labelsSchema } from '../resources/contract.ts';
import { batchMethods, type KvBatches } from './batch-contract.ts';
import { leaseIdSchema, mergeRules, type MergeRule } from './cell.ts';
import {
  comparesMax,
  compareSchema,
  entryFields,
  entrySchema,
  eventSchema,
  keyBytesMax,
  keySchema,
  kvKind,
  opResultSchema,
  opSchema,
  prefixSchema,
  transactOpsMax,
  valueFields,
  type KvChange,
  type KvCompare,
  type KvEntry,
  type KvOp,
  type KvPage,
  type SpelledValue,
  type Transacted,
} from './entries.ts';
import { leaseMethods, type KvLeases } from './lease-contract.ts';

export {
  batchKeysMax,
  type KvBatches,
  type KvBatchWritten,
  type KvSwapped,
} from './batch-contract.ts';
export {
  leaseKeysMax,
  leasesMax,
  leaseTtlSecondsMax,
  leaseTtlSecondsMin,
  type KvLease,
  type KvLeases,
} from './lease-contract.ts';
// What else keeps cells does it by the same rules.
export {
  compareCells,
  decodeCell,
  encodeCell,
  leaseIdSchema,
  mergeCells,
  mergedCells,
  mergeRules,
  nextCell,
  valueBytesMax,
  writersMax,
  type Cell,
  type CellOrder,
  type MergedCells,
  type MergeRule,
  type VersionVector,
} from './cell.ts';
export {
  asJson,
  canonicalJson,
  isJsonMap,
  jsonDepthMax,
  parseJson,
  type JsonMap,
  type JsonValue,
} from './json-value.ts';
export {
  comparesMax,
  keyBytesMax,
  keySchema,
  kvKind,
  transactOpsMax,
  type KvChange,
  type KvCompare,
  type KvEntry,
  type KvEvent,
  type KvExpectation,
  type KvOp,
  type KvOpResult,
  type KvOrder,
  type KvPage,
  type KvWrite,
  type SpelledValue,
  type Transacted,
} from './entries.ts';

export const spacesMax = 1_000; // each is a log with heads of its own
export const keysMax = 1_000_000; // of one space: the digest over them is kept while it is written
export const pageEntriesMax = 1_000; // keys of a page where values are small
export const pageEntriesDefault = 100; // what a person reads at once
export const pageBytesMax: number = 1_024 * 1_024; // values of one page, one value at least
// how long a deletion is remembered where several clusters write: longer than any is away
export const tombstoneMs: number = 30 * 86_400_000;
export const sweepIntervalMs: number = 6 * 3_600_000; // a tombstone stays at most this much longer

export interface Space {
  readonly resource: FederatedId;
  readonly name: string;
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  /** Free text of the owner's; a mirror does not know it. */
  readonly type: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How values that several clusters wrote at the same time are brought together. */
  readonly rule: MergeRule;
  /** Whether other clusters write it: then what is deleted is remembered for `tombstoneMs`. */
  readonly shared: boolean;
  readonly epoch: number;
  /** Of the last change: what a watch begins after. */
  readonly revision: number;
}

/** Own spaces, and mirrors of others': `<name>`, `<peer>:<name>` or a federated id. */
export interface Kv extends KvBatches, KvLeases {
  create(
    input: {
      name: string;
      type?: string | undefined;
      description?: string | undefined;
      labels?: Readonly<Record<string, string>> | undefined;
      rule?: MergeRule | undefined;
      shared?: boolean | undefined;
    },
    call?: Call,
  ): Promise<Space>;
  spaces(input: Record<string, never>, call?: Call): Promise<{ readonly spaces: readonly Space[] }>;
  show(input: { space: string }, call?: Call): Promise<Space>;
  /** Deletes an own space with everything in it. */
  remove(input: { space: string }, call?: Call): Promise<Space>;
  /** Answers once it is on disk. CONFLICT where a condition was given and does not hold. */
  put(
    input: SpelledValue & {
      space: string;
      key: string;
      ifVersion?: number | undefined;
      ifAbsent?: boolean | undefined;
      lease?: string | undefined;
    },
    call?: Call,
  ): Promise<{ readonly key: string; readonly version: number; readonly revision: number }>;
  get(
    input: { space: string; key: string },
    call?: Call,
  ): Promise<KvEntry & { readonly revision: number }>;
  /**
   * One page of the keys with a prefix, or from `start` on and before `end`. With a cursor, the
   * next one of the same question: CURSOR_GONE where the state of its first page is not kept.
   */
  list(
    input: {
      space: string;
      prefix?: string | undefined;
      start?: string | undefined;
      end?: string | undefined;
      reverse?: boolean | undefined;
      keysOnly?: boolean | undefined;
      limit?: number | undefined;
      cursor?: string | undefined;
    },
    call?: Call,
  ): Promise<KvPage>;
  /** Deleting what is not there changes nothing. */
  delete(
    input: { space: string; key: string; ifVersion?: number | undefined },
    call?: Call,
  ): Promise<{ readonly key: string; readonly deleted: boolean; readonly revision: number }>;
  /** One change: all of it or nothing. */
  transact(
    input: {
      space: string;
      if: readonly KvCompare[];
      then: readonly KvOp[];
      else?: readonly KvOp[] | undefined;
    },
    call?: Call,
  ): Promise<Transacted>;
  /**
   * Every change after a revision, in order and each once; without one, from now on; after 0, from
   * the oldest that is kept.
   */
  watch(
    input: {
      space: string;
      from?: number | undefined;
      key?: string | undefined;
      prefix?: string | undefined;
      /** With what stood there before; of own spaces alone. */
      prev?: boolean | undefined;
    },
    call?: Call,
  ): AsyncIterable<KvChange>;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const shownSpace: z.ZodType<Space> = z.object({
  resource: federatedIdSchema,
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  ownerName: z.string(),
  type: z.string(),
  description: z.string(),
  labels: labelsSchema,
  rule: z.enum(mergeRules),
  shared: z.boolean(),
  epoch: natural,
  revision: natural,
});
const ops = z.array(opSchema).max(transactOpsMax);
const oneSpace = z.strictObject({ space: spelled });
const unfound = ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'] as const;
const unwritten = [
  ...unfound,
  'RESOURCE_READ_ONLY',
  'MIRROR_FROZEN',
  'INPUT_TOO_LARGE',
  'STORE_LIMIT',
  'RATE_LIMITED',
] as const;

export const kvContract: Contract<Kv> = {
  name: 'kv',
  version: 2,
  methods: {
    ...batchMethods,
    ...leaseMethods,
    create: {
      summary: 'Makes an empty space.',
      permission: 'kv.write',
      route: 'POST /kv/spaces',
      input: z.strictObject({
        name: resourceNameSchema,
        type: z.string().min(1).max(nameLengthMax).optional(),
        description: descriptionSchema.optional(),
        labels: labelsSchema.optional(),
        rule: z.enum(mergeRules).optional(),
        shared: z.boolean().optional(),
      }),
      target: ({ name }) => localId(kvKind, name),
      output: shownSpace,
      errors: ['RESOURCE_EXISTS', 'STORE_LIMIT'],
    },
    spaces: {
      summary: 'Lists own spaces and mirrors.',
      permission: 'kv.read',
      route: 'GET /kv/spaces',
      input: z.strictObject({}),
      output: z.object({ spaces: z.array(shownSpace) }),
      errors: [],
    },
    show: {
      summary: 'Shows one space.',
      permission: 'kv.read',
      route: 'GET /kv/spaces/show',
      input: oneSpace,
      target: ({ space }) => targetSpelled(kvKind, space),
      output: shownSpace,
      errors: unfound,
    },
    remove: {
      summary: 'Deletes an own space with everything in it.',
      permission: 'kv.write',
      route: 'DELETE /kv/spaces',
      input: oneSpace,
      target: ({ space }) => targetSpelled(kvKind, space),
      output: shownSpace,
      errors: [...unfound, 'RESOURCE_READ_ONLY'],
    },
    put: {
      summary: 'Writes one value; answers once it is on disk.',
      permission: 'kv.write',
      route: 'PUT /kv/entry',
      input: z.strictObject({
        ...valueFields,
        space: spelled,
        key: keySchema,
        ifVersion: natural.optional(),
        ifAbsent: z.boolean().optional(),
        lease: leaseIdSchema.optional(),
      }),
      target: ({ space }) => targetSpelled(kvKind, space),
      output: z.object({ key: z.string(), version: natural, revision: natural }),
      errors: [...unwritten, 'CONFLICT', 'LEASE_NOT_FOUND'],
    },
    get: {
      summary: 'Reads one value.',
      permission: 'kv.read',
      route: 'GET /kv/entry',
      input: z.strictObject({ space: spelled, key: keySchema }),
      target: ({ space }) => targetSpelled(kvKind, space),
      output: z.object({ ...entryFields, revision: natural }),
      errors: [...unfound, 'ENTRY_NOT_FOUND'],
    },
    list: {
      summary: 'Reads one page of keys and values, in the order of their keys.',
      permission: 'kv.read',
      route: 'GET /kv/entries',
      input: z.strictObject({
        space: spelled,
        prefix: prefixSchema.optional(),
        start: keySchema.optional(),
        end: keySchema.optional(),
        reverse: z.boolean().optional(),
        keysOnly: z.boolean().optional(),
        limit: z.number().int().positive().max(pageEntriesMax).optional(),
        cursor: z
          .string()
          .max(2 * keyBytesMax)
          .optional(),
      }),
      target: ({ space }) => targetSpelled(kvKind, space),
      output: z.object({
        entries: z.array(entrySchema),
        cursor: z.string().optional(),
        revision: natural,
      }),
      errors: [...unfound, 'CURSOR_GONE'],
    },
    delete: {
      summary: 'Deletes one key.',
      permission: 'kv.write',
      route: 'DELETE /kv/entry',
      input: z.strictObject({ space: spelled, key: keySchema, ifVersion: natural.optional() }),
      target: ({ space }) => targetSpelled(kvKind, space),
      output: z.object({ key: z.string(), deleted: z.boolean(), revision: natural }),
      errors: [...unwritten, 'CONFLICT'],
    },
    transact: {
      summary: 'Compares, then writes one way or the other, in one step.',
      permission: 'kv.write',
      route: 'POST /kv/transact',
      input: z.strictObject({
        space: spelled,
        if: z.array(compareSchema).max(comparesMax),
        then: ops,
        else: ops.optional(),
      }),
      target: ({ space }) => targetSpelled(kvKind, space),
      output: z.object({
        succeeded: z.boolean(),
        results: z.array(opResultSchema),
        revision: natural,
      }),
      errors: [...unwritten, 'CONFLICT', 'LEASE_NOT_FOUND'],
    },
    watch: {
      watch: true,
      summary: 'Every change of a space from now on, or after a revision.',
      permission: 'kv.read',
      route: 'GET /kv/changes',
      input: z.strictObject({
        space: spelled,
        from: natural.optional(),
        key: keySchema.optional(),
        prefix: prefixSchema.optional(),
        prev: z.boolean().optional(),
      }),
      target: ({ space }) => targetSpelled(kvKind, space),
      output: z.object({ revision: natural, events: z.array(eventSchema) }),
      errors: [...unfound, 'REVISION_GONE'],
    },
  },
};
