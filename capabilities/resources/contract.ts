// What this cluster owns: resources, the log of their changes, and the signed heads that prove
// them.
import {
  blobIdSchema,
  bytesSchema,
  federatedIdSchema,
  hashSchema,
  hlcSchema,
  localIdSchema,
  merkleStepsMax,
  nameLengthMax,
  storedNameSchema,
  signatureSchema,
  type BlobId,
  type Call,
  type Contract,
  type FederatedId,
  type HansaError,
  type Hlc,
  type LocalId,
  type MerkleStep,
  type RowRange,
  type TrieChange,
  type TrieView,
} from '@hansa/foundation';
import { z } from 'zod';
import type {
  InspectionOrder,
  MendedResource,
  ResourceInspection,
  ResourceProblem,
} from './inspected.ts';

export type { InspectionOrder, MendedResource, ResourceInspection, ResourceProblem };

// operations and the blobs they name: with the log's own, one transaction
export const changeOpsMax = 90;
// the encoded record stays below a value's 512 KiB
export const changeBytesMax: number = 384 * 1_024;
export const blobsPerOpMax = 16; // a change names manifests, not chunks
export const batchChangesMax = 1_000; // a signed head at least this often
export const batchBytesMax: number = 4 * 1_024 * 1_024; // what a mirror holds before it verifies
// Changes after the older of these two are always kept: a mirror that is back after a night follows
// on, and one that is further behind compares what it has.
export const changesKeptMin = 100_000;
export const changeBytesKeptMin: number = 64 * 1_024 * 1_024; // what a link carries in seconds
export const compactIntervalMs = 600_000; // a tenth of an hour's changes more, at worst
export const labelsMax = 32; // labels are for selecting, not for storing
export const descriptionLengthMax = 1_024; // some lines for lists; a longer text is a document
export const labelLengthMax = 64; // a word to select by, not a text

export interface Resource {
  readonly id: LocalId;
  readonly kind: string;
  readonly name: string;
  /** Free text such as `monitoring/dashboard`. */
  readonly type: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: number;
  /** Rises when the resource is made again under the same id. */
  readonly epoch: number;
}

/** What binds a blob to a signed change: a false manifest cannot waste gigabytes. */
export interface BlobReference {
  readonly id: BlobId;
  readonly sizeBytes: number;
  /** `manifestId` of foundation/blob-manifest.ts. */
  readonly manifest: BlobId;
}

export type ChangeOp =
  | {
      readonly put: {
        readonly key: Uint8Array;
        readonly value: Uint8Array;
        readonly blobs: readonly BlobReference[];
      };
    }
  | { readonly delete: { readonly key: Uint8Array } };

/**
 * One atomic step of a resource. Its sequence is known once it is stored; its predecessor's,
 * before.
 */
export interface Change {
  readonly epoch: number;
  /** The sequence before this change. */
  readonly previous: number;
  readonly ops: readonly ChangeOp[];
  readonly hlc: Hlc;
  /** Who caused it, for people: a principal or a cluster. */
  readonly author: string;
}

export interface SequencedChange {
  /** The store revision that made it: sparse, rising. */
  readonly sequence: number;
  readonly change: Change;
}

/** Where a resource's history stands: what every change carries on. */
export interface Point {
  readonly epoch: number;
  readonly sequence: number;
  /** H(previous chain, change). */
  readonly chain: Uint8Array;
  readonly hlc: Hlc;
}

/** A point with what is there: computed for the points that are signed, not for every change. */
export interface Position extends Point {
  /** Root of the digest trie over the entries. */
  readonly digest: Uint8Array;
}

/** One signature per tick covers all heads that were asked for in it. */
export interface Tick {
  readonly root: Uint8Array;
  readonly asOfMs: number;
  readonly keyIndex: number;
  /** By the owner's key, over transcript `hansa/tick/1`. */
  readonly signature: Uint8Array;
}

export interface Head extends Position {
  readonly resource: FederatedId;
  readonly tick: Tick;
  /** Keeps one head from betraying another that shares its tick. */
  readonly salt: Uint8Array;
  readonly path: readonly MerkleStep[];
}

export interface ResourceEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly version: number;
  readonly blobs: readonly BlobReference[];
}

/**
 * With the revisions of our store that made and last wrote it, where it is of an own log: the
 * sequences of those changes, but for a log that was carried here from another store.
 */
export interface DatedEntry extends ResourceEntry {
  readonly made?: number | undefined;
  readonly written?: number | undefined;
}

/** All entries as they were at one revision of the store, while it goes on. */
export interface EntriesAt {
  readonly epoch: number;
  /** Of the newest change that they show. */
  readonly sequence: number;
  readonly revision: number;
  entry(key: Uint8Array): Promise<DatedEntry | undefined>;
  entries(range?: RowRange): AsyncIterable<DatedEntry>;
}

/** A resource as it was at one position, while it goes on: for copies that are made in pieces. */
export interface Snapshot {
  readonly position: Position;
  /** Its leaves carry the keys of all entries. */
  readonly trie: TrieView;
  entry(key: Uint8Array): Promise<ResourceEntry | undefined>;
}

/** The resources of this cluster, for people. */
export interface Resources {
  list(
    input: { kind?: string | undefined },
    call?: Call,
  ): Promise<{ resources: readonly Resource[] }>;
  show(
    input: { id: LocalId },
    call?: Call,
  ): Promise<Resource & { readonly position: ShownPosition }>;
}

export interface ShownPosition {
  readonly epoch: number;
  readonly sequence: number;
  /** Hex. */
  readonly digest: string;
}

// ---- in process, for the capabilities that own or serve resources ----

export interface NewResource {
  readonly kind: string;
  readonly name: string;
  readonly type?: string | undefined;
  readonly description?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface Mending {
  readonly problems: readonly ResourceProblem[];
  /** Where entries may come from besides our own history; none of it is believed. */
  readonly candidates: () => AsyncIterable<ResourceEntry>;
}

/** What a resource goes on with in another epoch. */
export interface Renewal {
  readonly above: number;
  readonly author: string;
  /** Default: those that are here. */
  readonly entries?: AsyncIterable<ResourceEntry> | undefined;
  /** Throws where what was read is not what it should be: then nothing has changed. */
  complete?(): void;
}

/** `write`: to make, change or remove it; `sign`: to tell others where it stands. */
export type GuardedAct = 'write' | 'sign';

export interface ResourceLog {
  /** RESOURCE_EXISTS; a name that was deleted comes back in the next epoch. */
  create(resource: NewResource): Promise<Resource>;
  /** RESOURCE_NOT_FOUND. The tombstone keeps the epoch. */
  remove(id: LocalId): Promise<Resource>;
  find(id: LocalId): Resource | undefined;
  all(): readonly Resource[];
  /** Rises whenever a resource is made or removed. */
  readonly generation: number;
  /** Called after every change of any resource's log or of the list itself. */
  subscribe(changed: (id: LocalId) => void): () => void;
  /**
   * Appends a change; CONFLICT where `expect` is given and the log has moved on. Without, what one
   * author asks for at the same time about other keys may become one change.
   */
  append(
    id: LocalId,
    ops: readonly ChangeOp[],
    options: { author: string; expect?: number | undefined },
  ): Promise<Point>;
  /** Where it stands, at once and without its digest. */
  point(id: LocalId): Point | undefined;
  position(id: LocalId): Promise<Position | undefined>;
  entry(id: LocalId, key: Uint8Array): Promise<DatedEntry | undefined>;
  entries(id: LocalId): AsyncIterable<ResourceEntry>;
  /**
   * As they were at a revision of the store, the present one where none is given. STORE_COMPACTED
   * where it is no longer kept; undefined where the resource was not there.
   */
  at(id: LocalId, revision?: number): Promise<EntriesAt | undefined>;
  /** The resource as it is now; readable while the store keeps that revision. */
  snapshot(id: LocalId): Promise<Snapshot | undefined>;
  /** The sequence after which changes are kept: 0 where all of the epoch are. */
  keptAfter(id: LocalId): Promise<number>;
  /** Changes after a sequence, in order, up to and with the present one. */
  changes(id: LocalId, since: { epoch: number; sequence: number }): AsyncIterable<SequencedChange>;
  /** The positions at which a batch may end: one every 1,000 changes or 4 MiB; ascending. */
  checkpoints(id: LocalId, since: { epoch: number; sequence: number }): AsyncIterable<Position>;
  /** Whether any kept change of the resource names the blob, and how. */
  blob(id: LocalId, blob: BlobId): Promise<BlobReference | undefined>;
  /** Every blob that a kept change of the resource names. */
  blobs(id: LocalId): AsyncIterable<BlobReference>;
  /** Signs positions of several resources with one signature per tick. */
  sign(id: LocalId, position: Position): Promise<Head>;
  /** The last epoch there was under the id, of what was removed as well; undefined for never. */
  lastEpoch(id: LocalId): number | undefined;
  /**
   * The same entries as the changes of a new epoch, above both the present one and `above`: mirrors
   * build themselves anew. Switched to at once, when all is written; no guard is asked.
   */
  renew(id: LocalId, renewal: Renewal): Promise<Resource>;
  /** Leaves nothing but a tombstone of that epoch, where there is no resource. */
  bury(id: LocalId, epoch: number): Promise<void>;
  /**
   * Reads all of it, and holds it against its digest and chain; undefined where there is nothing to
   * read.
   */
  inspect(id: LocalId, order: InspectionOrder): Promise<ResourceInspection | undefined>;
  /** Puts right what an inspection found. CONFLICT where it was written to meanwhile. */
  mend(id: LocalId, mending: Mending): Promise<MendedResource>;
  /** From now on, whoever makes, writes, removes or signs is refused with what `refuse` answers. */
  guard(refuse: (id: LocalId, act: GuardedAct) => HansaError | undefined): void;
}

/** How histories are computed and checked: the same on the owner's side and the mirror's. */
export interface History {
  /** The chain before the first change of an epoch. */
  firstChain(resource: FederatedId, epoch: number): Uint8Array;
  nextChain(before: Uint8Array, change: Change): Uint8Array;
  /** The leaf of an entry in the digest trie. */
  leaf(entry: ResourceEntry): Uint8Array;
  /** What a change does to the digest trie; `versions` are those after each of its operations. */
  trieChanges(ops: readonly ChangeOp[], versions: readonly number[]): readonly TrieChange[];
  /** BLAKE3 over a value and the blobs it names: what a trie leaf carries. */
  valueHash(entry: {
    readonly value: Uint8Array;
    readonly blobs: readonly BlobReference[];
  }): Uint8Array;
  /**
   * HEAD_INVALID unless the owner signed exactly this head; KEY_UNKNOWN, KEY_RETIRED or KEY_FORKED
   * where the key that it names may not have.
   */
  verify(head: Head): void;
  /** HEAD_INVALID unless this very key signed exactly this head. */
  verifyHead(head: Head, ownerKey: Uint8Array): void;
}

const positionFields = {
  epoch: z.number().int().positive(),
  sequence: z.number().int().positive(),
  chain: hashSchema,
  digest: hashSchema,
  hlc: hlcSchema,
};
export const positionSchema: z.ZodType<Position> = z.object(positionFields);
export const blobReferenceSchema: z.ZodType<BlobReference> = z.object({
  id: blobIdSchema,
  sizeBytes: z.number().int().nonnegative(),
  manifest: blobIdSchema,
});
export const changeSchema: z.ZodType<Change> = z.object({
  epoch: z.number().int().positive(),
  previous: z.number().int().positive(),
  ops: z
    .array(
      z.union([
        z.strictObject({
          put: z.strictObject({
            key: bytesSchema,
            value: bytesSchema,
            blobs: z.array(blobReferenceSchema).max(blobsPerOpMax),
          }),
        }),
        z.strictObject({ delete: z.strictObject({ key: bytesSchema }) }),
      ]),
    )
    .max(changeOpsMax),
  hlc: hlcSchema,
  author: z.string().max(256),
});
export const tickSchema: z.ZodType<Tick> = z.object({
  root: hashSchema,
  asOfMs: z.number().int().nonnegative(),
  keyIndex: z.number().int().nonnegative(),
  signature: signatureSchema,
});
/** What binds a position to a tick. */
export const proofFields: {
  readonly salt: z.ZodType<Uint8Array>;
  readonly path: z.ZodType<Head['path']>;
} = {
  salt: hashSchema,
  path: z
    .array(z.object({ side: z.enum(['left', 'right']), hash: hashSchema }))
    .max(merkleStepsMax),
};
export const headSchema: z.ZodType<Head> = z.object({
  ...positionFields,
  resource: federatedIdSchema,
  tick: tickSchema,
  ...proofFields,
});
export const descriptionSchema: z.ZodType<string> = z.string().max(descriptionLengthMax);
export const labelsSchema: z.ZodType<Readonly<Record<string, string>>> = z
  .record(z.string().min(1).max(labelLengthMax), z.string().max(labelLengthMax))
  .refine((labels) => Object.keys(labels).length <= labelsMax, `at most ${labelsMax} labels`);
const resourceFields = {
  id: localIdSchema,
  kind: z.string(),
  name: storedNameSchema,
  type: z.string().max(nameLengthMax),
  description: descriptionSchema,
  labels: labelsSchema,
  createdMs: z.number(),
  epoch: z.number().int().positive(),
};
export const resourceSchema: z.ZodType<Resource> = z.object(resourceFields);

export const resourcesContract: Contract<Resources> = {
  name: 'resources',
  version: 1,
  methods: {
    list: {
      summary: 'Lists what this cluster owns.',
      permission: 'resources.read',
      route: 'GET /resources',
      input: z.strictObject({ kind: z.string().max(32).optional() }),
      output: z.object({ resources: z.array(resourceSchema) }),
      errors: [],
    },
    show: {
      summary: 'Shows one resource and where its history stands.',
      permission: 'resources.read',
      route: 'GET /resources/show',
      input: z.strictObject({ id: localIdSchema }),
      target: ({ id }) => id,
      output: z.object({
        ...resourceFields,
        position: z.object({ epoch: z.number(), sequence: z.number(), digest: z.string() }),
      }),
      errors: ['RESOURCE_NOT_FOUND'],
    },
  },
};
