// Cuts what a source yields into chunks, with one chunk of memory whatever the pieces.
import { blobBytesMax, blobChunkBytes, cancellable, HansaError } from '@hansa/foundation';

const firstBufferBytes = 64 * 1_024; // most blobs are smaller; the buffer doubles up to one chunk

/**
 * Whole chunks, the last one shorter; at least one, empty where the source is. A chunk is valid
 * until the next is asked for. The signal ends it even while the source is silent.
 */
export async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  let buffer = new Uint8Array(firstBufferBytes);
  let filled = 0;
  let sizeBytes = 0;
  const reading = { open: async () => source, ended: (failure: unknown) => failure };
  for await (const piece of cancellable(reading, signal)) {
    sizeBytes += piece.length;
    if (sizeBytes > blobBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', 'a blob is over its limit', {
        facts: { blobBytesMax },
      });
    }
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + blobChunkBytes - filled);
      buffer = withRoom(buffer, filled, part.length);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === blobChunkBytes) {
        yield buffer;
        filled = 0;
      }
    }
  }
  if (filled > 0 || sizeBytes === 0) {
    yield buffer.subarray(0, filled);
  }
}

function withRoom(buffer: Uint8Array<ArrayBuffer>, filled: number, more: number): typeof buffer {
  if (filled + more <= buffer.length) {
    return buffer;
  }
  const length = Math.min(blobChunkBytes, Math.max(2 * buffer.length, filled + more));
  const larger = new Uint8Array(length);
  larger.set(buffer.subarray(0, filled));
  return larger;
}
