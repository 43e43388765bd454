// What the rooms of this driver share: the blobs, the transfers, and who keeps what from
// collection.
import {
  blobChunkBytes,
  blobIdSchema,
  toHex,
  type BlobId,
  type BlobInfo,
  type Crypto,
} from '@hansa/foundation';

export interface StoredBlob {
  readonly info: BlobInfo;
  readonly bytes: Uint8Array;
  readonly chunks: readonly BlobId[];
}

/** A transfer in progress. */
export interface Arrival {
  readonly info: BlobInfo;
  readonly chunks: readonly BlobId[];
  /** Size and chunk ids as one text: two arrivals with the same plan are one. */
  readonly plan: string;
  readonly parts: Map<number, Uint8Array>;
  /** Receipts that are open. */
  users: number;
  /** A collection found it unused and named by nobody; the next one that does removes it. */
  idle: boolean;
}

export interface Shelf {
  readonly crypto: Crypto;
  readonly blobs: Map<BlobId, StoredBlob>;
  readonly arrivals: Map<BlobId, Arrival>;
  /** How many hold a blob. */
  readonly holds: Map<BlobId, number>;
  /** For every collection that runs: what was written or protected since it began. */
  readonly touched: Set<Set<BlobId>>;
}

/** Makes a blob visible and keeps it from the collections that run. */
export function shelve(shelf: Shelf, blob: StoredBlob): void {
  shelf.blobs.set(blob.info.id, blob);
  shelf.touched.forEach((ids) => ids.add(blob.info.id));
}

export function idOf(crypto: Crypto, bytes: Uint8Array): BlobId {
  return blobIdSchema.parse(toHex(crypto.hash(bytes)));
}

/** Where every chunk begins; an empty blob is one empty chunk. */
export function chunkStarts(sizeBytes: number): readonly number[] {
  const count = Math.max(1, Math.ceil(sizeBytes / blobChunkBytes));
  return Array.from({ length: count }, (_, index) => index * blobChunkBytes);
}
