import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createNodeCrypto } from '@hansa/crypto-node';
import { utf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { holdWhatIsPut } from './holding.ts';

test('what was put stays until the release, and no longer', async () => {
  const blobs = createMemoryBlobs({ crypto: createNodeCrypto() });
  const holding = holdWhatIsPut(blobs);
  async function* pieces(): AsyncIterable<Uint8Array> {
    yield utf8('a pack');
  }
  const { id } = await holding.blobs.put(pieces());
  const collect = () => blobs.collect(async () => false);
  expect((await collect()).deleted).toBe(0);
  expect(await holding.blobs.info(id)).toBeDefined();
  holding.release();
  expect((await collect()).deleted).toBe(1);
});
