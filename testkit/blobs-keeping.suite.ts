// Blobs that are deleted, collected and protected: a part of blobs.suite.ts.
import { blobChunkBytes } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { acceptAll, expectSame, inPieces, listed, readAll, type Current } from './blobs-sample.ts';

export function removingBlobs(current: Current): void {
  test('a deleted blob is gone, and deleting it again is fine', async () => {
    const { blobs, under, sample } = current();
    const { bytes, info } = sample(blobChunkBytes + 1);
    await blobs.put(inPieces(bytes));
    await blobs.delete(info.id);
    await blobs.delete(info.id);
    expect(await blobs.info(info.id)).toBeUndefined();
    expect(await listed(await under.reopen())).toEqual([]);
  });

  test('deleting ends a transfer and removes what had arrived', async () => {
    const { blobs, sample } = current();
    const arriving = sample(2 * blobChunkBytes);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    await receipt.accept(0, arriving.chunk(0));
    await blobs.delete(arriving.info.id);
    await expect(receipt.accept(1, arriving.chunk(1))).rejects.toMatchObject({
      code: 'BLOB_INCOMPLETE',
    });
    await expect(receipt.commit()).rejects.toMatchObject({ code: 'BLOB_INCOMPLETE' });
    await receipt.close();
    const again = await blobs.receive(arriving.info, arriving.chunks);
    expect(again.missing()).toEqual([0, 1]);
    await again.close();
  });

  test('a blob deleted after its transfer was committed can arrive again', async () => {
    const { blobs, sample } = current();
    const arriving = sample(2 * blobChunkBytes);
    const first = await blobs.receive(arriving.info, arriving.chunks);
    const idle = await blobs.receive(arriving.info, arriving.chunks);
    await acceptAll(first, arriving);
    await first.commit();
    await blobs.delete(arriving.info.id);
    const again = await blobs.receive(arriving.info, arriving.chunks);
    expect(again.missing()).toEqual([0, 1]);
    await acceptAll(again, arriving);
    await again.commit();
    await idle.close();
    expectSame(await readAll(blobs.read(arriving.info.id)), arriving.bytes);
  });
}

export function collectingBlobs(current: Current): void {
  test('a collection deletes what nobody names and says how much that was', async () => {
    const { blobs, under, sample } = current();
    const kept = await blobs.put(inPieces(sample(100, 1).bytes));
    await blobs.put(inPieces(sample(200, 2).bytes));
    await blobs.put(inPieces(sample(blobChunkBytes + 300, 3).bytes));
    const collected = await blobs.collect(async (id) => id === kept.id);
    expect(collected).toEqual({ deleted: 2, freedBytes: blobChunkBytes + 500 });
    expect(await listed(await under.reopen())).toEqual([kept]);
  });

  test('a protected blob stays until the last who protects it releases it', async () => {
    const { blobs, sample } = current();
    const { id } = await blobs.put(inPieces(sample(100).bytes));
    const [one, two] = [blobs.protect(id), blobs.protect(id)];
    const nobody = async (): Promise<boolean> => false;
    one.release();
    one.release();
    expect(await blobs.collect(nobody)).toEqual({ deleted: 0, freedBytes: 0 });
    two.release();
    expect(await blobs.collect(nobody)).toEqual({ deleted: 1, freedBytes: 100 });
  });

  test('what was written or protected since a collection began survives it', async () => {
    const { blobs, sample } = current();
    const put = sample(100, 1);
    const received = sample(2 * blobChunkBytes, 2);
    const held = sample(300, 3);
    await Promise.all([put, received, held].map(({ bytes }) => blobs.put(inPieces(bytes))));
    const before = await blobs.put(inPieces(sample(400, 4).bytes));
    let first = true;
    const { deleted } = await blobs.collect(async () => {
      if (first) {
        first = false;
        await blobs.put(inPieces(put.bytes));
        blobs.protect(held.info.id).release();
        await blobs.delete(received.info.id);
        const receipt = await blobs.receive(received.info, received.chunks);
        await acceptAll(receipt, received);
        await receipt.commit();
      }
      return false;
    });
    expect(deleted).toBe(1);
    expect(await blobs.info(before.id)).toBeUndefined();
    expect((await listed(blobs)).length).toBe(3);
  });

  test('what has arrived of a blob goes when a second collection finds it still unused', async () => {
    const { blobs, sample } = current();
    const arriving = sample(2 * blobChunkBytes);
    const missingAfter = async (collections: number): Promise<number> => {
      for (let i = 0; i < collections; i += 1) {
        await blobs.collect(async () => false);
      }
      const receipt = await blobs.receive(arriving.info, arriving.chunks);
      const missing = receipt.missing().length;
      await receipt.accept(0, arriving.chunk(0));
      await blobs.collect(async () => false);
      await blobs.collect(async () => false);
      expect(receipt.missing()).toEqual([1]);
      await receipt.close();
      return missing;
    };
    expect(await missingAfter(0)).toBe(2);
    expect(await missingAfter(1)).toBe(1);
    expect(await missingAfter(2)).toBe(2);
  });
}
