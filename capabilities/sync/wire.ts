// What a mirror asks of an owner, and the owner of a mirror.
import {
  blobIdSchema,
  bytesSchema,
  childrenBytes,
  federatedIdSchema,
  hashSchema,
  type BlobId,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  blobReferenceSchema,
  blobsPerOpMax,
  changeSchema,
  headSchema,
  proofFields,
  tickSchema,
  type Head,
  type ResourceEntry,
  type SequencedChange,
  type Tick,
} from '../resources/contract.ts';

export const headsPerRequestMax = 500; // about 600 bytes each; a page stays far below a frame
export const heldRowsMax = 2_000; // resources of one owner that one beat's root can be judged by
// small blobs in one request: 16 KiB of ids; an empty answer to each costs less than a round trip
export const contentsPerRequestMax = 256;
// small blobs in one item: half a chunk, so that a single one always fits beside them in a frame
export const contentsBytesMax: number = 512 * 1_024;
export const prefixesPerRequestMax = 256; // 132 KiB of nodes in one answer
// as many as one batch of a copy writes; small ones fill a frame anyway
export const entriesPerRequestMax = 500;
export const entriesBytesMax: number = 512 * 1_024; // and one more entry: below a frame
export const chunksPerRequestMax = 64; // 64 MiB in one stream; then the next is asked for

/**
 * A change, or the signed head that ends a batch of them. `more`: what the owner has already goes
 * on after it, so that whoever has applied it is not where its owner is.
 */
export type FollowItem =
  | { readonly change: SequencedChange }
  | { readonly head: Head; readonly more?: true | undefined };

export interface HeldRow {
  readonly resource: FederatedId;
  readonly epoch: number;
  readonly sequence: number;
  readonly digest: Uint8Array;
}

/** A position of a resource that was pinned: what is read of it in pieces is of one moment. */
export interface PinnedPosition {
  readonly resource: FederatedId;
  readonly epoch: number;
  readonly sequence: number;
}

/** State traffic: changes, heads, and what is held of whom. */
export interface SyncPeer {
  /**
   * Batches after a position, then every later one as it happens. Epoch and sequence are 0 for a
   * mirror that holds nothing. RESOURCE_NOT_FOUND for what is unknown and what is not shared alike.
   */
  follow(
    input: { readonly resource: FederatedId; readonly epoch: number; readonly sequence: number },
    call?: Call,
  ): AsyncIterable<FollowItem>;
  /** Fresh heads, in the order asked; null for what is unknown or not shared. */
  heads(
    input: { readonly resources: readonly FederatedId[] },
    call?: Call,
  ): Promise<{ readonly heads: readonly (Head | null)[] }>;
  /**
   * For each resource that stands where the asker holds it, a fresh signature that it does: far
   * fewer bytes than its head. Null for what has moved, is unknown or not shared alike.
   */
  renew(
    input: {
      readonly held: readonly (PinnedPosition & { readonly resource: FederatedId })[];
    },
    call?: Call,
  ): Promise<RenewedHeads>;
  /** The present head, of which everything can be read in pieces for a while. */
  pin(input: { readonly resource: FederatedId }, call?: Call): Promise<{ readonly head: Head }>;
  /**
   * The sixteen nodes of the digest trie under each prefix (hex digits of BLAKE3(key)), 33 bytes
   * each: 0 for none, 1 for a leaf, 2 for a branch, and its hash. SNAPSHOT_GONE: pin again.
   */
  digests(
    input: PinnedPosition & { readonly prefixes: readonly string[] },
    call?: Call,
  ): Promise<{ readonly children: readonly Uint8Array[] }>;
  /**
   * The entries under prefixes that stand in order and hold nothing of each other, in the order of
   * BLAKE3(key); those after a path where one is given. Fewer than all where there are `more`.
   */
  entries(
    input: PinnedPosition & {
      readonly prefixes: readonly string[];
      readonly after?: Uint8Array | undefined;
    },
    call?: Call,
  ): Promise<{ readonly entries: readonly ResourceEntry[]; readonly more: boolean }>;
  /** What the asked cluster holds of the asking one's resources, as its last beat's root said. */
  held(input: Record<string, never>, call?: Call): Promise<{ readonly rows: readonly HeldRow[] }>;
  /**
   * Hashes the entries under a prefix with a salt, from the mirror's own store: cannot be answered
   * from memory of a head.
   */
  challenge(
    input: { readonly resource: FederatedId; readonly prefix: string; readonly salt: Uint8Array },
    call?: Call,
  ): Promise<{ readonly epoch: number; readonly sequence: number; readonly answer: Uint8Array }>;
}

/** Proofs in the order asked; heads that were signed together share a tick. */
export interface RenewedHeads {
  readonly ticks: readonly Tick[];
  readonly proofs: readonly (HeadProof | null)[];
}

/** What makes a head of a position that is known: which of the ticks, and the way to its root. */
export interface HeadProof extends Pick<Head, 'salt' | 'path'> {
  readonly tick: number;
}

export interface SmallBlob {
  readonly blob: BlobId;
  readonly bytes: Uint8Array;
}

/** Bulk traffic: blobs that a readable resource names. */
export interface BlobPeer {
  /** Chunk ids, 32 bytes each, in order. */
  manifest(
    input: { readonly resource: FederatedId; readonly blob: BlobId },
    call?: Call,
  ): Promise<{ readonly sizeBytes: number; readonly chunks: Uint8Array }>;
  /** The chunks asked for, in that order, as they lie on the disk: the receiver verifies them. */
  chunks(
    input: {
      readonly resource: FederatedId;
      readonly blob: BlobId;
      readonly indexes: readonly number[];
    },
    call?: Call,
  ): AsyncIterable<Uint8Array>;
  /**
   * Whole blobs of one chunk, in the order asked, packed into items of `contentsBytesMax`; what is
   * larger, not named or not here is left out.
   */
  contents(
    input: { readonly resource: FederatedId; readonly blobs: readonly BlobId[] },
    call?: Call,
  ): AsyncIterable<readonly SmallBlob[]>;
  /**
   * Whether the asked cluster mirrors the marked resource and serves it to the caller: no for what
   * is unknown and what is not shared alike.
   */
  sources(
    input: { readonly salt: Uint8Array; readonly mark: Uint8Array },
    call?: Call,
  ): Promise<{ readonly serves: boolean }>;
}

const sequence = z.number().int().nonnegative();
const prefix = z.string().regex(/^[0-9a-f]{0,64}$/);
const pinned = { resource: federatedIdSchema, epoch: sequence, sequence };
const childrenSchema = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === childrenBytes,
  'expected sixteen nodes',
);
const entrySchema: z.ZodType<ResourceEntry> = z.object({
  key: bytesSchema,
  value: bytesSchema,
  version: z.number().int().positive(),
  blobs: z.array(blobReferenceSchema).max(blobsPerOpMax),
});

export const syncPeerContract: Contract<SyncPeer> = {
  name: 'sync-peer',
  version: 2,
  traffic: 'state',
  methods: {
    follow: {
      watch: true,
      summary: 'Changes after a position, each batch ended by a signed head.',
      permission: 'peer',
      input: z.object({ resource: federatedIdSchema, epoch: sequence, sequence }),
      output: z.union([
        z.object({ change: z.object({ sequence, change: changeSchema }) }),
        z.object({ head: headSchema, more: z.literal(true).optional() }),
      ]),
      errors: [
        'RESOURCE_NOT_FOUND',
        'RESOURCE_REWOUND',
        'HEAD_REWOUND',
        'HEAD_FORKED',
        'HISTORY_COMPACTED',
      ],
    },
    pin: {
      summary: 'The present head, readable in pieces for a while.',
      permission: 'peer',
      since: 2,
      input: z.object({ resource: federatedIdSchema }),
      output: z.object({ head: headSchema }),
      errors: ['RESOURCE_NOT_FOUND', 'RESOURCE_REWOUND'],
    },
    digests: {
      summary: 'Nodes of a digest trie at a pinned position.',
      permission: 'peer',
      since: 2,
      input: z.object({ ...pinned, prefixes: z.array(prefix).max(prefixesPerRequestMax) }),
      output: z.object({ children: z.array(childrenSchema).max(prefixesPerRequestMax) }),
      errors: ['RESOURCE_NOT_FOUND', 'SNAPSHOT_GONE'],
    },
    entries: {
      summary: 'Entries at a pinned position, in the order of the hashes of their keys.',
      permission: 'peer',
      since: 2,
      input: z.object({
        ...pinned,
        prefixes: z.array(prefix).max(prefixesPerRequestMax),
        after: hashSchema.optional(),
      }),
      output: z.object({
        entries: z.array(entrySchema).max(entriesPerRequestMax),
        more: z.boolean(),
      }),
      errors: ['RESOURCE_NOT_FOUND', 'SNAPSHOT_GONE'],
    },
    heads: {
      summary: 'Freshly signed heads.',
      permission: 'peer',
      input: z.object({ resources: z.array(federatedIdSchema).max(headsPerRequestMax) }),
      output: z.object({ heads: z.array(headSchema.nullable()).max(headsPerRequestMax) }),
      errors: [],
    },
    renew: {
      summary: 'Fresh signatures under what the asking cluster holds.',
      permission: 'peer',
      since: 2,
      input: z.object({ held: z.array(z.object(pinned)).max(headsPerRequestMax) }),
      output: z.object({
        ticks: z.array(tickSchema).max(headsPerRequestMax),
        proofs: z
          .array(z.object({ tick: sequence, ...proofFields }).nullable())
          .max(headsPerRequestMax),
      }),
      errors: [],
    },
    held: {
      summary: 'What the asked cluster holds of the asking one’s resources.',
      permission: 'peer',
      input: z.object({}),
      output: z.object({
        rows: z
          .array(
            z.object({
              resource: federatedIdSchema,
              epoch: sequence,
              sequence,
              digest: hashSchema,
            }),
          )
          .max(heldRowsMax),
      }),
      errors: [],
    },
    challenge: {
      summary: 'Proof that a mirror still has what its position says.',
      permission: 'peer',
      since: 2,
      input: z.object({
        resource: federatedIdSchema,
        prefix,
        salt: hashSchema,
      }),
      output: z.object({ epoch: sequence, sequence, answer: hashSchema }),
      errors: ['MIRROR_NOT_FOUND'],
    },
  },
};

export const blobPeerContract: Contract<BlobPeer> = {
  name: 'blob-peer',
  version: 2,
  traffic: 'bulk',
  methods: {
    manifest: {
      summary: 'Size and chunk ids of a blob.',
      permission: 'peer',
      input: z.object({ resource: federatedIdSchema, blob: blobIdSchema }),
      output: z.object({ sizeBytes: sequence, chunks: bytesSchema }),
      errors: ['BLOB_NOT_FOUND'],
    },
    chunks: {
      watch: true,
      summary: 'Chunks of a blob.',
      permission: 'peer',
      input: z.object({
        resource: federatedIdSchema,
        blob: blobIdSchema,
        indexes: z.array(sequence).max(chunksPerRequestMax),
      }),
      output: bytesSchema,
      errors: ['BLOB_NOT_FOUND'],
    },
    contents: {
      watch: true,
      summary: 'Whole small blobs, many at once.',
      permission: 'peer',
      since: 2,
      input: z.object({
        resource: federatedIdSchema,
        blobs: z.array(blobIdSchema).max(contentsPerRequestMax),
      }),
      output: z
        .array(z.object({ blob: blobIdSchema, bytes: bytesSchema }))
        .max(contentsPerRequestMax),
      errors: ['RESOURCE_NOT_FOUND'],
    },
    sources: {
      summary: 'Whether the asked cluster serves a resource of another owner.',
      permission: 'peer',
      since: 2,
      input: z.object({ salt: hashSchema, mark: hashSchema }),
      output: z.object({ serves: z.boolean() }),
      errors: [],
    },
  },
};
