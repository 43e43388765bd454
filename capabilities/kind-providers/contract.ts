// Kinds of resources that a program in any language serves: it registers the kind, makes resources
// of it, and is handed the work that mirroring brings, one item after another, over plain HTTP.
import {
  blobIdSchema,
  federatedIdSchema,
  localId,
  nameLengthMax,
  resourceNameSchema,
  utf8,
  type BlobId,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { blobsPerOpMax, descriptionSchema, labelsSchema } from '../resources/contract.ts';
import {
  encodingSchema,
  kindEntrySchema,
  shownChangeSchema,
  workSchema,
  type KindEntry,
  type ShownChange,
  type ValueEncoding,
  type Work,
} from './work.ts';

export const kindsMax = 64; // each is a program somebody runs beside the node
export const keyBytesMax = 256; // in UTF-8; with its resource's id it fits a key of the store
export const valueBytesMax: number = 256 * 1_024; // with its key it fits one change
export const opsMax = 80; // operations of one change, room for the log's own beside them
export const schemaBytesMax: number = 32 * 1_024; // of JSON; longer ones belong in a document
export const reasonLengthMax = 1_024; // why a program refuses: a sentence for people
export const answerWithinMs = 60_000; // a program that is silent longer is taken for hung
export const pingEveryMs = 10_000; // without work: whoever is there answers
export const workPageBytesMax: number = 1_024 * 1_024; // of one line; the rest is asked for
export const workQueueMax = 1_000; // batches that wait for one program; each is held in memory
export const blobUploadBytesMax: number = 1_024 * 1_024 * 1_024; // one request

/**
 * Kinds that Hansa serves itself, now or as its design has it: no program takes one of these
 * names.
 */
export const reservedKinds: readonly string[] = [
  'audit',
  'blob',
  'checkpoint',
  'cluster',
  'dataset',
  'directory',
  'document',
  'git',
  'job',
  'kind',
  'kv',
  'lane',
  'link',
  'namespace',
  'note',
  'policy',
  'role',
  'secret',
  'service',
  'signal',
  'stream',
  'volume',
  'workload',
];

/** What the node itself holds changes of the kind to, before it asks the program. */
export interface KindLimits {
  readonly valueBytesMax: number;
  readonly opsMax: number;
}

export interface KindProvider {
  /** What the program calls itself. */
  readonly name: string;
  readonly sinceMs: number;
  /** Items that wait for it. */
  readonly waiting: number;
}

export interface ExternalKind {
  readonly kind: string;
  readonly description: string;
  /** For people and programs; the node does not apply it. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  readonly limits: KindLimits;
  readonly createdMs: number;
  /** Absent while no program serves it. */
  readonly provider?: KindProvider | undefined;
  /** When a program last began or ended to serve it; absent where none ever has. */
  readonly servedMs?: number | undefined;
}

export type GivenOp =
  | {
      readonly put: {
        readonly key: string;
        readonly value: string;
        /** Default `text`. */
        readonly encoding?: ValueEncoding | undefined;
        /** Uploaded before. */
        readonly blobs?: readonly BlobId[] | undefined;
      };
    }
  | { readonly delete: { readonly key: string } };

export interface KindResource {
  readonly resource: FederatedId;
  readonly name: string;
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  readonly epoch: number;
  readonly sequence: number;
}

/** Kinds that programs serve. */
export interface Kinds {
  /** Registered already: description, schema and limits are what this call says. */
  register(
    input: {
      kind: string;
      description?: string | undefined;
      schema?: Readonly<Record<string, unknown>> | undefined;
      limits?: { valueBytesMax?: number | undefined; opsMax?: number | undefined } | undefined;
    },
    call?: Call,
  ): Promise<ExternalKind>;
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly kinds: readonly ExternalKind[] }>;
  show(input: { kind: string }, call?: Call): Promise<ExternalKind>;
  /** KIND_IN_USE while there are resources or mirrors of it. */
  remove(input: { kind: string }, call?: Call): Promise<ExternalKind>;
  resources(
    input: { kind: string },
    call?: Call,
  ): Promise<{ readonly resources: readonly KindResource[] }>;
  create(
    input: {
      kind: string;
      name: string;
      type?: string | undefined;
      description?: string | undefined;
      labels?: Readonly<Record<string, string>> | undefined;
    },
    call?: Call,
  ): Promise<KindResource>;
  delete(input: { kind: string; name: string }, call?: Call): Promise<KindResource>;
  /** One change; CONFLICT where `expect` is given and the log has moved on. */
  append(
    input: {
      kind: string;
      name: string;
      ops: readonly GivenOp[];
      expect?: number | undefined;
    },
    call?: Call,
  ): Promise<{ readonly epoch: number; readonly sequence: number }>;
  /**
   * All entries of a resource in the order of their keys; with `work`, as they stand before the
   * batch that waits for an answer.
   */
  entries(
    input: { kind: string; resource: string; work?: string | undefined },
    call?: Call,
  ): AsyncIterable<KindEntry>;
  /**
   * Serves the kind until the stream ends. One program at a time: another name is told
   * KIND_PROVIDED unless it takes over; the same name takes its own place.
   */
  work(
    input: { kind: string; provider: string; takeover?: boolean | undefined },
    call?: Call,
  ): AsyncIterable<Work>;
  /** What did not fit the item of a batch. */
  changes(
    input: { kind: string; work: string; from: number },
    call?: Call,
  ): Promise<{ readonly changes: readonly ShownChange[]; readonly next?: number | undefined }>;
  answer(
    input: {
      kind: string;
      work: string;
      lease: string;
      accept: boolean;
      reason?: string | undefined;
    },
    call?: Call,
  ): Promise<{ readonly work: string }>;
}

export const kindNameSchema: z.ZodType<string> = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'a kind is a letter, then letters, digits and "-", up to 32');
export const keySchema: z.ZodType<string> = z
  .string()
  .min(1)
  .max(keyBytesMax)
  .regex(/^\P{C}*$/u, 'a key has no control characters');
const natural = z.number().int().nonnegative();
const workId = z.string().regex(/^[0-9a-f]{32}$/, 'a work id is 32 hex digits');
const resourceSpelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const schemaText: z.ZodType<Readonly<Record<string, unknown>>> = z
  .record(z.string(), z.unknown())
  .refine(
    (schema) => utf8(JSON.stringify(schema)).length <= schemaBytesMax,
    `a schema has at most ${schemaBytesMax} bytes`,
  );
const limitFields = {
  valueBytesMax: natural.max(valueBytesMax),
  opsMax: natural.positive().max(opsMax),
};
export const kindLimitsSchema: z.ZodType<KindLimits> = z.object(limitFields);
const externalKind: z.ZodType<ExternalKind> = z.object({
  kind: z.string(),
  description: z.string(),
  schema: z.record(z.string(), z.unknown()).optional(),
  limits: kindLimitsSchema,
  createdMs: natural,
  provider: z.object({ name: z.string(), sinceMs: natural, waiting: natural }).optional(),
  servedMs: natural.optional(),
});
const kindResource: z.ZodType<KindResource> = z.object({
  resource: federatedIdSchema,
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  ownerName: z.string(),
  epoch: natural,
  sequence: natural,
});
const givenOp: z.ZodType<GivenOp> = z.union([
  z.strictObject({
    put: z.strictObject({
      key: keySchema,
      value: z.string().max(Math.ceil((valueBytesMax * 4) / 3) + 4),
      encoding: encodingSchema.optional(),
      blobs: z.array(blobIdSchema).max(blobsPerOpMax).optional(),
    }),
  }),
  z.strictObject({ delete: z.strictObject({ key: keySchema }) }),
]);
const oneKind = z.strictObject({ kind: kindNameSchema });

export const kindsContract: Contract<Kinds> = {
  name: 'kinds',
  version: 1,
  methods: {
    register: {
      summary: 'Registers a kind, for good; again, to change what is said of it.',
      permission: 'kinds.write',
      route: 'POST /kinds',
      input: z.strictObject({
        kind: kindNameSchema,
        description: descriptionSchema.optional(),
        schema: schemaText.optional(),
        limits: z.strictObject(limitFields).partial().optional(),
      }),
      output: externalKind,
      errors: ['KIND_RESERVED', 'STORE_LIMIT', 'CONFLICT'],
    },
    list: {
      summary: 'Lists the kinds that programs serve.',
      permission: 'kinds.read',
      route: 'GET /kinds',
      input: z.strictObject({}),
      output: z.object({ kinds: z.array(externalKind) }),
      errors: [],
    },
    show: {
      summary: 'Shows one kind and who serves it.',
      permission: 'kinds.read',
      route: 'GET /kinds/:kind',
      input: oneKind,
      output: externalKind,
      errors: ['KIND_UNKNOWN'],
    },
    remove: {
      summary: 'Removes a kind of which there is nothing.',
      permission: 'kinds.write',
      route: 'DELETE /kinds/:kind',
      input: oneKind,
      output: externalKind,
      errors: ['KIND_UNKNOWN', 'KIND_IN_USE'],
    },
    resources: {
      summary: 'Lists own resources and mirrors of a kind.',
      permission: 'kinds.read',
      route: 'GET /kinds/:kind/resources',
      input: oneKind,
      output: z.object({ resources: z.array(kindResource) }),
      errors: ['KIND_UNKNOWN'],
    },
    create: {
      summary: 'Makes an empty resource of the kind.',
      permission: 'kinds.write',
      route: 'POST /kinds/:kind/resources',
      input: z.strictObject({
        kind: kindNameSchema,
        name: resourceNameSchema,
        type: z.string().max(nameLengthMax).optional(),
        description: descriptionSchema.optional(),
        labels: labelsSchema.optional(),
      }),
      target: ({ kind, name }) => localId(kind, name),
      output: kindResource,
      errors: ['KIND_UNKNOWN', 'RESOURCE_EXISTS'],
    },
    delete: {
      summary: 'Deletes an own resource of the kind with its history.',
      permission: 'kinds.write',
      route: 'DELETE /kinds/:kind/resources',
      input: z.strictObject({ kind: kindNameSchema, name: resourceNameSchema }),
      target: ({ kind, name }) => localId(kind, name),
      output: kindResource,
      errors: ['KIND_UNKNOWN', 'RESOURCE_NOT_FOUND'],
    },
    append: {
      summary: 'Changes an own resource in one step; answers once it is on disk.',
      permission: 'kinds.write',
      route: 'POST /kinds/:kind/append',
      input: z.strictObject({
        kind: kindNameSchema,
        name: resourceNameSchema,
        ops: z.array(givenOp).min(1).max(opsMax),
        expect: natural.positive().optional(),
      }),
      target: ({ kind, name }) => localId(kind, name),
      output: z.object({ epoch: natural, sequence: natural }),
      errors: [
        'KIND_UNKNOWN',
        'RESOURCE_NOT_FOUND',
        'BLOB_NOT_FOUND',
        'CHANGE_TOO_LARGE',
        'CONFLICT',
      ],
    },
    entries: {
      watch: true,
      summary: 'Every entry of an own or mirrored resource, in the order of keys; then it ends.',
      permission: 'kinds.read',
      route: 'GET /kinds/:kind/entries',
      input: z.strictObject({
        kind: kindNameSchema,
        resource: resourceSpelled,
        work: workId.optional(),
      }),
      output: kindEntrySchema,
      errors: ['KIND_UNKNOWN', 'RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'WORK_OVER'],
    },
    work: {
      watch: true,
      summary:
        'Serves the kind: hands out work until the stream ends; each item waits for its answer.',
      permission: 'kinds.write',
      route: 'GET /kinds/:kind/work',
      input: z.strictObject({
        kind: kindNameSchema,
        provider: z
          .string()
          .min(1)
          .max(nameLengthMax)
          .regex(/^\P{C}*$/u, 'no control characters'),
        takeover: z.boolean().optional(),
      }),
      output: workSchema,
      errors: ['KIND_UNKNOWN', 'KIND_PROVIDED', 'TIMED_OUT'],
    },
    changes: {
      summary: 'The rest of a batch that did not fit its item.',
      permission: 'kinds.read',
      route: 'GET /kinds/:kind/work/:work/changes',
      input: z.strictObject({ kind: kindNameSchema, work: workId, from: natural }),
      output: z.object({ changes: z.array(shownChangeSchema), next: natural.optional() }),
      errors: ['KIND_UNKNOWN', 'WORK_OVER'],
    },
    answer: {
      summary: 'Answers an item of work: accepted or done, or refused with a reason.',
      permission: 'kinds.write',
      route: 'POST /kinds/:kind/work/:work',
      input: z.strictObject({
        kind: kindNameSchema,
        work: workId,
        lease: workId,
        accept: z.boolean(),
        reason: z.string().max(reasonLengthMax).optional(),
      }),
      output: z.object({ work: z.string() }),
      errors: ['KIND_UNKNOWN', 'WORK_OVER'],
    },
  },
};
