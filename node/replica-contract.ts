// What the nodes of one cluster ask each other about blobs, over the port of nodes.
import {
  blobChunkBytes,
  blobIdSchema,
  bytesSchema,
  type BlobId,
  type Call,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';

export const idsAtOnceMax = 1_000; // of a listing or a removal: 64 KiB

export interface ReplicaPlan {
  readonly sizeBytes: number;
  /** Ids of the chunks, 32 bytes each. */
  readonly chunks: Uint8Array;
}

/** So much was read of copies; the last of each blob says how it is. */
export interface CopyRead {
  readonly bytes: number;
  readonly blob?: { readonly id: BlobId; readonly damaged: boolean } | undefined;
}

export interface ReplicaHolder {
  find(input: { id: BlobId }, call?: Call): Promise<{ readonly plan?: ReplicaPlan | undefined }>;
  chunk(input: { id: BlobId; index: number }, call?: Call): Promise<{ readonly bytes: Uint8Array }>;
  /** Opens or resumes a transfer to it; a blob that is there misses nothing. */
  begin(
    input: { id: BlobId; plan: ReplicaPlan },
    call?: Call,
  ): Promise<{ readonly missing: readonly number[] }>;
  give(
    input: { id: BlobId; index: number; bytes: Uint8Array },
    call?: Call,
  ): Promise<Record<string, never>>;
  /** Answers once the blob is verified and on its disk. */
  commit(input: { id: BlobId }, call?: Call): Promise<Record<string, never>>;
  drop(input: { ids: readonly BlobId[] }, call?: Call): Promise<Record<string, never>>;
  /** Reads all that lies there; what is not what its id says is set aside, and named. */
  verify(input: Record<string, never>, call?: Call): AsyncIterable<CopyRead>;
  /** All that lie there. */
  ids(
    input: Record<string, never>,
    call?: Call,
  ): AsyncIterable<{ readonly ids: readonly BlobId[] }>;
}

const natural = z.number().int().nonnegative();
const plan: z.ZodType<ReplicaPlan> = z.object({ sizeBytes: natural, chunks: bytesSchema });
const oneBlob = z.object({ id: blobIdSchema });
const nothing = z.object({});
const bytes = bytesSchema.refine(
  (given) => given.length <= blobChunkBytes,
  'a chunk is a mebibyte',
);
const permission = 'replicas.write';

export const replicaContract: Contract<ReplicaHolder> = {
  name: 'replicas',
  version: 1,
  methods: {
    find: {
      summary: 'How a blob is made up, where it is there.',
      permission,
      input: oneBlob,
      output: z.object({ plan: plan.optional() }),
      errors: [],
    },
    chunk: {
      summary: 'One chunk of a blob.',
      permission,
      input: z.object({ id: blobIdSchema, index: natural }),
      output: z.object({ bytes: bytesSchema }),
      errors: ['BLOB_NOT_FOUND'],
    },
    begin: {
      summary: 'Begins to take a blob in.',
      permission,
      input: z.object({ id: blobIdSchema, plan }),
      output: z.object({ missing: z.array(natural) }),
      errors: ['BLOB_CORRUPT'],
    },
    give: {
      summary: 'Takes one chunk.',
      permission,
      input: z.object({ id: blobIdSchema, index: natural, bytes }),
      output: nothing,
      errors: ['BLOB_CORRUPT', 'BLOB_NOT_FOUND'],
    },
    commit: {
      summary: 'Keeps a blob whose chunks are all there.',
      permission,
      input: oneBlob,
      output: nothing,
      errors: ['BLOB_CORRUPT', 'BLOB_INCOMPLETE', 'BLOB_NOT_FOUND'],
    },
    drop: {
      summary: 'Removes blobs that nothing names any more.',
      permission,
      input: z.object({ ids: z.array(blobIdSchema).max(idsAtOnceMax) }),
      output: nothing,
      errors: [],
    },
    verify: {
      watch: true,
      summary: 'Reads all that lies there, and sets aside what is damaged.',
      permission,
      input: nothing,
      output: z.object({
        bytes: natural,
        blob: z.object({ id: blobIdSchema, damaged: z.boolean() }).optional(),
      }),
      errors: [],
    },
    ids: {
      watch: true,
      summary: 'Lists the blobs that lie there.',
      permission,
      input: nothing,
      output: z.object({ ids: z.array(blobIdSchema) }),
      errors: [],
    },
  },
};
