// How a blob is made up, as nodes tell each other.
import {
  blobChunkBytes,
  concatBytes,
  fromHex,
  toHex,
  type BlobId,
  type BlobInfo,
  type Blobs,
} from '@hansa/foundation';
import type { ReplicaPlan } from './replica-contract.ts';

const idBytes = 32;

/** Undefined where it is not there. */
export async function planOf(local: Blobs, id: BlobId): Promise<ReplicaPlan | undefined> {
  const info = await local.info(id);
  if (info === undefined) {
    return undefined;
  }
  const chunks = await local.chunks(id);
  return { sizeBytes: info.sizeBytes, chunks: concatBytes(chunks.map(fromHex)) };
}

export function chunkIds({ chunks }: ReplicaPlan): readonly BlobId[] {
  return Array.from(
    { length: Math.floor(chunks.length / idBytes) },
    (_, at) => toHex(chunks.subarray(at * idBytes, (at + 1) * idBytes)) as BlobId,
  );
}

/** One chunk as it lies here: whoever takes it verifies it. The last is as long as it is. */
export async function chunkOf(
  local: Blobs,
  { id, sizeBytes }: BlobInfo,
  index: number,
): Promise<Uint8Array> {
  const start = index * blobChunkBytes;
  const end = Math.min(start + blobChunkBytes, sizeBytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of local.read(id, { start, end, verify: false })) {
    pieces.push(piece);
  }
  return concatBytes(pieces);
}
