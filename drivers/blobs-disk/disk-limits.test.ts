import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobChunkBytes } from '@hansa/foundation';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createSystemRandom } from '@hansa/system-node';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startBlobProcess } from '../../testkit/blob-process.ts';
import { expectSame, inPieces, listed, readAll, sampleBlob } from '../../testkit/blobs-sample.ts';
import { openDiskBlobs } from './index.ts';

const crypto = createNodeCrypto();
const random = createSystemRandom();
const mebibyte = 1_024 * 1_024;

describe('a full disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-full-'));
  const mounted = mountSmallDisk(folder);

  afterAll(async () => {
    if (mounted) {
      execFileSync('umount', [folder]);
    }
    await rm(folder, { recursive: true, force: true });
  });

  // Mounting takes a right that a developer's machine may not give.
  test.skipIf(!mounted)('is DISK_FULL, leaves nothing of the put, and goes on after', async () => {
    const blobs = await openDiskBlobs({ folder, crypto, random });
    const small = sampleBlob(crypto, 100);
    await blobs.put(inPieces(small.bytes));
    const large = sampleBlob(crypto, 12 * mebibyte);
    await expect(blobs.put(inPieces(large.bytes, mebibyte))).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(await readdir(join(folder, 'writing'))).toEqual([]);
    expect(await listed(blobs)).toEqual([small.info]);
    const fitting = sampleBlob(crypto, 4 * mebibyte);
    await blobs.put(inPieces(fitting.bytes));
    expectSame(await readAll(blobs.read(fitting.info.id)), fitting.bytes);
    await blobs.delete(fitting.info.id);
  });

  test.skipIf(!mounted)('stops a transfer, which goes on when there is room', async () => {
    const blobs = await openDiskBlobs({ folder, crypto, random });
    const ballast = await blobs.put(inPieces(sampleBlob(crypto, 5 * mebibyte, 2).bytes));
    const arriving = sampleBlob(crypto, 4 * mebibyte, 3);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    const acceptMissing = async (): Promise<void> => {
      for (const index of receipt.missing()) {
        await receipt.accept(index, arriving.chunk(index));
      }
    };
    await expect(acceptMissing()).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(receipt.missing().length).toBeGreaterThan(0);
    await blobs.delete(ballast.id);
    await acceptMissing();
    await receipt.commit();
    expectSame(await readAll(blobs.read(arriving.info.id)), arriving.bytes);
  });
});

describe('memory', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hansa-blobs-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('to put, read and receive 256 MiB grows by less than 64 MiB', async () => {
    const child = await startBlobProcess(
      folder,
      `const size = ${256 * mebibyte};
      const piece = counted(${mebibyte}, 1);
      const idOf = (bytes) => Buffer.from(crypto.hash(bytes)).toString('hex');
      gc();
      const before = process.memoryUsage().rss;
      let most = 0;
      const weigh = () => (most = Math.max(most, process.memoryUsage().rss - before));
      async function* pieces() {
        for (let at = 0; at < size; at += piece.length) {
          weigh();
          yield piece;
        }
      }
      const info = await blobs.put(pieces());
      for await (const chunk of blobs.read(info.id)) {
        weigh();
      }
      const chunks = await blobs.chunks(info.id);
      await blobs.delete(info.id);
      const receipt = await blobs.receive(info, chunks);
      for (const index of receipt.missing()) {
        await receipt.accept(index, piece);
        weigh();
      }
      await receipt.commit();
      weigh();
      say(String(most));`,
    );
    const lines: string[] = [];
    for await (const line of child.lines) {
      lines.push(line);
    }
    expect(await child.ended).toBe(0);
    expect(Number(lines[0])).toBeGreaterThan(blobChunkBytes);
    expect(Number(lines[0])).toBeLessThan(64 * mebibyte);
  });
});

function mountSmallDisk(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'hansa-test', folder], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
