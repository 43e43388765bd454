// Where mirrors are kept. Entries lie under their epoch, so that another epoch is built beside the
// present one and the applied row switches over.
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
  readonly epoch: number;
  readonly sequence: number;
  readonly chain: Uint8Array;
  readonly digest: Uint8Array;
  /** The newest head that verified: evidence against a later fork. */
  readonly head: Head;
  readonly appliedMs: number;
}

export interface MirroredEntry {
  readonly value: Uint8Array;
  readonly version: number;
  readonly blobs: readonly BlobReference[];
}

export interface MirrorTables {
  /** By federated id. */
  readonly mirrors: Table<MirrorRecord>;
  /** By federated id. */
  readonly applied: Table<AppliedRecord>;
  /** By federated id, epoch, entry key. */
  readonly entries: Table<MirroredEntry>;
}

const mirror: z.ZodType<MirrorRecord> = z.object({
  resource: federatedIdSchema,
  addedMs: z.number(),
});
const applied: z.ZodType<AppliedRecord> = z.object({
  epoch: z.number().int().positive(),
  sequence: z.number().int().positive(),
  chain: hashSchema,
  digest: hashSchema,
  head: headSchema,
  appliedMs: z.number(),
});
const entry: z.ZodType<MirroredEntry> = z.object({
  value: bytesSchema,
  version: z.number().int().positive(),
  blobs: z.array(blobReferenceSchema),
});

export function mirrorTables(store: KeyValueStore, codec: Codec): MirrorTables {
  return {
    mirrors: table({ store, codec, name: 'mirror', schema: mirror }),
    applied: table({ store, codec, name: 'applied', schema: applied }),
    entries: table({ store, codec, name: 'entry', schema: entry }),
  };
}
