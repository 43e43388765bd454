// What the blob suite is written with: the blobs under test, samples, and sources that misbehave.
import { deepStrictEqual as deepEqual, ok } from 'node:assert';
import {
  blobChunkBytes,
  blobIdSchema,
  concatBytes,
  toHex,
  utf8,
  type BlobId,
  type BlobInfo,
  type BlobReceipt,
  type Blobs,
  type Crypto,
} from '@hansa/foundation';

export interface BlobsUnderTest {
  readonly crypto: Crypto;
  readonly blobs: Blobs;
  /** The same blobs as after a restart. */
  reopen(): Promise<Blobs>;
  /** Flips one bit of a stored byte behind the driver's back. */
  corrupt(id: BlobId, at: number): Promise<void>;
  close(): Promise<void>;
}

/** A blob that is known and nowhere stored. */
export interface Sample {
  readonly bytes: Uint8Array;
  readonly info: BlobInfo;
  readonly chunks: readonly BlobId[];
  chunk(index: number): Uint8Array;
}

export function sampleBlob(crypto: Crypto, sizeBytes: number, seed = 1): Sample {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let i = 0; i < sizeBytes; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  const chunk = (index: number): Uint8Array =>
    bytes.slice(index * blobChunkBytes, (index + 1) * blobChunkBytes);
  const count = Math.max(1, Math.ceil(sizeBytes / blobChunkBytes));
  const idOf = (content: Uint8Array): BlobId => blobIdSchema.parse(toHex(crypto.hash(content)));
  return {
    bytes,
    info: { id: idOf(bytes), sizeBytes },
    chunks: Array.from({ length: count }, (_, index) => idOf(chunk(index))),
    chunk,
  };
}

export async function* inPieces(
  bytes: Uint8Array,
  pieceBytes: number = bytes.length,
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    yield bytes.subarray(at, at + pieceBytes);
  }
}

export async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) {
    ok(piece.length <= blobChunkBytes);
    parts.push(piece);
  }
  return concatBytes(parts);
}

/** Equal bytes; `expect(…).toEqual` takes seconds for a chunk. */
export function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  deepEqual([actual.length, Buffer.compare(actual, expected)], [expected.length, 0]);
}

export async function listed(blobs: Blobs): Promise<readonly BlobInfo[]> {
  const infos: BlobInfo[] = [];
  for await (const info of blobs.list()) {
    infos.push(info);
  }
  return infos.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function acceptAll(receipt: BlobReceipt, sample: Sample): Promise<void> {
  for (const index of receipt.missing()) {
    await receipt.accept(index, sample.chunk(index));
  }
}

/** Yields a piece, then throws. */
export async function* failingSource(): AsyncGenerator<Uint8Array, void, void> {
  yield utf8('some');
  throw new Error('the source broke');
}

/** Yields a piece, then nothing for ever. */
export async function* silentSource(): AsyncGenerator<Uint8Array, void, void> {
  yield utf8('some');
  await new Promise(() => undefined);
}

/** What a group of the suite asks for in each of its tests. */
export type Current = () => {
  readonly blobs: Blobs;
  readonly under: BlobsUnderTest;
  readonly sample: (sizeBytes: number, seed?: number) => Sample;
};
