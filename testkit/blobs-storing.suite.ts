// Blobs that are put and read, and what a disk does to them: a part of blobs.suite.ts.
import { setImmediate as turn } from 'node:timers/promises';
import { blobChunkBytes, concatBytes, HansaError, utf8 } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  expectSame,
  failingSource,
  inPieces,
  listed,
  readAll,
  silentSource,
  type Current,
} from './blobs-sample.ts';

export function storingBlobs(current: Current): void {
  test.each([0, 1, blobChunkBytes - 1, blobChunkBytes, blobChunkBytes + 1, 3 * blobChunkBytes + 7])(
    'a blob of %i bytes is put under the BLAKE3 of its content and reads back',
    async (sizeBytes) => {
      const { blobs, sample } = current();
      const { bytes, info, chunks } = sample(sizeBytes);
      expect(await blobs.put(inPieces(bytes, 300_007))).toEqual(info);
      expect(await blobs.info(info.id)).toEqual(info);
      expect(await blobs.chunks(info.id)).toEqual(chunks);
      expectSame(await readAll(blobs.read(info.id)), bytes);
      expectSame(await readAll(blobs.read(info.id, { verify: false })), bytes);
    },
  );

  test('a blob of one chunk has itself as its only chunk', async () => {
    const { blobs, sample } = current();
    const { id } = await blobs.put(inPieces(sample(10).bytes));
    expect(await blobs.chunks(id)).toEqual([id]);
  });

  test('any range reads as that slice of the content', async () => {
    const { blobs, sample } = current();
    const { bytes, info } = sample(2 * blobChunkBytes + 1_000);
    await blobs.put(inPieces(bytes));
    const place = fc.oneof(
      fc.nat(info.sizeBytes),
      fc.constantFrom(0, blobChunkBytes - 1, blobChunkBytes, blobChunkBytes + 1, info.sizeBytes),
    );
    await fc.assert(
      fc.asyncProperty(place, place, fc.boolean(), async (a, b, verify) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const range = await readAll(blobs.read(info.id, { start, end, verify }));
        expectSame(range, bytes.subarray(start, end));
      }),
      { numRuns: 100 },
    );
  });

  test('however the source cuts its pieces, the blob is the same', async () => {
    const { blobs, sample } = current();
    const { bytes, info } = sample(1.5 * blobChunkBytes);
    for (const pieceBytes of [65_536, 99_991, blobChunkBytes, bytes.length]) {
      expect(await blobs.put(inPieces(bytes, pieceBytes))).toEqual(info);
    }
    expect(await listed(blobs)).toEqual([info]);
  });

  test('a source may use its buffer again', async () => {
    const { blobs, sample } = current();
    const buffer = new Uint8Array(10);
    const one = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield buffer.fill(1);
      yield buffer.fill(2);
    };
    const { id } = await blobs.put(one());
    expect(await readAll(blobs.read(id))).toEqual(
      concatBytes([new Uint8Array(10).fill(1), new Uint8Array(10).fill(2)]),
    );
    expect(sample(0).info.id).not.toBe(id);
  });

  test('what a reader does to the bytes it got changes nothing', async () => {
    const { blobs, sample } = current();
    const { bytes, info } = sample(1_000);
    await blobs.put(inPieces(bytes));
    (await readAll(blobs.read(info.id))).fill(0);
    for await (const piece of blobs.read(info.id)) {
      piece.fill(0);
    }
    expectSame(await readAll(blobs.read(info.id)), bytes);
  });

  test('a range that the blob does not have is INPUT_INVALID', async () => {
    const { blobs, sample } = current();
    const { bytes, info } = sample(100);
    await blobs.put(inPieces(bytes));
    const ranges = [
      { start: -1 },
      { end: 101 },
      { start: 5, end: 4 },
      { start: 0.5 },
      { end: NaN },
    ];
    for (const range of ranges) {
      await expect(readAll(blobs.read(info.id, range))).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    }
    expect(await readAll(blobs.read(info.id, { start: 100 }))).toHaveLength(0);
  });

  test('a blob that is not here has no info, and reading it is BLOB_NOT_FOUND', async () => {
    const { blobs, sample } = current();
    const { id } = sample(100).info;
    const notFound = { code: 'BLOB_NOT_FOUND', facts: { blob: id } };
    expect(await blobs.info(id)).toBeUndefined();
    await expect(readAll(blobs.read(id))).rejects.toMatchObject(notFound);
    await expect(blobs.chunks(id)).rejects.toMatchObject(notFound);
  });

  test('a source that fails leaves nothing', async () => {
    const { blobs, under } = current();
    await expect(blobs.put(failingSource())).rejects.toThrow('the source broke');
    expect(await listed(blobs)).toEqual([]);
    expect(await listed(await under.reopen())).toEqual([]);
  });

  test('an aborted put rejects with the signal’s reason, also before it began', async () => {
    const { blobs, sample } = current();
    const reason = new HansaError('SHUTTING_DOWN', 'enough');
    const controller = new AbortController();
    const stopping = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield utf8('some');
      controller.abort(reason);
      yield utf8('more');
    };
    await expect(blobs.put(stopping(), controller.signal)).rejects.toBe(reason);
    await expect(blobs.put(inPieces(sample(1).bytes), controller.signal)).rejects.toBe(reason);
    expect(await listed(blobs)).toEqual([]);
  });

  test('an aborted put does not wait for a silent source', async () => {
    const { blobs } = current();
    const controller = new AbortController();
    const put = blobs.put(silentSource(), controller.signal);
    put.catch(() => undefined);
    await turn();
    controller.abort(new HansaError('SHUTTING_DOWN', 'enough'));
    await expect(put).rejects.toThrow('enough');
  });

  test('an aborted read rejects with the signal’s reason', async () => {
    const { blobs, sample } = current();
    const { bytes, info } = sample(2 * blobChunkBytes);
    await blobs.put(inPieces(bytes));
    const controller = new AbortController();
    const reading = blobs.read(info.id, { signal: controller.signal })[Symbol.asyncIterator]();
    await reading.next();
    controller.abort(new Error('enough'));
    await expect(reading.next()).rejects.toThrow('enough');
  });

  test('many blobs put at once are all listed, once each', async () => {
    const { blobs, under, sample } = current();
    const samples = Array.from({ length: 40 }, (_, i) => sample(i * 11, i));
    await Promise.all([...samples, ...samples].map(({ bytes }) => blobs.put(inPieces(bytes))));
    const infos = samples.map(({ info }) => info).sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(await listed(blobs)).toEqual(infos);
    expect(await listed(await under.reopen())).toEqual(infos);
  });
}

export function damagedBlobs(current: Current): void {
  test('a flipped byte is BLOB_CORRUPT and names blob and chunk', async () => {
    const { blobs, under, sample } = current();
    const { bytes, info } = sample(3 * blobChunkBytes);
    await blobs.put(inPieces(bytes));
    await under.corrupt(info.id, blobChunkBytes + 17);
    await expect(readAll(blobs.read(info.id))).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: info.id, chunk: 1 },
    });
    const start = 2 * blobChunkBytes;
    expectSame(await readAll(blobs.read(info.id, { start })), bytes.slice(start));
  });

  test('a reader that verifies by itself gets the damaged bytes', async () => {
    const { blobs, under, sample } = current();
    const { bytes, info } = sample(100);
    await blobs.put(inPieces(bytes));
    await under.corrupt(info.id, 17);
    const raw = await readAll(blobs.read(info.id, { verify: false }));
    expect([...raw.keys()].filter((at) => raw[at] !== bytes[at])).toEqual([17]);
    await expect(readAll(blobs.read(info.id))).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test('putting the content again heals a damaged blob', async () => {
    const { blobs, under, sample } = current();
    const { bytes, info } = sample(blobChunkBytes + 5);
    await blobs.put(inPieces(bytes));
    await under.corrupt(info.id, 3);
    await blobs.put(inPieces(bytes));
    expectSame(await readAll(blobs.read(info.id)), bytes);
  });
}
