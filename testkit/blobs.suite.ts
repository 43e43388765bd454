// What any Blobs must do, on a disk or in memory.
import { setImmediate as turn } from 'node:timers/promises';
import {
  blobChunkBytes, blobIdSchema, concatBytes, HansaError, toHex, utf8,
  type BlobId, type BlobInfo, type BlobReceipt, type Blobs, type Crypto,
} from '@hansa/foundation';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

export interface BlobsUnderTest {
  readonly crypto: Crypto;
  readonly blobs: Blobs;
  /** The same blobs as after a restart. */
  reopen(): Promise<Blobs>;
  /** Flips one bit of a stored byte behind the driver's back. */
  corrupt(id: BlobId, at: number): Promise<void>;
  close(): Promise<void>;
}

/** A blob that is known and nowhere stored. */
export interface Sample {
  readonly bytes: Uint8Array;
  readonly info: BlobInfo;
  readonly chunks: readonly BlobId[];
  chunk(index: number): Uint8Array;
}

export function sampleBlob(crypto: Crypto, sizeBytes: number, seed = 1): Sample {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let i = 0; i < sizeBytes; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  const chunk = (index: number): Uint8Array =>
    bytes.slice(index * blobChunkBytes, (index + 1) * blobChunkBytes);
  const count = Math.max(1, Math.ceil(sizeBytes / blobChunkBytes));
  const idOf = (content: Uint8Array): BlobId => blobIdSchema.parse(toHex(crypto.hash(content)));
  return {
    bytes,
    info: { id: idOf(bytes), sizeBytes },
    chunks: Array.from({ length: count }, (_, index) => idOf(chunk(index))),
    chunk,
  };
}

export async function* inPieces(
  bytes: Uint8Array,
  pieceBytes: number = bytes.length,
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    yield bytes.subarray(at, at + pieceBytes);
  }
}

export async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) {
    expect(piece.length).toBeLessThanOrEqual(blobChunkBytes);
    parts.push(piece);
  }
  return concatBytes(parts);
}

/** Equal bytes; `toEqual` takes seconds for a chunk. */
export function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}

export async function listed(blobs: Blobs): Promise<readonly BlobInfo[]> {
  const infos: BlobInfo[] = [];
  for await (const info of blobs.list()) {
    infos.push(info);
  }
  return infos.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function* failing(): AsyncGenerator<Uint8Array, void, void> {
  yield utf8('some');
  throw new Error('the source broke');
}

async function* silent(): AsyncGenerator<Uint8Array, void, void> {
  yield utf8('some');
  await new Promise(() => undefined);
}

async function acceptAll(receipt: BlobReceipt, sample: Sample): Promise<void> {
  for (const index of receipt.missing()) {
    await receipt.accept(index, sample.chunk(index));
  }
}

const half = blobChunkBytes / 2;

export function blobsSuite(title: string, make: () => Promise<BlobsUnderTest>): void {
  describe(title, () => {
    let under: BlobsUnderTest;
    let blobs: Blobs;
    let sample: (sizeBytes: number, seed?: number) => Sample;

    beforeEach(async () => {
      under = await make();
      blobs = under.blobs;
      sample = (sizeBytes, seed) => sampleBlob(under.crypto, sizeBytes, seed);
    });
    afterEach(() => under.close());

    const current = (): { blobs: Blobs; under: BlobsUnderTest; sample: typeof sample } => ({
      blobs,
      under,
      sample,
    });
    putAndRead(current);
    damage(current);
    receiving(current);
    sharedReceiving(current);
    removing(current);
    collecting(current);
  });
}

type Current = () => {
  blobs: Blobs;
  under: BlobsUnderTest;
  sample: (sizeBytes: number, seed?: number) => Sample;
};

function putAndRead(current: Current): void {
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
    const { bytes, info } = sample(blobChunkBytes + half);
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
    const ranges = [{ start: -1 }, { end: 101 }, { start: 5, end: 4 }, { start: 0.5 }, { end: NaN }];
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
    await expect(blobs.put(failing())).rejects.toThrow('the source broke');
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
    const put = blobs.put(silent(), controller.signal);
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

function damage(current: Current): void {
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

function receiving(current: Current): void {
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

function sharedReceiving(current: Current): void {
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

function removing(current: Current): void {
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

function collecting(current: Current): void {
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
