// Where everything lies under the folder, and the arithmetic of chunks:
//   blobs/ab/<id>            the content; a blob is there exactly when this file is
//   blobs/ab/<id>.chunks     its plan (size and chunk ids), for more than one chunk
//   incoming/<id>…           what has arrived of a blob: see incoming-files.ts
//   aside/<id>…              what was found damaged, for people: nothing reads it
//   writing/<random>         files being written; what lies here at start a crash has left
import { join } from 'node:path';
import {
  blobChunkBytes,
  blobIdSchema,
  HansaError,
  toHex,
  type BlobId,
  type BlobInfo,
  type Crypto,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { IdLocks } from './id-locks.ts';
import type { Keeping } from './keeping.ts';

/** What the rooms of this driver share. */
export interface Depot {
  readonly folder: string;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly locks: IdLocks;
  readonly keeping: Keeping;
}

/** The 256 folders of `blobs`, so that no folder grows too large to list. */
export const shelfNames: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

export function shelfPath(folder: string, id: BlobId): string {
  return join(folder, 'blobs', checked(id).slice(0, 2));
}

export function contentPath(folder: string, id: BlobId): string {
  return join(shelfPath(folder, id), id);
}

export function planPath(folder: string, id: BlobId): string {
  return `${contentPath(folder, id)}.chunks`;
}

export function incomingPath(folder: string, id: BlobId): string {
  return join(folder, 'incoming', checked(id));
}

export function asidePath(folder: string): string {
  return join(folder, 'aside');
}

export function writingPath(depot: Depot): string {
  return join(depot.folder, 'writing', toHex(depot.random.bytes(16)));
}

/** The id a file name stands for, if it is one. */
export function idOfName(name: string): BlobId | undefined {
  return blobIdSchema.safeParse(name).data;
}

// An id becomes a path: what is no id must not lead out of the folder, whatever the types say.
function checked(id: BlobId): BlobId {
  if (!blobIdSchema.safeParse(id).success) {
    throw new HansaError('INPUT_INVALID', 'a blob id is 64 lower-case hex digits');
  }
  return id;
}

export function idOf(crypto: Crypto, bytes: Uint8Array): BlobId {
  return blobIdSchema.parse(toHex(crypto.hash(bytes)));
}

/** An empty blob is one empty chunk. */
export function chunkCount(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / blobChunkBytes));
}

export function chunkLength(info: BlobInfo, index: number): number {
  return Math.min(blobChunkBytes, info.sizeBytes - index * blobChunkBytes);
}

export function corruptChunk(id: BlobId, chunk: number): HansaError {
  return new HansaError('BLOB_CORRUPT', `chunk ${chunk} of blob ${id} is not what its id says`, {
    facts: { blob: id, chunk },
  });
}
