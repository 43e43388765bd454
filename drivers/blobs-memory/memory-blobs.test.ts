import { ok } from 'node:assert';
import { createNodeCrypto } from '@hansa/crypto-node';
import { blobBytesMax, blobChunkBytes, blobIdSchema } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { blobsSuite } from '../../testkit/blobs.suite.ts';
import { createMemoryBlobs } from './index.ts';

const crypto = createNodeCrypto();

blobsSuite('blobs in memory', async () => {
  const blobs = createMemoryBlobs({ crypto });
  return {
    crypto,
    blobs,
    reopen: async () => blobs,
    corrupt: async (id, at) => {
      ok(blobs.corrupt(id, at));
    },
    close: async () => undefined,
  };
});

test('a blob has so many bytes; a transfer of one more is INPUT_INVALID before anything arrives', async () => {
  const blobs = createMemoryBlobs({ crypto });
  const id = blobIdSchema.parse('ab'.repeat(32));
  const open = (sizeBytes: number) => {
    const count = Math.ceil(sizeBytes / blobChunkBytes);
    return blobs.receive(
      { id, sizeBytes },
      Array.from({ length: count }, () => id),
    );
  };
  await expect(open(blobBytesMax + 1)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  const receipt = await open(blobBytesMax);
  expect(receipt.missing()).toHaveLength(blobBytesMax / blobChunkBytes);
  await receipt.close();
});
