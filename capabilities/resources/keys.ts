// Where the resources of this cluster are kept. The key of a change is its predecessor's sequence,
// which is known before the change is stored; its own sequence is the revision that stored it.
import {
  bytesSchema,
  hashSchema,
  hlcSchema,
  table,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  blobReferenceSchema,
  changeSchema,
  positionSchema,
  resourceSchema,
  type BlobReference,
  type Change,
  type Position,
  type Resource,
} from './contract.ts';

export interface StoredResource {
  readonly resource: Resource;
  readonly removed: boolean;
}

/** The modification revision of this record is the sequence. */
export interface StoredState {
  readonly epoch: number;
  readonly chain: Uint8Array;
  readonly digest: Uint8Array;
  readonly hlc: readonly [number, number];
  /** Since the last checkpoint. */
  readonly changes: number;
  readonly bytes: number;
}

export interface StoredEntry {
  readonly value: Uint8Array;
  readonly version: number;
  readonly blobs: readonly BlobReference[];
}

export interface ResourceTables {
  /** By local id. */
  readonly resources: Table<StoredResource>;
  /** By local id. */
  readonly states: Table<StoredState>;
  /** By local id, epoch, previous sequence. */
  readonly changes: Table<Change>;
  /** By local id, epoch, sequence. */
  readonly checkpoints: Table<Position>;
  /** By local id, epoch, entry key. */
  readonly entries: Table<StoredEntry>;
  /** By local id, epoch, blob id. */
  readonly blobs: Table<BlobReference>;
}

const storedResource: z.ZodType<StoredResource> = z.object({
  resource: resourceSchema,
  removed: z.boolean(),
});
const storedState: z.ZodType<StoredState> = z.object({
  epoch: z.number().int().positive(),
  chain: hashSchema,
  digest: hashSchema,
  hlc: hlcSchema,
  changes: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
});
const storedEntry: z.ZodType<StoredEntry> = z.object({
  value: bytesSchema,
  version: z.number().int().positive(),
  blobs: z.array(blobReferenceSchema),
});

export function resourceTables(store: KeyValueStore, codec: Codec): ResourceTables {
  return {
    resources: table({ store, codec, name: 'resource', schema: storedResource }),
    states: table({ store, codec, name: 'state', schema: storedState }),
    changes: table({ store, codec, name: 'change', schema: changeSchema }),
    checkpoints: table({ store, codec, name: 'checkpoint', schema: positionSchema }),
    entries: table({ store, codec, name: 'entry', schema: storedEntry }),
    blobs: table({ store, codec, name: 'blob', schema: blobReferenceSchema }),
  };
}
