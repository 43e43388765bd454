import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobChunkBytes, blobIdSchema, toHex, type BlobId } from '@hansa/foundation';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createSystemRandom } from '@hansa/system-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { countedBytes, startBlobProcess } from '../../testkit/blob-process.ts';
import { expectSame, listed, readAll } from '../../testkit/blobs-sample.ts';
import { openDiskBlobs } from './index.ts';

const crypto = createNodeCrypto();
const random = createSystemRandom();
const chunksInTransfer = 16;

function idOf(bytes: Uint8Array): BlobId {
  return blobIdSchema.parse(toHex(crypto.hash(bytes)));
}

describe('a process that is killed', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hansa-blobs-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.each([3, 8, 13, 21, 34])(
    'while it puts (at piece %i) leaves what it acknowledged, whole, and nothing partial',
    async (killAt) => {
      const acknowledged = await putUntilKilled(folder, killAt);
      const blobs = await openDiskBlobs({ folder, crypto, random });
      const infos = await listed(blobs);
      expect(infos.map(({ id }) => id)).toEqual(expect.arrayContaining([...acknowledged]));
      // The one under way may have come in place before it was acknowledged; then it is whole.
      expect(infos.length).toBeLessThanOrEqual(acknowledged.length + 1);
      for (const info of infos) {
        expect(idOf(await readAll(blobs.read(info.id)))).toBe(info.id);
      }
      expect(await readdir(join(folder, 'writing'))).toEqual([]);
    },
  );

  test.each([1, 4, 7, 11, 15])(
    'while it receives (after %i chunks) resumes with only the missing chunks',
    async (killAfter) => {
      const accepted = await receiveUntilKilled(folder, killAfter);
      const blobs = await openDiskBlobs({ folder, crypto, random });
      expect(await listed(blobs)).toEqual([]);
      const bytes = countedBytes(chunksInTransfer * blobChunkBytes, 1);
      const chunk = (index: number): Uint8Array =>
        bytes.subarray(index * blobChunkBytes, (index + 1) * blobChunkBytes);
      const chunks = Array.from({ length: chunksInTransfer }, (_, index) => idOf(chunk(index)));
      const info = { id: idOf(bytes), sizeBytes: bytes.length };
      const receipt = await blobs.receive(info, chunks);
      const missing = receipt.missing();
      expect(missing.filter((index) => accepted.includes(index))).toEqual([]);
      // The one under way may have arrived before it was said.
      expect(missing.length).toBeGreaterThanOrEqual(chunksInTransfer - accepted.length - 1);
      for (const index of missing) {
        await receipt.accept(index, chunk(index));
      }
      expect(await receipt.commit()).toEqual(info);
      expectSame(await readAll(blobs.read(info.id)), bytes);
      expect(await readdir(join(folder, 'incoming'))).toEqual([]);
    },
  );
});

/**
 * Puts blobs of three and a half chunks in a process; the ids it acknowledged before it was killed.
 */
async function putUntilKilled(folder: string, killAt: number): Promise<readonly BlobId[]> {
  const child = await startBlobProcess(
    folder,
    `for (let seed = 1; ; seed += 1) {
      const bytes = counted(${3.5 * blobChunkBytes}, seed);
      async function* pieces() {
        for (let at = 0; at < bytes.length; at += ${blobChunkBytes / 2}) {
          yield bytes.subarray(at, at + ${blobChunkBytes / 2});
          say('piece');
        }
      }
      say((await blobs.put(pieces())).id);
    }`,
  );
  const acknowledged: BlobId[] = [];
  let pieces = 0;
  for await (const line of child.lines) {
    if (line === 'piece') {
      pieces += 1;
    } else {
      acknowledged.push(blobIdSchema.parse(line));
    }
    if (pieces === killAt) {
      await child.kill();
    }
  }
  return acknowledged;
}

/** Receives a blob chunk by chunk in a process; the indexes it accepted before it was killed. */
async function receiveUntilKilled(folder: string, killAfter: number): Promise<readonly number[]> {
  const child = await startBlobProcess(
    folder,
    `const bytes = counted(${chunksInTransfer * blobChunkBytes}, 1);
    const idOf = (content) => Buffer.from(crypto.hash(content)).toString('hex');
    const length = ${blobChunkBytes};
    const chunk = (index) => bytes.subarray(index * length, (index + 1) * length);
    const chunks = Array.from({ length: ${chunksInTransfer} }, (_, index) => idOf(chunk(index)));
    const receipt = await blobs.receive({ id: idOf(bytes), sizeBytes: bytes.length }, chunks);
    for (const index of receipt.missing().toReversed()) {
      await receipt.accept(index, chunk(index));
      say(String(index));
    }
    await new Promise(() => setInterval(() => undefined, 1_000));`,
  );
  const accepted: number[] = [];
  for await (const line of child.lines) {
    accepted.push(Number(line));
    if (accepted.length === killAfter) {
      await child.kill();
    }
  }
  return accepted;
}
