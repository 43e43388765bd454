// Where the resources of this cluster are kept. The key of a change is its predecessor's sequence,
// which is known before the change is stored; its own sequence is the revision that stored it.
import {
  bytesSchema,
  hashSchema,
  hlcSchema,
  table,
  type Codec,
  type KeyValueStore,
  type Row,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  blobReferenceSchema,
  changeSchema,
  resourceSchema,
  type BlobReference,
  type Change,
  type Point,
  type Resource,
} from './contract.ts';

export interface StoredResource {
  readonly resource: Resource;
  readonly removed: boolean;
}

/**
 * A record that was carried from one store into another: there, its revision is another one than
 * that which made it.
 */
export interface Carried {
  /** Its sequence; absent where the record lies where it was written. */
  readonly sequence?: number | undefined;
}

/** The sequence is the modification revision of this record, where it was not carried. */
export interface StoredState extends Carried {
  readonly epoch: number;
  readonly chain: Uint8Array;
  readonly hlc: readonly [number, number];
  /** Since the last checkpoint. */
  readonly changes: number;
  readonly bytes: number;
  /** Since the epoch began. */
  readonly allChanges: number;
  readonly allBytes: number;
}

export interface StoredChange extends Change, Carried {
  /** Of the entries after each operation, 0 where it deleted one: what their leaves say. */
  readonly versions: readonly number[];
}

export interface StoredCheckpoint extends Point {
  /** Filled in when the digest trie comes by. */
  readonly digest?: Uint8Array | undefined;
  /** In the epoch, up to and with it. */
  readonly allChanges: number;
  readonly allBytes: number;
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
  readonly changes: Table<StoredChange>;
  /** By local id, epoch, sequence. */
  readonly checkpoints: Table<StoredCheckpoint>;
  /** By local id, epoch: the sequence after which changes are kept. */
  readonly kept: Table<number>;
  /** By local id, epoch, entry key. */
  readonly entries: Table<StoredEntry>;
  /** By local id, epoch, blob id. */
  readonly blobs: Table<BlobReference>;
  /** One row: every epoch that begins here from now on is above it. After a restore. */
  readonly floor: Table<number>;
}

/** Of a state or a change, wherever it was first written. */
export function sequenceOf({ value, modRevision }: Row<Carried>): number {
  return value.sequence ?? modRevision;
}

const storedResource: z.ZodType<StoredResource> = z.object({
  resource: resourceSchema,
  removed: z.boolean(),
});
const storedSequence = z.number().int().positive();
const carried = { sequence: z.number().int().positive().optional() };
const storedState: z.ZodType<StoredState> = z.object({
  epoch: z.number().int().positive(),
  chain: hashSchema,
  hlc: hlcSchema,
  changes: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  allChanges: z.number().int().nonnegative(),
  allBytes: z.number().int().nonnegative(),
  ...carried,
});
const storedChange: z.ZodType<StoredChange> = z.intersection(
  changeSchema,
  z.object({ versions: z.array(z.number().int().nonnegative()), ...carried }),
);
const storedCheckpoint: z.ZodType<StoredCheckpoint> = z.object({
  epoch: z.number().int().positive(),
  sequence: z.number().int().positive(),
  chain: hashSchema,
  hlc: hlcSchema,
  digest: hashSchema.optional(),
  allChanges: z.number().int().positive(),
  allBytes: z.number().int().nonnegative(),
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
    changes: table({ store, codec, name: 'change', schema: storedChange }),
    checkpoints: table({ store, codec, name: 'checkpoint', schema: storedCheckpoint }),
    kept: table({ store, codec, name: 'kept', schema: storedSequence }),
    entries: table({ store, codec, name: 'entry', schema: storedEntry }),
    blobs: table({ store, codec, name: 'blob', schema: blobReferenceSchema }),
    floor: table({ store, codec, name: 'floor', schema: storedSequence }),
  };
}
