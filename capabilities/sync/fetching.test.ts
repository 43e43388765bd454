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
  type Carrier,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import { callerOf, carrierTo, clusterOf, collect, nodeOf } from '../../testkit/test-cluster.ts';
import type { BlobReference, ChangeOp, SequencedChange } from '../resources/contract.ts';
import { blobsAfter, fetchBlobs, type FetchOrder } from './fetching.ts';
import { blobPeerContract, type BlobPeer } from './wire.ts';

const crypto = createNodeCrypto();
const owner = clusterOf(crypto, 1);
const resource = federatedId(owner, localId('git', 'hansa'));
const sizeBytes = 2 * blobChunkBytes + 5;

let there: MemoryBlobs;
let here: MemoryBlobs;
let reference: BlobReference;
let asked: string[];
let peer: BlobPeer;

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
  };
});

function order(given: Partial<FetchOrder> = {}): FetchOrder {
  const service: BlobPeer = {
    manifest: (input, call) => peer.manifest(input, call),
    chunks: (input, call) => peer.chunks(input, call),
  };
  const caller = callerOf(clusterOf(crypto, 3), nodeOf(crypto, 4));
  const carrier: Carrier = carrierTo([{ contract: blobPeerContract, service }], caller);
  return {
    carrier,
    source: 'lubeck',
    resource,
    wanted: [reference],
    signal: new AbortController().signal,
    arrived: () => undefined,
    ...given,
  };
}

function fetch(given: Partial<FetchOrder> = {}): Promise<number> {
  return fetchBlobs({ blobs: here, crypto }, order(given));
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

  test('resumes by asking only for the chunks that have not arrived', async () => {
    const { chunks } = peer;
    peer = {
      ...peer,
      async *chunks(input, call) {
        let sent = 0;
        for await (const bytes of chunks(input, call)) {
          yield bytes;
          sent += 1;
          if (sent === 2) {
            throw new HansaError('CONNECTION_CLOSED', 'the cable was cut');
          }
        }
      },
    };
    await expect(fetch()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    peer = { ...peer, chunks };
    asked = [];
    const arrived: number[] = [];
    await expect(fetch({ arrived: (bytes) => arrived.push(bytes) })).resolves.toBe(1);
    expect(asked).toEqual(['manifest', 'chunks 2']);
    expect(arrived).toEqual([5]);
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
    expect(asked[1]).toBe(`chunks ${[0, 1, 2].slice(chunk).join()}`);
  });

  test('more chunks than were asked for', async () => {
    const { chunks } = peer;
    peer = {
      ...peer,
      async *chunks(input, call) {
        yield* chunks(input, call);
        yield new Uint8Array(blobChunkBytes);
      },
    };
    await expect(fetch()).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
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
