import {
  splitFederatedId,
  blobChunkBytes,
  concatBytes,
  equalBytes,
  fromHex,
  HansaError,
  utf8,
  type BlobId,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  content,
  createFetchingRig,
  fetchedBytes,
  fetchedResource,
  type FetchingRig,
} from '../../testkit/fetching-rig.ts';
import { collect } from '../../testkit/test-cluster.ts';
import type { BlobReference, ChangeOp, SequencedChange } from '../resources/contract.ts';
import { blobsAfter } from './fetching.ts';
import { contentsPerRequestMax, type BlobPeer } from './wire.ts';

let rig: FetchingRig;

beforeEach(async () => {
  rig = await createFetchingRig();
});

describe('a blob that is missing here', () => {
  test('arrives chunk by chunk, and is whole', async () => {
    const arrived: number[] = [];
    await expect(rig.fetch({ arrived: (bytes) => arrived.push(bytes) })).resolves.toBe(1);
    expect(arrived).toEqual([blobChunkBytes, blobChunkBytes, 5]);
    const whole = concatBytes(await collect(rig.here.read(rig.reference.id)));
    expect(equalBytes(whole, content(fetchedBytes))).toBe(true);
    expect(rig.asked).toEqual(['manifest', 'chunks 0,1,2']);
  });

  test('is asked for once: what is here is never fetched again', async () => {
    await rig.fetch({ wanted: [rig.reference, rig.reference] });
    rig.asked = [];
    await expect(rig.fetch()).resolves.toBe(0);
    expect(rig.asked).toEqual([]);
  });

  test('goes on where a connection broke, and asks only for what has not arrived', async () => {
    rig.peer = rig.cutAfter(2);
    const arrived: number[] = [];
    await expect(rig.fetch({ arrived: (bytes) => arrived.push(bytes) })).resolves.toBe(1);
    expect(rig.asked).toEqual(['manifest', 'chunks 0,1,2', 'chunks 2']);
    expect(arrived).toEqual([blobChunkBytes, blobChunkBytes, 5]);
  });

  test('is given up where nothing arrives any more, and resumed the next time', async () => {
    const { chunks } = rig.peer;
    rig.peer = rig.cutAfter(2, 1);
    await expect(rig.fetch()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(rig.asked).toEqual(['manifest', 'chunks 0,1,2', 'chunks 2', 'chunks 2']);
    rig.peer = { ...rig.peer, chunks };
    rig.asked = [];
    await expect(rig.fetch()).resolves.toBe(1);
    expect(rig.asked).toEqual(['manifest', 'chunks 2']);
  });

  test('is not asked for after the reader has left', async () => {
    const left = rig.fetch({ signal: AbortSignal.abort(new HansaError('CANCELLED', 'gone')) });
    await expect(left).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(rig.asked).toEqual([]);
  });
});

describe('what the owner did not sign', () => {
  const forge = (manifest: BlobPeer['manifest']): void => {
    rig.peer = { ...rig.peer, manifest };
  };
  const refusedUnseen = async (): Promise<void> => {
    rig.asked = [];
    await expect(rig.fetch()).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: rig.reference.id },
      message: /lubeck sent a manifest/,
    });
    expect(rig.asked.filter((each) => each.startsWith('chunks'))).toEqual([]);
    await expect(rig.here.info(rig.reference.id)).resolves.toBeUndefined();
  };

  test('a false list of chunks is refused before any chunk is asked for', async () => {
    const other = await rig.keep(content(fetchedBytes, 7));
    const ids = await rig.there.chunks(other.id);
    const chunks = concatBytes(ids.map((id) => fromHex(id)));
    forge(async () => ({ sizeBytes: fetchedBytes, chunks }));
    await refusedUnseen();
  });

  test.each<[string, (chunks: Uint8Array) => Uint8Array]>([
    ['cut by one id', (chunks) => chunks.slice(0, -32)],
    ['cut inside an id', (chunks) => chunks.slice(0, -1)],
    ['with an id more', (chunks) => concatBytes([chunks, chunks.slice(0, 32)])],
    ['in another order', (chunks) => concatBytes([chunks.slice(32), chunks.slice(0, 32)])],
    ['emptied', () => new Uint8Array(0)],
  ])('a list of chunks %s likewise', async (_, damage) => {
    const ids = await rig.there.chunks(rig.reference.id);
    const chunks = damage(concatBytes(ids.map((id) => fromHex(id))));
    forge(async () => ({ sizeBytes: fetchedBytes, chunks }));
    await refusedUnseen();
  });

  test('a size that the sender invents is not believed: the signed one counts', async () => {
    const { manifest } = rig.peer;
    forge(async (input, call) => ({ ...(await manifest(input, call)), sizeBytes: 1 }));
    await expect(rig.fetch()).resolves.toBe(1);
  });

  test('a signed reference that lies about its own size is refused', async () => {
    const lying = { ...rig.reference, sizeBytes: fetchedBytes - 1 };
    await expect(rig.fetch({ wanted: [lying] })).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test.each([0, 1, 2])('a flipped bit in chunk %i is named, with the sender', async (chunk) => {
    rig.there.corrupt(rig.reference.id, chunk * blobChunkBytes);
    await expect(rig.fetch()).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: rig.reference.id, chunk, source: 'lubeck' },
      fix: /disk of lubeck/,
    });
    await expect(rig.here.info(rig.reference.id)).resolves.toBeUndefined();
    rig.there.corrupt(rig.reference.id, chunk * blobChunkBytes);
    rig.asked = [];
    await expect(rig.fetch()).resolves.toBe(1);
    expect(rig.asked[1]).toBe(`chunks ${chunk}`);
  });

  test('more chunks than were asked for are not even read', async () => {
    const { chunks } = rig.peer;
    rig.peer = {
      ...rig.peer,
      async *chunks(input, call) {
        yield* chunks(input, call);
        yield new Uint8Array(blobChunkBytes);
      },
    };
    await expect(rig.fetch()).resolves.toBe(1);
  });

  test('a chunk that is larger than chunks are', async () => {
    rig.peer = {
      ...rig.peer,
      async *chunks() {
        yield new Uint8Array(blobChunkBytes + 1);
      },
    };
    await expect(rig.fetch()).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test('fewer chunks than were asked for is BLOB_INCOMPLETE, and nothing of it is visible', async () => {
    const { chunks } = rig.peer;
    rig.peer = {
      ...rig.peer,
      chunks: (input, call) => chunks({ ...input, indexes: input.indexes.slice(0, 1) }, call),
    };
    await expect(rig.fetch()).rejects.toMatchObject({ code: 'BLOB_INCOMPLETE' });
    await expect(rig.here.info(rig.reference.id)).resolves.toBeUndefined();
  });
});

describe('the blobs that a batch needs', () => {
  const change = (ops: readonly ChangeOp[]): SequencedChange => ({
    sequence: 1,
    change: { epoch: 1, previous: 1, ops, hlc: [0, 0], author: 'ada' },
  });
  const named = (digit: string): BlobReference => {
    const id: BlobId = rig.reference.id;
    return { id, sizeBytes: Number(digit), manifest: id };
  };
  const put = (key: string, digit: string): ChangeOp => ({
    put: { key: utf8(key), value: utf8(''), blobs: [named(digit)] },
  });

  test('are those that its entries name after it, in the order they came', () => {
    const needed = blobsAfter([
      change([put('a', '1'), put('b', '2')]),
      change([put('a', '3'), { delete: { key: utf8('b') } }, put('c', '4')]),
    ]);
    expect(needed.map(({ sizeBytes: size }) => size)).toEqual([3, 4]);
  });

  test('are none where a later change replaced or deleted them all', () => {
    const gone = change([{ delete: { key: utf8('a') } }]);
    expect(blobsAfter([change([put('a', '1')]), gone])).toEqual([]);
  });
});

describe('small blobs', () => {
  let wanted: BlobReference[];
  beforeEach(async () => {
    wanted = [];
    for (let at = 0; at < 600; at += 1) {
      wanted.push(await rig.keep(content(10 + (at % 7), at)));
    }
    wanted = [...new Map(wanted.map((each) => [each.id, each])).values()];
  });

  test('arrive many at a time, without a manifest each', async () => {
    await expect(rig.fetch({ wanted })).resolves.toBe(wanted.length);
    const requests = Math.ceil(wanted.length / contentsPerRequestMax);
    expect(rig.asked).toHaveLength(requests);
    for (const { id } of wanted) {
      await expect(rig.here.info(id)).resolves.toMatchObject({ id });
    }
  });

  test('that were empty arrive, too', async () => {
    const empty = await rig.keep(new Uint8Array(0));
    await expect(rig.fetch({ wanted: [empty] })).resolves.toBe(1);
    await expect(rig.here.info(empty.id)).resolves.toMatchObject({ sizeBytes: 0 });
  });

  test('go on where a connection broke, and do not arrive twice', async () => {
    const { contents } = rig.peer;
    rig.peer = {
      ...rig.peer,
      async *contents(input, call) {
        let sent = 0;
        for await (const items of contents(input, call)) {
          yield items;
          sent += 1;
          if (sent === 100) {
            throw new HansaError('CONNECTION_CLOSED', 'the cable was cut');
          }
        }
      },
    };
    const arrived: number[] = [];
    await rig.fetch({ wanted, arrived: (bytes) => arrived.push(bytes) });
    expect(arrived).toHaveLength(wanted.length);
  });

  test('with a flipped bit are refused, and the sender is named and blamed', async () => {
    const [first] = wanted;
    rig.there.corrupt(first?.id ?? rig.reference.id, 3);
    await expect(rig.fetch({ wanted })).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: first?.id, source: 'lubeck' },
    });
    expect(rig.blamed).toMatchObject([
      { peer: splitFederatedId(fetchedResource).owner, code: 'BLOB_CORRUPT' },
    ]);
  });

  test('that the sender leaves out are missed by name', async () => {
    rig.peer = { ...rig.peer, async *contents() {} };
    await expect(rig.fetch({ wanted })).rejects.toMatchObject({
      code: 'BLOB_NOT_FOUND',
      message: /lubeck has not sent blob/,
    });
  });

  test('that nobody asked for are refused', async () => {
    rig.peer = {
      ...rig.peer,
      async *contents() {
        yield [{ blob: rig.reference.id, bytes: new Uint8Array(1) }];
      },
    };
    await expect(rig.fetch({ wanted })).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test('whose signed manifest is not theirs are refused', async () => {
    const [first] = wanted;
    const lying = { ...rig.reference, ...first, manifest: rig.reference.id };
    await expect(rig.fetch({ wanted: [lying] })).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });
});
