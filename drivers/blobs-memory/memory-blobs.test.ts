import { ok } from 'node:assert';
import { createNodeCrypto } from '@hansa/crypto-node';
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
