// Where mirrors are kept. Entries lie under the number of their copy, so that another epoch, or a
// snapshot, is built beside the present one and the applied row switches over.
import {
  bytesSchema,
  federatedIdSchema,
  hashSchema,
  table,
  type Codec,
  type FederatedId,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  blobReferenceSchema,
  headSchema,
  type BlobReference,
  type Head,
} from '../resources/contract.ts';

export interface MirrorRecord {
  readonly resource: FederatedId;
  readonly addedMs: number;
}

export interface AppliedRecord {
  /** Where the entries lie: rises with every switch. */
  readonly copy: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly chain: Uint8Array;
  /** Of that position; unknown between two transactions of one batch. */
  readonly digest?: Uint8Array | undefined;
  /**
   * While the entries are made another position's in place, in several transactions: until then,
   * they are of none.
   */
  readonly repairing?: boolean | undefined;
  /** The newest head that verified: evidence against a later fork. */
  readonly head: Head;
  readonly appliedMs: number;
}

export interface MirroredEntry {
  readonly value: Uint8Array;
  readonly version: number;
  readonly blobs: readonly BlobReference[];
}

/** A leaf of the digest trie as a transaction has left it; without a hash it is gone. */
export interface JournalledLeaf {
  readonly key: Uint8Array;
  readonly hash?: Uint8Array | undefined;
}

/** Two heads of one owner that cannot both be true, as they were signed. */
export interface ForkRecord {
  readonly held: Head;
  readonly other: Head;
  readonly seenMs: number;
}

export interface MirrorTables {
  /** By federated id. */
  readonly mirrors: Table<MirrorRecord>;
  /** By federated id. */
  readonly applied: Table<AppliedRecord>;
  /** By federated id, copy, entry key. */
  readonly entries: Table<MirroredEntry>;
  /** By federated id, copy, sequence: what the pages of the digest trie may not have yet. */
  readonly journal: Table<readonly JournalledLeaf[]>;
  /** By federated id. */
  readonly forks: Table<ForkRecord>;
}

const mirror: z.ZodType<MirrorRecord> = z.object({
  resource: federatedIdSchema,
  addedMs: z.number(),
});
const applied: z.ZodType<AppliedRecord> = z.object({
  copy: z.number().int().positive(),
  epoch: z.number().int().positive(),
  sequence: z.number().int().positive(),
  chain: hashSchema,
  digest: hashSchema.optional(),
  repairing: z.boolean().optional(),
  head: headSchema,
  appliedMs: z.number(),
});
const entry: z.ZodType<MirroredEntry> = z.object({
  value: bytesSchema,
  version: z.number().int().positive(),
  blobs: z.array(blobReferenceSchema),
});

const journal: z.ZodType<readonly JournalledLeaf[]> = z.array(
  z.object({ key: bytesSchema, hash: hashSchema.optional() }),
);
const fork: z.ZodType<ForkRecord> = z.object({
  held: headSchema,
  other: headSchema,
  seenMs: z.number(),
});

export function mirrorTables(store: KeyValueStore, codec: Codec): MirrorTables {
  return {
    mirrors: table({ store, codec, name: 'mirror', schema: mirror }),
    applied: table({ store, codec, name: 'applied', schema: applied }),
    entries: table({ store, codec, name: 'entry', schema: entry }),
    journal: table({ store, codec, name: 'journal', schema: journal }),
    forks: table({ store, codec, name: 'fork', schema: fork }),
  };
}
