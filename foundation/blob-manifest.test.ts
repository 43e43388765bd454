import { readFileSync } from 'node:fs';
import { createNodeCrypto } from '@hansa/crypto-node';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { manifestId } from './blob-manifest.ts';
import { blobChunkBytes } from './blobs.ts';
import { concatBytes, fromHex, toHex, utf8 } from './bytes.ts';
import { blobIdSchema } from './ids.ts';

const crypto = createNodeCrypto();
const vectors = z
  .object({
    manifests: z.array(
      z.object({
        name: z.string(),
        sizeBytes: z.number(),
        id: blobIdSchema,
        chunks: z.array(blobIdSchema),
        manifestId: z.string(),
      }),
    ),
  })
  .parse(
    JSON.parse(
      readFileSync(new URL('../protocol/vectors/blob-manifest.json', import.meta.url), 'utf8'),
    ),
  ).manifests;

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

describe('the id of a blob’s manifest', () => {
  test.each(vectors)('$name', ({ sizeBytes, id, chunks, manifestId: expected }) => {
    const content = Uint8Array.from({ length: sizeBytes }, (_, i) => i % 251);
    expect(toHex(crypto.hash(content))).toBe(id);
    const cut = chunks.map((_, index) =>
      content.subarray(index * blobChunkBytes, (index + 1) * blobChunkBytes),
    );
    expect(cut.map((chunk) => toHex(crypto.hash(chunk)))).toEqual(chunks);
    expect(manifestId(crypto, { id, sizeBytes }, chunks)).toBe(expected);
  });

  test.each(vectors)('is the hash of bytes spelled out by hand: $name', (vector) => {
    const domain = utf8('hansa/blob-manifest/1');
    const ids = concatBytes(vector.chunks.map((chunk) => fromHex(chunk)));
    const size = u64(vector.sizeBytes);
    const bytes = [u32(domain.length), domain, u32(32), fromHex(vector.id), u32(8), size];
    const manifest = concatBytes([...bytes, u32(ids.length), ids]);
    expect(toHex(crypto.hash(manifest))).toBe(vector.manifestId);
  });

  test('binds the whole, the size, every chunk and their order', () => {
    const vector = vectors.find(({ chunks }) => chunks.length === 3);
    const [a, b, c] = vector?.chunks ?? [];
    if (vector === undefined || a === undefined || b === undefined || c === undefined) {
      throw new Error('no vector of three chunks');
    }
    const { id, sizeBytes } = vector;
    const ids = [
      manifestId(crypto, { id, sizeBytes }, [a, b, c]),
      manifestId(crypto, { id: a, sizeBytes }, [a, b, c]),
      manifestId(crypto, { id, sizeBytes: sizeBytes - 1 }, [a, b, c]),
      manifestId(crypto, { id, sizeBytes }, [b, a, c]),
      manifestId(crypto, { id, sizeBytes }, [a, b]),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});
