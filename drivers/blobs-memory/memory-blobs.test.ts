import { createNodeCrypto } from '@hansa/crypto-node';
import { expect } from 'vitest';
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
      expect(blobs.corrupt(id, at)).toBe(true);
    },
    close: async () => undefined,
  };
});
