import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobChunkBytes,
  concatBytes,
  equalBytes,
  type BlobId,
  type Blobs,
} from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createMemoryBlobs } from '../drivers/blobs-memory/index.ts';
import { chunkIds, chunkOf, planOf } from './replica-plan.ts';

const crypto = createNodeCrypto();

function shelf(): Blobs {
  return createMemoryBlobs({ crypto });
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function whole(blobs: Blobs, id: BlobId): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of blobs.read(id)) {
    parts.push(part);
  }
  return concatBytes(parts);
}

test.each([1, blobChunkBytes, blobChunkBytes + 5])(
  'a blob of %i bytes goes to another node chunk by chunk, the last as long as it is',
  async (length) => {
    const [here, there] = [shelf(), shelf()];
    const bytes = new Uint8Array(length).fill(7);
    const { id } = await here.put(pieces(bytes));
    const plan = await planOf(here, id);
    if (plan === undefined) {
      throw new Error('what was put has a plan');
    }
    const receipt = await there.receive({ id, sizeBytes: plan.sizeBytes }, chunkIds(plan));
    for (const index of receipt.missing()) {
      await receipt.accept(index, await chunkOf(here, { id, sizeBytes: length }, index));
    }
    await receipt.commit();
    expect(equalBytes(await whole(there, id), bytes)).toBe(true);
  },
);
