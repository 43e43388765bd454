// Transfers in progress: what has arrived stays with the store between receipts, as it would on a
// disk.
import {
  blobBytesMax,
  blobChunkBytes,
  blobIdSchema,
  HansaError,
  type BlobId,
  type BlobInfo,
  type BlobReceipt,
} from '@hansa/foundation';
import { chunkStarts, idOf, shelve, type Arrival, type Shelf } from './shelf.ts';

/** Throws INPUT_INVALID where size and chunk ids do not belong together. */
export function createArrival(info: BlobInfo, chunks: readonly BlobId[]): Arrival {
  const { id, sizeBytes } = info;
  const fits =
    Number.isSafeInteger(sizeBytes) &&
    sizeBytes >= 0 &&
    sizeBytes <= blobBytesMax &&
    chunks.length === chunkStarts(sizeBytes).length &&
    [id, ...chunks].every((each) => blobIdSchema.safeParse(each).success) &&
    (chunks.length > 1 || chunks[0] === id);
  if (!fits) {
    throw new HansaError('INPUT_INVALID', `not the size and chunk ids of a blob: ${id}`);
  }
  const plan = [sizeBytes, ...chunks].join();
  return { info, chunks, plan, parts: new Map(), users: 0, idle: false };
}

export function openReceipt(shelf: Shelf, arrival: Arrival): BlobReceipt {
  const { info, chunks, parts } = arrival;
  let open = true;
  arrival.users += 1;
  arrival.idle = false;
  const close = (): void => {
    arrival.users -= open ? 1 : 0;
    open = false;
  };
  const missing = (): readonly number[] =>
    shelf.blobs.has(info.id) ? [] : [...chunks.keys()].filter((index) => !parts.has(index));
  return {
    missing,
    async accept(index, bytes) {
      checkOpen(shelf, arrival, open);
      const chunk = chunks[index];
      if (chunk === undefined) {
        throw new HansaError('INPUT_INVALID', `blob ${info.id} has no chunk ${index}`);
      }
      const length = Math.min(blobChunkBytes, info.sizeBytes - index * blobChunkBytes);
      if (bytes.length !== length || idOf(shelf.crypto, bytes) !== chunk) {
        throw corrupt(info.id, index);
      }
      if (!shelf.blobs.has(info.id)) {
        parts.set(index, Uint8Array.from(bytes));
      }
    },
    async commit() {
      if (shelf.blobs.has(info.id)) {
        close();
        return info;
      }
      checkOpen(shelf, arrival, open);
      const left = missing().length;
      if (left > 0) {
        throw new HansaError('BLOB_INCOMPLETE', `${left} chunks of blob ${info.id} are missing`, {
          facts: { blob: info.id, missing: left },
        });
      }
      commit(shelf, arrival);
      close();
      return info;
    },
    async close() {
      close();
    },
  };
}

function commit(shelf: Shelf, arrival: Arrival): void {
  const { info, chunks, parts } = arrival;
  const bytes = new Uint8Array(info.sizeBytes);
  shelf.arrivals.delete(info.id);
  for (const [index, part] of parts) {
    bytes.set(part, index * blobChunkBytes);
  }
  // Every chunk is what the plan says and the whole is not: the plan itself was false, so it goes.
  if (idOf(shelf.crypto, bytes) !== info.id) {
    throw new HansaError('BLOB_CORRUPT', `the chunks are not those of blob ${info.id}`, {
      facts: { blob: info.id },
    });
  }
  shelve(shelf, { info, bytes, chunks });
}

function checkOpen(shelf: Shelf, arrival: Arrival, open: boolean): void {
  const known = shelf.blobs.has(arrival.info.id) || shelf.arrivals.get(arrival.info.id) === arrival;
  if (!open || !known) {
    throw new HansaError('BLOB_INCOMPLETE', `the transfer of blob ${arrival.info.id} has ended`, {
      facts: { blob: arrival.info.id },
    });
  }
}

function corrupt(id: BlobId, chunk: number): HansaError {
  return new HansaError('BLOB_CORRUPT', `what came as chunk ${chunk} of blob ${id} is not it`, {
    facts: { blob: id, chunk },
  });
}
