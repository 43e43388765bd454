// What a large blob is called in a signed change: the manifest id binds whole id, size and every
// chunk id, so that a fetcher knows each chunk is right before it asks for the next, and a false
// blob cannot waste gigabytes. Vectors: protocol/vectors/blob-manifest.json.
import type { BlobInfo } from './blobs.ts';
import { concatBytes, fromHex, toHex } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import { blobIdSchema, type BlobId } from './ids.ts';
import { hashTranscript } from './transcript.ts';

/**
 * The chunk ids are one field, 32 bytes each in their order: their number follows from the size.
 */
export function manifestId(crypto: Crypto, info: BlobInfo, chunks: readonly BlobId[]): BlobId {
  const ids = concatBytes(chunks.map((chunk) => fromHex(chunk)));
  const fields = [fromHex(info.id), info.sizeBytes, ids];
  return blobIdSchema.parse(toHex(hashTranscript(crypto, 'hansa/blob-manifest/1', fields)));
}
