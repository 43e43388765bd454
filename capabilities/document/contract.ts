// Documents: JSON values with a name and a type, each a resource of its own, so that each is
// shared, mirrored and watched by itself.
import {
  federatedIdSchema,
  nameLengthMax,
  targetSpelled,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema, labelsSchema } from '../resources/contract.ts';

export const documentKind = 'document';

export const documentsMax = 10_000; // own ones: each is a log with heads of its own
export const documentBytesMax: number = 300 * 1_024; // canonical; a change has room for it
// rows of a page, each a few hundred bytes: well below a frame
export const pageDocumentsMax = 1_000;
export const pageDocumentsDefault = 100; // what a person reads at once

export interface Document {
  readonly resource: FederatedId;
  readonly name: string;
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  /** Free text such as `monitoring/dashboard`. */
  readonly type: string;
  /** 1 when it is made, one more with each write. */
  readonly version: number;
  /** In its canonical spelling. */
  readonly sizeBytes: number;
  readonly writtenMs: number;
  /** Rises when a document is made again under its name. */
  readonly epoch: number;
  /** Whether other clusters write it too. */
  readonly shared: boolean;
}

export interface ShownDocument extends Document {
  /** Any JSON. */
  readonly value: unknown;
}

export type DocumentEvent =
  | { readonly type: 'put'; readonly document: ShownDocument }
  | { readonly type: 'delete'; readonly resource: FederatedId };

/** Own documents, and mirrors of others': `<name>`, `<peer>:<name>` or a federated id. */
export interface Documents {
  /** Makes it, or takes the place of its value; what it is for is said when it is made. */
  put(
    input: {
      document: string;
      value: unknown;
      type?: string | undefined;
      description?: string | undefined;
      labels?: Readonly<Record<string, string>> | undefined;
      /** Others may write it: said when it is made. */
      shared?: boolean | undefined;
      /** 0 where it must not be there. */
      ifVersion?: number | undefined;
    },
    call?: Call,
  ): Promise<Document>;
  get(input: { document: string }, call?: Call): Promise<ShownDocument>;
  list(
    input: {
      type?: string | undefined;
      limit?: number | undefined;
      cursor?: string | undefined;
    },
    call?: Call,
  ): Promise<{ readonly documents: readonly Document[]; readonly cursor?: string | undefined }>;
  /** Applies a JSON merge patch (RFC 7396). */
  patch(
    input: { document: string; patch: unknown; ifVersion?: number | undefined },
    call?: Call,
  ): Promise<ShownDocument>;
  /** Deletes an own document with its history. */
  delete(
    input: { document: string; ifVersion?: number | undefined },
    call?: Call,
  ): Promise<Document>;
  /**
   * Documents as they are, then each newer state in order and once; one that was overtaken before
   * it could be told is passed over.
   */
  watch(
    input: { document?: string | undefined; type?: string | undefined },
    call?: Call,
  ): AsyncIterable<DocumentEvent>;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const typeText = z.string().min(1).max(nameLengthMax);
const documentFields = {
  resource: federatedIdSchema,
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  ownerName: z.string(),
  type: z.string(),
  version: natural,
  sizeBytes: natural,
  writtenMs: natural,
  epoch: natural,
  shared: z.boolean(),
};
const document: z.ZodType<Document> = z.object(documentFields);
const shownDocument: z.ZodType<ShownDocument> = z.object({ ...documentFields, value: z.unknown() });
const event: z.ZodType<DocumentEvent> = z.union([
  z.object({ type: z.literal('put'), document: shownDocument }),
  z.object({ type: z.literal('delete'), resource: federatedIdSchema }),
]);
const unfound = ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'] as const;
const unwritten = [
  ...unfound,
  'RESOURCE_READ_ONLY',
  'MIRROR_FROZEN',
  'INPUT_TOO_LARGE',
  'CONFLICT',
] as const;

export const documentContract: Contract<Documents> = {
  name: 'document',
  version: 1,
  methods: {
    put: {
      summary: 'Makes a document, or takes the place of its value.',
      permission: 'document.write',
      route: 'PUT /documents',
      input: z.strictObject({
        document: spelled,
        value: z.unknown(),
        type: typeText.optional(),
        description: descriptionSchema.optional(),
        labels: labelsSchema.optional(),
        shared: z.boolean().optional(),
        ifVersion: natural.optional(),
      }),
      target: ({ document: of }) => targetSpelled(documentKind, of),
      output: document,
      errors: [...unwritten, 'STORE_LIMIT'],
    },
    get: {
      summary: 'Reads one document.',
      permission: 'document.read',
      route: 'GET /documents/show',
      input: z.strictObject({ document: spelled }),
      target: ({ document: of }) => targetSpelled(documentKind, of),
      output: shownDocument,
      errors: unfound,
    },
    list: {
      summary: 'Lists own documents and mirrors, without their values, page by page.',
      permission: 'document.read',
      route: 'GET /documents',
      input: z.strictObject({
        type: typeText.optional(),
        limit: z.number().int().positive().max(pageDocumentsMax).optional(),
        cursor: federatedIdSchema.optional(),
      }),
      output: z.object({ documents: z.array(document), cursor: z.string().optional() }),
      errors: [],
    },
    patch: {
      summary: 'Changes parts of a document by a JSON merge patch (RFC 7396).',
      permission: 'document.write',
      route: 'POST /documents/patch',
      input: z.strictObject({
        document: spelled,
        patch: z.unknown(),
        ifVersion: natural.optional(),
      }),
      target: ({ document: of }) => targetSpelled(documentKind, of),
      output: shownDocument,
      errors: unwritten,
    },
    delete: {
      summary: 'Deletes an own document with its history.',
      permission: 'document.write',
      route: 'DELETE /documents',
      input: z.strictObject({ document: spelled, ifVersion: natural.optional() }),
      target: ({ document: of }) => targetSpelled(documentKind, of),
      output: document,
      errors: unwritten,
    },
    watch: {
      watch: true,
      summary: 'Documents as they are, then every newer state.',
      permission: 'document.read',
      route: 'GET /documents/changes',
      input: z.strictObject({ document: spelled.optional(), type: typeText.optional() }),
      target: ({ document: of }) =>
        of === undefined ? undefined : targetSpelled(documentKind, of),
      output: event,
      errors: unfound,
    },
  },
};
