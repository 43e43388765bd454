import { createNodeCrypto } from '@hansa/crypto-node';
import { blobIdSchema, type Blobs } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { putPack } from './accepting.ts';
import { packBytesMax } from './contract.ts';

test('a push holds so many bytes; one more is INPUT_TOO_LARGE, and no blob is made of it', async () => {
  const id = blobIdSchema.parse('ab'.repeat(32));
  const stored: number[] = [];
  const blobs: Partial<Blobs> = {
    async put(source) {
      let sizeBytes = 0;
      for await (const piece of source) {
        sizeBytes += piece.length;
      }
      stored.push(sizeBytes);
      return { id, sizeBytes };
    },
    chunks: async () => [id],
  };
  const parts = { blobs, crypto: createNodeCrypto() } as Parameters<typeof putPack>[0];
  const piece = new Uint8Array(64 * 1_024 * 1_024);
  async function* pack(bytes: number): AsyncIterable<Uint8Array> {
    for (let left = bytes; left > 0; left -= piece.length) {
      yield piece.subarray(0, Math.min(left, piece.length));
    }
  }
  await expect(putPack(parts, pack(packBytesMax + 1))).rejects.toMatchObject({
    code: 'INPUT_TOO_LARGE',
  });
  expect(stored).toEqual([]);
  await expect(putPack(parts, pack(packBytesMax))).resolves.toMatchObject({
    id,
    sizeBytes: packBytesMax,
  });
});
