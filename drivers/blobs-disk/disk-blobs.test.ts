import {
  appendFile,
  mkdtemp,
  open,
  readdir,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobChunkBytes, type BlobId, type Blobs } from '@hansa/foundation';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createSystemRandom } from '@hansa/system-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { blobsSuite } from '../../testkit/blobs.suite.ts';
import { expectSame, inPieces, listed, readAll, sampleBlob } from '../../testkit/blobs-sample.ts';
import { openDiskBlobs } from './index.ts';

const crypto = createNodeCrypto();
const random = createSystemRandom();

blobsSuite('blobs on a disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hansa-blobs-'));
  const blobs = await openDiskBlobs({ folder, crypto, random });
  return {
    crypto,
    blobs,
    reopen: () => openDiskBlobs({ folder, crypto, random }),
    corrupt: (id, at) => flipBit(join(folder, 'blobs', id.slice(0, 2), id), at),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});

describe('the folder', () => {
  let folder: string;
  let blobs: Blobs;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hansa-blobs-'));
    blobs = await openDiskBlobs({ folder, crypto, random });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const contentOf = (id: BlobId): string => join(folder, 'blobs', id.slice(0, 2), id);

  test('what is no blob id never becomes a path', async () => {
    const strange: readonly BlobId[] = JSON.parse('["../x", "", "/etc/passwd", "AB", "a/../b"]');
    for (const id of strange) {
      await expect(blobs.info(id)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await expect(blobs.delete(id)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await expect(readAll(blobs.read(id))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }
  });

  test('leftovers of a crash are removed at open, and strange files are no blobs', async () => {
    await writeFile(join(folder, 'writing', 'left'), 'over');
    await writeFile(join(folder, 'incoming', 'strange'), 'file');
    await writeFile(join(folder, 'blobs', 'ab', 'strange'), 'file');
    const reopened = await openDiskBlobs({ folder, crypto, random });
    expect(await readdir(join(folder, 'writing'))).toEqual([]);
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
    expect(await listed(reopened)).toEqual([]);
  });

  test('what a finished transfer left behind is removed at open', async () => {
    const arriving = sampleBlob(crypto, 2 * blobChunkBytes);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    await receipt.accept(0, arriving.chunk(0));
    await receipt.close();
    await blobs.put(inPieces(arriving.bytes));
    await openDiskBlobs({ folder, crypto, random });
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });

  test('a content that was cut short or grew is BLOB_CORRUPT', async () => {
    const { bytes, info } = sampleBlob(crypto, 3 * blobChunkBytes);
    for (const sizeBytes of [10, blobChunkBytes, 2.5 * blobChunkBytes, 3 * blobChunkBytes + 1]) {
      await blobs.put(inPieces(bytes));
      await truncate(contentOf(info.id), sizeBytes);
      await expect(readAll(blobs.read(info.id))).rejects.toMatchObject({
        code: 'BLOB_CORRUPT',
        facts: { blob: info.id },
      });
    }
  });

  test('damaged chunk ids accuse no chunk', async () => {
    const { bytes, info } = sampleBlob(crypto, 2 * blobChunkBytes);
    await blobs.put(inPieces(bytes));
    await flipBit(`${contentOf(info.id)}.chunks`, 20);
    const damaged = { code: 'BLOB_CORRUPT', facts: { blob: info.id } };
    await expect(readAll(blobs.read(info.id))).rejects.toMatchObject(damaged);
    await expect(blobs.chunks(info.id)).rejects.toMatchObject(damaged);
    expectSame(await readAll(blobs.read(info.id, { verify: false })), bytes);
    await blobs.put(inPieces(bytes));
    expectSame(await readAll(blobs.read(info.id)), bytes);
  });

  test('a damaged chunk of a transfer is missing again after a restart', async () => {
    const arriving = sampleBlob(crypto, 3 * blobChunkBytes);
    const { info, chunks } = arriving;
    const receipt = await blobs.receive(info, chunks);
    await receipt.accept(0, arriving.chunk(0));
    await receipt.accept(2, arriving.chunk(2));
    await receipt.close();
    await flipBit(join(folder, 'incoming', info.id, 'data'), 2 * blobChunkBytes + 5);
    await appendFile(
      join(folder, 'incoming', info.id, 'arrived'),
      Buffer.from('00000001ff', 'hex'),
    );
    const reopened = await openDiskBlobs({ folder, crypto, random });
    const resumed = await reopened.receive(info, chunks);
    expect(resumed.missing()).toEqual([1, 2]);
    await resumed.close();
  });

  test('a chunk that the disk lost before commit is named and missing again', async () => {
    const arriving = sampleBlob(crypto, 3 * blobChunkBytes);
    const { info, chunks } = arriving;
    const receipt = await blobs.receive(info, chunks);
    for (const index of [2, 1, 0]) {
      await receipt.accept(index, arriving.chunk(index));
    }
    await flipBit(join(folder, 'incoming', info.id, 'data'), 2 * blobChunkBytes + 5);
    await expect(receipt.commit()).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: info.id, chunk: 2 },
    });
    expect(receipt.missing()).toEqual([2]);
    await receipt.accept(2, arriving.chunk(2));
    expect(await receipt.commit()).toEqual(info);
    expectSame(await readAll(blobs.read(info.id)), arriving.bytes);
  });

  test('a plan without content is removed by a collection', async () => {
    const { bytes, info } = sampleBlob(crypto, 2 * blobChunkBytes);
    await blobs.put(inPieces(bytes));
    await unlink(contentOf(info.id));
    expect(await blobs.info(info.id)).toBeUndefined();
    await blobs.collect(async () => true);
    expect(await readdir(join(folder, 'blobs', info.id.slice(0, 2)))).toEqual([]);
  });

  test('nobody else on the machine may read it', async () => {
    const { info } = sampleBlob(crypto, 10);
    await blobs.put(inPieces(sampleBlob(crypto, 10).bytes));
    expect((await stat(contentOf(info.id))).mode & 0o077).toBe(0);
    expect((await stat(join(folder, 'blobs'))).mode & 0o077).toBe(0);
  });

  test('more transfers than the limit are refused until one ends', async () => {
    const receipts = [];
    for (let i = 0; i < 256; i += 1) {
      const { info, chunks } = sampleBlob(crypto, 8, i + 1);
      receipts.push(await blobs.receive(info, chunks));
    }
    const more = sampleBlob(crypto, 8, 1_000);
    await expect(blobs.receive(more.info, more.chunks)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    await receipts[0]?.close();
    receipts[0] = await blobs.receive(more.info, more.chunks);
    await Promise.all(receipts.map((receipt) => receipt.close()));
  });
});

async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, at);
  await file.close();
}
