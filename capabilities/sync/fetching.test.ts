import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobChunkBytes,
  concatBytes,
  equalBytes,
  federatedId,
  fromHex,
  HansaError,
  localId,
  manifestId,
  utf8,
  type BlobId,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import { createSystemClock } from '@hansa/system-node';
import { callerOf, carrierTo, clusterOf, collect, nodeOf } from '../../testkit/test-cluster.ts';
import type { BlobReference, ChangeOp, SequencedChange } from '../resources/contract.ts';
import type { Blame, BlobSource, FetchOrder } from './blob-sources.ts';
import { blobsAfter, fetchBlobs } from './fetching.ts';
import { blobPeerContract, contentsPerRequestMax, type BlobPeer } from './wire.ts';

const crypto = createNodeCrypto();
const clock = createSystemClock();
const owner = clusterOf(crypto, 1);
const resource = federatedId(owner, localId('git', 'hansa'));
const sizeBytes = 2 * blobChunkBytes + 5;

let there: MemoryBlobs;
let here: MemoryBlobs;
let reference: BlobReference;
let asked: string[];
let peer: BlobPeer;
let blamed: Blame[];

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function keep(bytes: Uint8Array): Promise<BlobReference> {
  const { id } = await there.put(pieces(bytes));
  const info = { id, sizeBytes: bytes.length };
  return { ...info, manifest: manifestId(crypto, info, await there.chunks(id)) };
}

function content(size: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at + first + (at >> 16)) % 251);
}

beforeEach(async () => {
  there = createMemoryBlobs({ crypto });
  here = createMemoryBlobs({ crypto });
  reference = await keep(content(sizeBytes));
  asked = [];
  blamed = [];
  peer = {
    async manifest({ blob }) {
      asked.push('manifest');
      const ids = await there.chunks(blob);
      return { sizeBytes, chunks: concatBytes(ids.map((id) => fromHex(id))) };
    },
    async *chunks({ blob, indexes }) {
      asked.push(`chunks ${indexes.join()}`);
      for (const index of indexes) {
        const start = index * blobChunkBytes;
        const range = { start, end: Math.min(start + blobChunkBytes, sizeBytes), verify: false };
        yield concatBytes(await collect(there.read(blob, range)));
      }
    },
    async *contents({ blobs }) {
      asked.push(`contents of ${blobs.length}`);
      for (const blob of blobs) {
        yield [{ blob, bytes: concatBytes(await collect(there.read(blob, { verify: false }))) }];
      }
    },
    sources: async () => ({ serves: false }),
  };
});

/** Where calls go to whatever `service` does at that moment. */
function sourceOf(name: string, byte: number, service: () => BlobPeer): BlobSource {
  const late: BlobPeer = {
    manifest: (input, call) => service().manifest(input, call),
    chunks: (input, call) => service().chunks(input, call),
    contents: (input, call) => service().contents(input, call),
    sources: (input, call) => service().sources(input, call),
  };
  const caller = callerOf(clusterOf(crypto, 3), nodeOf(crypto, 4));
  const carrier = carrierTo([{ contract: blobPeerContract, service: late }], caller);
  return { cluster: clusterOf(crypto, byte), name, carrier: () => carrier };
}

function order(given: Partial<FetchOrder> = {}): FetchOrder {
  return {
    owner: sourceOf('lubeck', 1, () => peer),
    resource,
    wanted: [reference],
    signal: new AbortController().signal,
    arrived: () => undefined,
    ...given,
  };
}

function fetch(given: Partial<FetchOrder> = {}): Promise<number> {
  const needs = { blobs: here, crypto, clock, blame: (one: Blame) => void blamed.push(one) };
  return fetchBlobs(needs, order(given));
}

/** Whose connection breaks after so many chunks of a request, and then after so many. */
function cutAfter(first: number, then: number = first): BlobPeer {
  const { chunks } = peer;
  let left = first;
  return {
    ...peer,
    async *chunks(input, call) {
      const now = left;
      left = then === first ? first : then - 1;
      let sent = 0;
      for await (const bytes of chunks(input, call)) {
        if (sent === now) {
          throw new HansaError('CONNECTION_CLOSED', 'the cable was cut');
        }
        yield bytes;
        sent += 1;
      }
    },
  };
}

describe('a blob that is missing here', () => {
  test('arrives chunk by chunk, and is whole', async () => {
    const arrived: number[] = [];
    await expect(fetch({ arrived: (bytes) => arrived.push(bytes) })).resolves.toBe(1);
    expect(arrived).toEqual([blobChunkBytes, blobChunkBytes, 5]);
    const whole = concatBytes(await collect(here.read(reference.id)));
    expect(equalBytes(whole, content(sizeBytes))).toBe(true);
    expect(asked).toEqual(['manifest', 'chunks 0,1,2']);
  });

  test('is asked for once: what is here is never fetched again', async () => {
    await fetch({ wanted: [reference, reference] });
    asked = [];
    await expect(fetch()).resolves.toBe(0);
    expect(asked).toEqual([]);
  });

  test('goes on where a connection broke, and asks only for what has not arrived', async () => {
    peer = cutAfter(2);
    const arrived: number[] = [];
    await expect(fetch({ arrived: (bytes) => arrived.push(bytes) })).resolves.toBe(1);
    expect(asked).toEqual(['manifest', 'chunks 0,1,2', 'chunks 2']);
    expect(arrived).toEqual([blobChunkBytes, blobChunkBytes, 5]);
  });

  test('is given up where nothing arrives any more, and resumed the next time', async () => {
    const { chunks } = peer;
    peer = cutAfter(2, 1);
    await expect(fetch()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(asked).toEqual(['manifest', 'chunks 0,1,2', 'chunks 2', 'chunks 2']);
    peer = { ...peer, chunks };
    asked = [];
    await expect(fetch()).resolves.toBe(1);
    expect(asked).toEqual(['manifest', 'chunks 2']);
  });

  test('is not asked for after the reader has left', async () => {
    const left = fetch({ signal: AbortSignal.abort(new HansaError('CANCELLED', 'gone')) });
    await expect(left).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(asked).toEqual([]);
  });
});

describe('what the owner did not sign', () => {
  const forge = (manifest: BlobPeer['manifest']): void => {
    peer = { ...peer, manifest };
  };
  const refusedUnseen = async (): Promise<void> => {
    asked = [];
    await expect(fetch()).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: reference.id },
      message: /lubeck sent a manifest/,
    });
    expect(asked.filter((each) => each.startsWith('chunks'))).toEqual([]);
    await expect(here.info(reference.id)).resolves.toBeUndefined();
  };

  test('a false list of chunks is refused before any chunk is asked for', async () => {
    const other = await keep(content(sizeBytes, 7));
    const ids = await there.chunks(other.id);
    const chunks = concatBytes(ids.map((id) => fromHex(id)));
    forge(async () => ({ sizeBytes, chunks }));
    await refusedUnseen();
  });

  test.each<[string, (chunks: Uint8Array) => Uint8Array]>([
    ['cut by one id', (chunks) => chunks.slice(0, -32)],
    ['cut inside an id', (chunks) => chunks.slice(0, -1)],
    ['with an id more', (chunks) => concatBytes([chunks, chunks.slice(0, 32)])],
    ['in another order', (chunks) => concatBytes([chunks.slice(32), chunks.slice(0, 32)])],
    ['emptied', () => new Uint8Array(0)],
  ])('a list of chunks %s likewise', async (_, damage) => {
    const ids = await there.chunks(reference.id);
    const chunks = damage(concatBytes(ids.map((id) => fromHex(id))));
    forge(async () => ({ sizeBytes, chunks }));
    await refusedUnseen();
  });

  test('a size that the sender invents is not believed: the signed one counts', async () => {
    const { manifest } = peer;
    forge(async (input, call) => ({ ...(await manifest(input, call)), sizeBytes: 1 }));
    await expect(fetch()).resolves.toBe(1);
  });

  test('a signed reference that lies about its own size is refused', async () => {
    const lying = { ...reference, sizeBytes: sizeBytes - 1 };
    await expect(fetch({ wanted: [lying] })).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test.each([0, 1, 2])('a flipped bit in chunk %i is named, with the sender', async (chunk) => {
    there.corrupt(reference.id, chunk * blobChunkBytes);
    await expect(fetch()).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: reference.id, chunk, source: 'lubeck' },
      fix: /disk of lubeck/,
    });
    await expect(here.info(reference.id)).resolves.toBeUndefined();
    there.corrupt(reference.id, chunk * blobChunkBytes);
    asked = [];
    await expect(fetch()).resolves.toBe(1);
    expect(asked[1]).toBe(`chunks ${chunk}`);
  });

  test('more chunks than were asked for are not even read', async () => {
    const { chunks } = peer;
    peer = {
      ...peer,
      async *chunks(input, call) {
        yield* chunks(input, call);
        yield new Uint8Array(blobChunkBytes);
      },
    };
    await expect(fetch()).resolves.toBe(1);
  });

  test('a chunk that is larger than chunks are', async () => {
    peer = {
      ...peer,
      async *chunks() {
        yield new Uint8Array(blobChunkBytes + 1);
      },
    };
    await expect(fetch()).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test('fewer chunks than were asked for is BLOB_INCOMPLETE, and nothing of it is visible', async () => {
    const { chunks } = peer;
    peer = {
      ...peer,
      chunks: (input, call) => chunks({ ...input, indexes: input.indexes.slice(0, 1) }, call),
    };
    await expect(fetch()).rejects.toMatchObject({ code: 'BLOB_INCOMPLETE' });
    await expect(here.info(reference.id)).resolves.toBeUndefined();
  });
});

describe('the blobs that a batch needs', () => {
  const change = (ops: readonly ChangeOp[]): SequencedChange => ({
    sequence: 1,
    change: { epoch: 1, previous: 1, ops, hlc: [0, 0], author: 'ada' },
  });
  const named = (digit: string): BlobReference => {
    const id: BlobId = reference.id;
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
      wanted.push(await keep(content(10 + (at % 7), at)));
    }
    wanted = [...new Map(wanted.map((each) => [each.id, each])).values()];
  });

  test('arrive many at a time, without a manifest each', async () => {
    await expect(fetch({ wanted })).resolves.toBe(wanted.length);
    const requests = Math.ceil(wanted.length / contentsPerRequestMax);
    expect(asked).toHaveLength(requests);
    for (const { id } of wanted) {
      await expect(here.info(id)).resolves.toMatchObject({ id });
    }
  });

  test('that were empty arrive, too', async () => {
    const empty = await keep(new Uint8Array(0));
    await expect(fetch({ wanted: [empty] })).resolves.toBe(1);
    await expect(here.info(empty.id)).resolves.toMatchObject({ sizeBytes: 0 });
  });

  test('go on where a connection broke, and do not arrive twice', async () => {
    const { contents } = peer;
    peer = {
      ...peer,
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
    await fetch({ wanted, arrived: (bytes) => arrived.push(bytes) });
    expect(arrived).toHaveLength(wanted.length);
  });

  test('with a flipped bit are refused, and the sender is named and blamed', async () => {
    const [first] = wanted;
    there.corrupt(first?.id ?? reference.id, 3);
    await expect(fetch({ wanted })).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: first?.id, source: 'lubeck' },
    });
    expect(blamed).toMatchObject([{ peer: owner, code: 'BLOB_CORRUPT' }]);
  });

  test('that the sender leaves out are missed by name', async () => {
    peer = { ...peer, async *contents() {} };
    await expect(fetch({ wanted })).rejects.toMatchObject({
      code: 'BLOB_NOT_FOUND',
      message: /lubeck has not sent blob/,
    });
  });

  test('that nobody asked for are refused', async () => {
    peer = {
      ...peer,
      async *contents() {
        yield [{ blob: reference.id, bytes: new Uint8Array(1) }];
      },
    };
    await expect(fetch({ wanted })).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  test('whose signed manifest is not theirs are refused', async () => {
    const [first] = wanted;
    const lying = { ...reference, ...first, manifest: reference.id };
    await expect(fetch({ wanted: [lying] })).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });
});

describe('a blob that several sources have', () => {
  const many = 24;
  const bytes = new Uint8Array(many * blobChunkBytes).map((_, at) => (at >> 20) + 1);
  let wanted: BlobReference[];
  let served: Map<string, number[]>;
  beforeEach(async () => {
    const whole = await keep(bytes);
    wanted = [whole];
    served = new Map();
  });

  /** Serves what is there, and remembers which chunks. */
  const honest = (name: string, turn: () => Promise<void> = async () => undefined): BlobPeer => ({
    ...peer,
    async manifest({ blob }) {
      const ids = await there.chunks(blob);
      const chunks = concatBytes(ids.map((id) => fromHex(id)));
      return { sizeBytes: many * blobChunkBytes, chunks };
    },
    async *chunks({ blob, indexes }) {
      for (const index of indexes) {
        await turn();
        served.set(name, [...(served.get(name) ?? []), index]);
        const start = index * blobChunkBytes;
        const range = { start, end: start + blobChunkBytes, verify: false };
        yield concatBytes(await collect(there.read(blob, range)));
      }
    },
  });
  const fetchFrom = (...others: readonly BlobPeer[]): Promise<number> => {
    const [lubeck = peer, ...rest] = others;
    return fetch({
      owner: sourceOf('lubeck', 1, () => lubeck),
      others: async () => rest.map((each, at) => sourceOf(`visby${at}`, 20 + at, () => each)),
      wanted,
    });
  };
  const requireWhole = async (): Promise<void> => {
    const whole = concatBytes(await collect(here.read(wanted[0]?.id ?? reference.id)));
    expect(equalBytes(whole, bytes)).toBe(true);
  };
  const never = (): Promise<void> => new Promise(() => undefined);

  test('is brought by all of them, each chunk by one', async () => {
    await fetchFrom(honest('lubeck'), honest('visby'), honest('malmo'));
    await requireWhole();
    expect([...served.keys()].toSorted()).toEqual(['lubeck', 'malmo', 'visby']);
    expect([...served.values()].flat().toSorted((x, y) => x - y)).toEqual([...Array(many).keys()]);
  });

  test('comes whole where one of them never delivers: the others bring its share', async () => {
    await fetchFrom(honest('lubeck'), honest('silent', never));
    await requireWhole();
    expect(served.get('lubeck')).toHaveLength(many);
  });

  test('comes whole where the owner never delivers', async () => {
    await fetchFrom(honest('lubeck', never), honest('visby'));
    await requireWhole();
    expect(served.get('visby')).toHaveLength(many);
  });

  test('comes whole where one of them breaks, or has it no more', async () => {
    const gone = honest('gone', async () => {
      throw new HansaError('BLOB_NOT_FOUND', 'it was here a moment ago');
    });
    const broken = honest('broken', async () => {
      throw new HansaError('CONNECTION_CLOSED', 'the cable was cut');
    });
    await fetchFrom(honest('lubeck'), gone, broken);
    await requireWhole();
    expect(blamed).toEqual([]);
  });

  test('comes whole where one of them lies, who is left and blamed, and nobody else', async () => {
    let lies = 0;
    const liar: BlobPeer = {
      ...honest('liar'),
      async *chunks() {
        lies += 1;
        yield new Uint8Array(blobChunkBytes);
      },
    };
    await fetchFrom(honest('lubeck'), liar);
    await requireWhole();
    expect(lies).toBe(1);
    expect(blamed).toMatchObject([
      { peer: clusterOf(crypto, 20), evidence: { source: 'visby0', blob: wanted[0]?.id } },
    ]);
  });

  test('is refused where all of them lie, in the words of a lie', async () => {
    const liar: BlobPeer = {
      ...honest('liar'),
      async *chunks() {
        yield new Uint8Array(blobChunkBytes);
      },
    };
    await expect(fetchFrom(liar, liar)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
    expect(blamed).toHaveLength(2);
  });

  test('takes its manifest from whoever tells the one that was signed', async () => {
    const forger = {
      ...honest('lubeck'),
      manifest: async () => ({ sizeBytes: 1, chunks: new Uint8Array(32) }),
    };
    await fetchFrom(forger, honest('visby'));
    await requireWhole();
    expect(blamed).toMatchObject([{ peer: owner }]);
  });
});
