// Blobs in memory, for simulations: the whole contract in microtasks, and a hook that plants
// damage.
import {
  blobBytesMax,
  blobChunkBytes,
  cancellable,
  concatBytes,
  HansaError,
  type BlobId,
  type BlobInfo,
  type BlobReceipt,
  type Blobs,
  type Crypto,
} from '@hansa/foundation';
import { createArrival, openReceipt } from './memory-receipt.ts';
import { chunkStarts, idOf, shelve, type Shelf, type StoredBlob } from './shelf.ts';

export interface MemoryBlobs extends Blobs {
  /** Flips the lowest bit of one byte, as a bad disk would; false where there is no such byte. */
  corrupt(id: BlobId, at: number): boolean;
}

type ReadOptions = NonNullable<Parameters<Blobs['read']>[1]>;

export function createMemoryBlobs(needs: { readonly crypto: Crypto }): MemoryBlobs {
  const shelf: Shelf = {
    crypto: needs.crypto,
    blobs: new Map(),
    arrivals: new Map(),
    holds: new Map(),
    touched: new Set(),
  };
  return {
    put: (source, signal) => put(shelf, source, signal),
    info: async (id) => shelf.blobs.get(id)?.info,
    read: (id, options) => read(shelf, id, options ?? {}),
    chunks: async (id) => found(shelf, id).chunks,
    async receive(info, chunks) {
      return receive(shelf, info, chunks);
    },
    async delete(id) {
      shelf.blobs.delete(id);
      shelf.arrivals.delete(id);
    },
    async setAside(id) {
      shelf.blobs.delete(id);
    },
    async *list() {
      for (const { info } of shelf.blobs.values()) {
        yield info;
      }
    },
    collect: (isLive) => collect(shelf, isLive),
    protect: (id) => protect(shelf, id),
    corrupt(id, at) {
      const bytes = shelf.blobs.get(id)?.bytes;
      const byte = bytes?.[at];
      if (bytes === undefined || byte === undefined) {
        return false;
      }
      bytes[at] = byte ^ 1;
      return true;
    },
  };
}

async function put(
  shelf: Shelf,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<BlobInfo> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  // The signal ends it even while the source is silent.
  const reading = { open: async () => source, ended: (failure: unknown) => failure };
  for await (const piece of cancellable(reading, signal)) {
    sizeBytes += piece.length;
    if (sizeBytes > blobBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', 'a blob is over its limit', {
        facts: { blobBytesMax },
      });
    }
    // A copy: the source may use its buffer again.
    parts.push(Uint8Array.from(piece));
  }
  const bytes = concatBytes(parts);
  const info = { id: idOf(shelf.crypto, bytes), sizeBytes };
  const chunks = chunkStarts(sizeBytes).map((at) =>
    idOf(shelf.crypto, bytes.subarray(at, at + blobChunkBytes)),
  );
  shelve(shelf, { info, bytes, chunks });
  return info;
}

async function* read(
  shelf: Shelf,
  id: BlobId,
  options: ReadOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const { info, bytes, chunks } = found(shelf, id);
  const { verify = true, signal } = options;
  const { start, end } = rangeOf(info, options);
  for (let index = Math.floor(start / blobChunkBytes); index * blobChunkBytes < end; index += 1) {
    signal?.throwIfAborted();
    const from = index * blobChunkBytes;
    const chunk = bytes.slice(from, from + blobChunkBytes);
    if (verify && idOf(shelf.crypto, chunk) !== chunks[index]) {
      throw new HansaError('BLOB_CORRUPT', `chunk ${index} of blob ${id} is damaged`, {
        facts: { blob: id, chunk: index },
      });
    }
    yield chunk.subarray(Math.max(0, start - from), Math.min(chunk.length, end - from));
  }
}

function rangeOf(info: BlobInfo, options: ReadOptions): { start: number; end: number } {
  const { start = 0, end = info.sizeBytes } = options;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || start > end || end > info.sizeBytes) {
    throw new HansaError('INPUT_INVALID', `blob ${info.id} has no range ${start} to ${end}`);
  }
  return { start, end };
}

function found(shelf: Shelf, id: BlobId): StoredBlob {
  const blob = shelf.blobs.get(id);
  if (blob === undefined) {
    throw new HansaError('BLOB_NOT_FOUND', `no blob ${id} here`, { facts: { blob: id } });
  }
  return blob;
}

function receive(shelf: Shelf, info: BlobInfo, chunks: readonly BlobId[]): BlobReceipt {
  const arrival = createArrival(info, chunks);
  const known = shelf.arrivals.get(info.id);
  if (known !== undefined && known.plan === arrival.plan) {
    return openReceipt(shelf, known);
  }
  if (known !== undefined && known.users > 0) {
    throw new HansaError('CONFLICT', `blob ${info.id} is arriving with other chunk ids`);
  }
  shelf.arrivals.delete(info.id);
  if (!shelf.blobs.has(info.id)) {
    shelf.arrivals.set(info.id, arrival);
  }
  return openReceipt(shelf, arrival);
}

async function collect(
  shelf: Shelf,
  isLive: (id: BlobId) => Promise<boolean>,
): Promise<{ deleted: number; freedBytes: number }> {
  const touched = new Set<BlobId>(shelf.holds.keys());
  shelf.touched.add(touched);
  let deleted = 0;
  let freedBytes = 0;
  try {
    for (const { info } of shelf.blobs.values()) {
      if (touched.has(info.id) || (await isLive(info.id)) || touched.has(info.id)) {
        continue;
      }
      if (shelf.blobs.delete(info.id)) {
        deleted += 1;
        freedBytes += info.sizeBytes;
      }
    }
    await dropIdle(shelf, touched, isLive);
  } finally {
    shelf.touched.delete(touched);
  }
  return { deleted, freedBytes };
}

// What has arrived of a blob that no record names yet must survive the collection that a restart
// begins with: it goes when two collections in a row find it unused.
async function dropIdle(
  shelf: Shelf,
  touched: ReadonlySet<BlobId>,
  isLive: (id: BlobId) => Promise<boolean>,
): Promise<void> {
  for (const [id, arrival] of shelf.arrivals) {
    const named = await isLive(id);
    if (named || touched.has(id) || arrival.users > 0) {
      arrival.idle = false;
    } else if (!arrival.idle) {
      arrival.idle = true;
    } else if (shelf.arrivals.get(id) === arrival) {
      shelf.arrivals.delete(id);
    }
  }
}

function protect(shelf: Shelf, id: BlobId): { release(): void } {
  shelf.holds.set(id, (shelf.holds.get(id) ?? 0) + 1);
  shelf.touched.forEach((ids) => ids.add(id));
  let held = true;
  return {
    release() {
      if (!held) {
        return;
      }
      held = false;
      const left = (shelf.holds.get(id) ?? 1) - 1;
      if (left === 0) {
        shelf.holds.delete(id);
      } else {
        shelf.holds.set(id, left);
      }
    },
  };
}
