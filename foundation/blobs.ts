// Content-addressed bytes. A blob's id is the BLAKE3 of its whole content. Above one chunk a blob
// also has a manifest (`blob-manifest.ts`), so that every mebibyte can be verified as it arrives
// and a transfer resumes anywhere. Drivers: blobs-disk, blobs-memory. Suite:
// testkit/blobs.suite.ts.
import type { BlobId } from './ids.ts';

export const blobChunkBytes: number = 1_024 * 1_024; // verified, resumed and retried in this unit
// its chunk ids are 1 MiB and fit one frame
export const blobBytesMax: number = 32 * 1_024 * 1_024 * 1_024;

export interface BlobInfo {
  readonly id: BlobId;
  readonly sizeBytes: number;
}

export interface Blobs {
  /** Stores what the source yields; resolves after fsync. */
  put(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<BlobInfo>;
  info(id: BlobId): Promise<BlobInfo | undefined>;
  /**
   * The bytes of `[start, end)`, in pieces of at most one chunk. `verify` (the default) checks
   * every chunk against the manifest and throws BLOB_CORRUPT naming blob and chunk; a reader that
   * will verify by itself (a peer) passes false.
   */
  read(
    id: BlobId,
    options?: { start?: number; end?: number; verify?: boolean; signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /** Ids of the chunks, in order; for a blob of one chunk, its own id. */
  chunks(id: BlobId): Promise<readonly BlobId[]>;
  /**
   * Opens or resumes a transfer of a blob whose id, size and chunk ids are known; survives
   * restarts.
   */
  receive(info: BlobInfo, chunks: readonly BlobId[]): Promise<BlobReceipt>;
  /** Removes one blob and what had arrived of it; fine where there is none. */
  delete(id: BlobId): Promise<void>;
  /**
   * Takes a blob that is not what its id says out of the way, kept for a person to look at: from
   * then on it is not here, and may be received again. Fine where there is none.
   */
  setAside(id: BlobId): Promise<void>;
  list(): AsyncIterable<BlobInfo>;
  /**
   * Deletes every blob that `isLive` does not name and that was neither written nor protected since
   * the collection began: what was put during it stays.
   */
  collect(
    isLive: (id: BlobId) => Promise<boolean>,
  ): Promise<{ deleted: number; freedBytes: number }>;
  /**
   * Keeps a blob from collection until released: between its write and the record that names it.
   */
  protect(id: BlobId): { release(): void };
}

/** A transfer in progress. */
export interface BlobReceipt {
  /** Indexes of chunks that have not arrived, ascending. */
  missing(): readonly number[];
  /**
   * Verifies, then writes one chunk; BLOB_CORRUPT (facts.blob, facts.chunk) where it does not hash
   * to its id.
   */
  accept(index: number, bytes: Uint8Array): Promise<void>;
  /** Verifies the whole, fsyncs and makes it visible; BLOB_INCOMPLETE while chunks are missing. */
  commit(): Promise<BlobInfo>;
  /** Leaves what has arrived for a later `receive`. */
  close(): Promise<void>;
}
