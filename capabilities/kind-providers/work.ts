// Work as a program reads it: items, and the entries and changes that they are about, in JSON.
import { blobIdSchema, federatedIdSchema, type BlobId, type FederatedId } from '@hansa/foundation';
import { z } from 'zod';

export type ValueEncoding = 'text' | 'base64url';

export interface ShownBlob {
  readonly id: BlobId;
  readonly sizeBytes: number;
}

export interface KindEntry {
  readonly key: string;
  readonly value: string;
  readonly encoding: ValueEncoding;
  readonly blobs: readonly ShownBlob[];
}

export type ShownOp = { readonly put: KindEntry } | { readonly delete: { readonly key: string } };

export interface ShownChange {
  readonly sequence: number;
  readonly author: string;
  readonly ops: readonly ShownOp[];
}

/**
 * `lease` comes first and once, and is not answered. `ping` asks whether the program is there.
 * `stage`: may this batch be applied? `commit`: it was. `discard`: it was not, after all. `settle`:
 * make what you keep equal to the entries, whatever a crash left. `purge`: forget this epoch.
 */
export type WorkType = 'lease' | 'ping' | 'stage' | 'commit' | 'discard' | 'settle' | 'purge';

export interface Work {
  readonly type: WorkType;
  /** The same for the same work, also when it is handed out again. */
  readonly work: string;
  /** In `lease`: every answer names it. */
  readonly lease?: string | undefined;
  readonly answerWithinMs?: number | undefined;
  readonly resource?: FederatedId | undefined;
  readonly ownerName?: string | undefined;
  readonly name?: string | undefined;
  readonly epoch?: number | undefined;
  /** In `stage`: the last change of the batch. In `commit`: what is applied now. */
  readonly sequence?: number | undefined;
  /** In `commit` and `discard`: the work that staged it. */
  readonly staged?: string | undefined;
  /** In `stage`: the batch, or its beginning. */
  readonly changes?: readonly ShownChange[] | undefined;
  /** Where the rest of the batch begins; absent where this is all. */
  readonly next?: number | undefined;
}

export const encodingSchema: z.ZodType<ValueEncoding> = z.enum(['text', 'base64url']);
const natural = z.number().int().nonnegative();
export const kindEntrySchema: z.ZodType<KindEntry> = z.object({
  key: z.string(),
  value: z.string(),
  encoding: encodingSchema,
  blobs: z.array(z.object({ id: blobIdSchema, sizeBytes: natural })),
});
const shownOpSchema: z.ZodType<ShownOp> = z.union([
  z.object({ put: kindEntrySchema }),
  z.object({ delete: z.object({ key: z.string() }) }),
]);
export const shownChangeSchema: z.ZodType<ShownChange> = z.object({
  sequence: natural,
  author: z.string(),
  ops: z.array(shownOpSchema),
});
export const workSchema: z.ZodType<Work> = z.object({
  type: z.enum(['lease', 'ping', 'stage', 'commit', 'discard', 'settle', 'purge']),
  work: z.string(),
  lease: z.string().optional(),
  answerWithinMs: natural.optional(),
  resource: federatedIdSchema.optional(),
  ownerName: z.string().optional(),
  name: z.string().optional(),
  epoch: natural.optional(),
  sequence: natural.optional(),
  staged: z.string().optional(),
  changes: z.array(shownChangeSchema).optional(),
  next: natural.optional(),
});
