// Reading blobs back: every chunk is checked against its id before it leaves, because a disk can
// lie.
import { open, stat, type FileHandle } from 'node:fs/promises';
import {
  blobChunkBytes,
  HansaError,
  type BlobId,
  type BlobInfo,
  type Blobs,
} from '@hansa/foundation';
import { ifThere, readAt } from './durable-file.ts';
import { chunkCount, contentPath, corruptChunk, idOf, planPath, type Depot } from './layout.ts';
import { readPlan } from './plan-file.ts';

export type ReadOptions = NonNullable<Parameters<Blobs['read']>[1]>;

export async function blobInfo(depot: Depot, id: BlobId): Promise<BlobInfo | undefined> {
  const path = contentPath(depot.folder, id);
  // After a removal that has begun: who protects a blob and then finds it may rely on it.
  const found = await depot.locks.alone(id, () => ifThere(stat(path)));
  return found === undefined ? undefined : { id, sizeBytes: found.size };
}

/** Ids of the chunks, in order. */
export async function blobChunks(depot: Depot, id: BlobId): Promise<readonly BlobId[]> {
  const info = await blobInfo(depot, id);
  if (info === undefined) {
    throw notFound(id);
  }
  return chunksOfInfo(depot, info);
}

export async function* readBlob(
  depot: Depot,
  id: BlobId,
  options: ReadOptions,
): AsyncGenerator<Uint8Array, void, void> {
  options.signal?.throwIfAborted();
  const file = await ifThere(open(contentPath(depot.folder, id), 'r'));
  if (file === undefined) {
    throw notFound(id);
  }
  try {
    const info = { id, sizeBytes: (await file.stat()).size };
    const range = rangeOf(info, options);
    const ids = options.verify === false ? undefined : await chunksOfInfo(depot, info);
    const last = Math.ceil(range.end / blobChunkBytes);
    for (let index = Math.floor(range.start / blobChunkBytes); index < last; index += 1) {
      options.signal?.throwIfAborted();
      const from = index * blobChunkBytes;
      const chunk = await readChunk(depot, file, { id, index, expected: ids?.[index] });
      yield chunk.subarray(Math.max(0, range.start - from), range.end - from);
    }
  } finally {
    await file.close();
  }
}

async function readChunk(
  depot: Depot,
  file: FileHandle,
  chunk: { readonly id: BlobId; readonly index: number; readonly expected: BlobId | undefined },
): Promise<Uint8Array> {
  const bytes = await readAt(file, chunk.index * blobChunkBytes, blobChunkBytes);
  if (chunk.expected !== undefined && idOf(depot.crypto, bytes) !== chunk.expected) {
    const error = corruptChunk(chunk.id, chunk.index);
    depot.log.problem('blob.damaged', error);
    throw error;
  }
  return bytes;
}

async function chunksOfInfo(depot: Depot, { id, sizeBytes }: BlobInfo): Promise<readonly BlobId[]> {
  const count = chunkCount(sizeBytes);
  if (count === 1) {
    return [id];
  }
  const plan = await readPlan(depot.crypto, planPath(depot.folder, id), id);
  if (plan?.chunks.length === count) {
    return plan.chunks;
  }
  if (plan === undefined && (await blobInfo(depot, id)) === undefined) {
    throw notFound(id); // removed just now
  }
  const error =
    plan === undefined
      ? new HansaError('BLOB_CORRUPT', `the chunk ids of blob ${id} are damaged`, {
          facts: { blob: id },
        })
      : corruptChunk(id, Math.min(plan.chunks.length, count) - 1);
  depot.log.problem('blob.damaged', error);
  throw error;
}

function rangeOf(info: BlobInfo, options: ReadOptions): { start: number; end: number } {
  const { start = 0, end = info.sizeBytes } = options;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || start > end || end > info.sizeBytes) {
    throw new HansaError('INPUT_INVALID', `blob ${info.id} has no range ${start} to ${end}`);
  }
  return { start, end };
}

function notFound(id: BlobId): HansaError {
  return new HansaError('BLOB_NOT_FOUND', `no blob ${id} here`, { facts: { blob: id } });
}
