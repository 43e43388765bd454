// Blobs that arrive chunk by chunk: a part of blobs.suite.ts.
import { blobChunkBytes, concatBytes, utf8, type BlobId, type BlobInfo } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { acceptAll, expectSame, inPieces, listed, readAll, type Current } from './blobs-sample.ts';

export function receivingBlobs(current: Current): void {
  test.each([0, 9, blobChunkBytes, 4 * blobChunkBytes - 1])(
    'a blob of %i bytes arrives chunk by chunk in any order and is there only after commit',
    async (sizeBytes) => {
      const { blobs, under, sample } = current();
      const arriving = sample(sizeBytes);
      const { info, chunks } = arriving;
      const receipt = await blobs.receive(info, chunks);
      expect(receipt.missing()).toEqual([...chunks.keys()]);
      for (const index of [...chunks.keys()].reverse()) {
        expect(await blobs.info(info.id)).toBeUndefined();
        await receipt.accept(index, arriving.chunk(index));
        await receipt.accept(index, arriving.chunk(index));
      }
      expect(receipt.missing()).toEqual([]);
      expect(await blobs.info(info.id)).toBeUndefined();
      expect(await listed(blobs)).toEqual([]);
      expect(await receipt.commit()).toEqual(info);
      await receipt.close();
      const reopened = await under.reopen();
      expect(await reopened.chunks(info.id)).toEqual(chunks);
      expectSame(await readAll(reopened.read(info.id)), arriving.bytes);
    },
  );

  test('chunks may be accepted at the same time', async () => {
    const { blobs, sample } = current();
    const arriving = sample(6 * blobChunkBytes + 1);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    const order = [3, 0, 6, 1, 1, 5, 2, 4, 0];
    await Promise.all(order.map((index) => receipt.accept(index, arriving.chunk(index))));
    await receipt.commit();
    expectSame(await readAll(blobs.read(arriving.info.id)), arriving.bytes);
  });

  test('a chunk that does not hash to its id is BLOB_CORRUPT and stays missing', async () => {
    const { blobs, sample } = current();
    const arriving = sample(2 * blobChunkBytes);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    const wrong = arriving.chunk(1).fill(0, 0, 1).fill(1, 1, 2);
    const tooLong = concatBytes([arriving.chunk(1), utf8('.')]);
    for (const bytes of [wrong, tooLong, new Uint8Array(0), arriving.chunk(0)]) {
      await expect(receipt.accept(1, bytes)).rejects.toMatchObject({
        code: 'BLOB_CORRUPT',
        facts: { blob: arriving.info.id, chunk: 1 },
      });
    }
    expect(receipt.missing()).toEqual([0, 1]);
    await receipt.close();
  });

  test('a chunk the blob does not have is INPUT_INVALID', async () => {
    const { blobs, sample } = current();
    const arriving = sample(10);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    for (const index of [-1, 1, 0.5, NaN]) {
      await expect(receipt.accept(index, arriving.bytes)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    }
    await receipt.close();
  });

  test('committing while chunks are missing is BLOB_INCOMPLETE, and the transfer goes on', async () => {
    const { blobs, sample } = current();
    const arriving = sample(2 * blobChunkBytes);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    await receipt.accept(1, arriving.chunk(1));
    await expect(receipt.commit()).rejects.toMatchObject({
      code: 'BLOB_INCOMPLETE',
      facts: { blob: arriving.info.id, missing: 1 },
    });
    await receipt.accept(0, arriving.chunk(0));
    expect(await receipt.commit()).toEqual(arriving.info);
  });

  test('a transfer resumes after a restart with only the missing chunks', async () => {
    const { blobs, under, sample } = current();
    const arriving = sample(5 * blobChunkBytes);
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    await receipt.accept(0, arriving.chunk(0));
    await receipt.accept(3, arriving.chunk(3));
    await receipt.close();
    await expect(receipt.accept(1, arriving.chunk(1))).rejects.toMatchObject({
      code: 'BLOB_INCOMPLETE',
    });
    const reopened = await under.reopen();
    const resumed = await reopened.receive(arriving.info, arriving.chunks);
    expect(resumed.missing()).toEqual([1, 2, 4]);
    await acceptAll(resumed, arriving);
    await resumed.commit();
    expectSame(await readAll(reopened.read(arriving.info.id)), arriving.bytes);
  });

  test('chunk ids that are right one by one but not this blob’s are BLOB_CORRUPT', async () => {
    const { blobs, sample } = current();
    const lie = sample(2 * blobChunkBytes, 2);
    const truth = sample(2 * blobChunkBytes, 3);
    const receipt = await blobs.receive(truth.info, lie.chunks);
    await acceptAll(receipt, lie);
    await expect(receipt.commit()).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: truth.info.id },
    });
    expect(await listed(blobs)).toEqual([]);
    const second = await blobs.receive(truth.info, truth.chunks);
    expect(second.missing()).toEqual([0, 1]);
    await acceptAll(second, truth);
    await second.commit();
    expectSame(await readAll(blobs.read(truth.info.id)), truth.bytes);
  });

  test('size and chunk ids that do not belong together are INPUT_INVALID', async () => {
    const { blobs, sample } = current();
    const { info, chunks } = sample(2 * blobChunkBytes);
    const [first] = chunks;
    const strange = JSON.parse('"../../etc/passwd"');
    const plans: [BlobInfo, readonly BlobId[]][] = [
      [info, []],
      [info, chunks.slice(1)],
      [{ ...info, sizeBytes: -1 }, chunks],
      [{ ...info, sizeBytes: 2 ** 40 }, chunks],
      [{ ...info, sizeBytes: NaN }, chunks],
      [{ id: info.id, sizeBytes: 5 }, first === undefined ? [] : [first]],
      [{ ...info, id: strange }, chunks],
      [info, [strange, strange]],
    ];
    for (const [badInfo, badChunks] of plans) {
      await expect(blobs.receive(badInfo, badChunks)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    }
  });
}

export function sharingReceipts(current: Current): void {
  test('two receipts of one blob share what has arrived, and both may commit', async () => {
    const { blobs, sample } = current();
    const arriving = sample(3 * blobChunkBytes);
    const [one, two] = await Promise.all([
      blobs.receive(arriving.info, arriving.chunks),
      blobs.receive(arriving.info, arriving.chunks),
    ]);
    await one.accept(0, arriving.chunk(0));
    expect(two.missing()).toEqual([1, 2]);
    await one.close();
    await acceptAll(two, arriving);
    const three = await blobs.receive(arriving.info, arriving.chunks);
    expect(await Promise.all([two.commit(), three.commit()])).toEqual([
      arriving.info,
      arriving.info,
    ]);
    expectSame(await readAll(blobs.read(arriving.info.id)), arriving.bytes);
  });

  test('other chunk ids are a CONFLICT while the blob arrives, and start anew after', async () => {
    const { blobs, sample } = current();
    const arriving = sample(2 * blobChunkBytes, 2);
    const other = sample(2 * blobChunkBytes, 3);
    const lied = await blobs.receive(arriving.info, other.chunks);
    await lied.accept(0, other.chunk(0));
    await expect(blobs.receive(arriving.info, arriving.chunks)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await lied.close();
    const receipt = await blobs.receive(arriving.info, arriving.chunks);
    expect(receipt.missing()).toEqual([0, 1]);
    await receipt.close();
  });

  test('a blob that is here misses nothing', async () => {
    const { blobs, sample } = current();
    const { bytes, info, chunks } = sample(2 * blobChunkBytes);
    await blobs.put(inPieces(bytes));
    const receipt = await blobs.receive(info, chunks);
    expect(receipt.missing()).toEqual([]);
    expect(await receipt.commit()).toEqual(info);
    await receipt.close();
  });
}
