// Blobs at one cluster, and a fetch that brings them to another: for the tests of fetching.
import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import type { Blame, BlobSource, FetchOrder } from '@hansa/capabilities/sync/blob-sources';
import { fetchBlobs } from '@hansa/capabilities/sync/fetching';
import { blobPeerContract, type BlobPeer } from '@hansa/capabilities/sync/wire';
import type { BlobReference } from '@hansa/capabilities/resources/contract';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobChunkBytes,
  concatBytes,
  federatedId,
  fromHex,
  HansaError,
  localId,
  manifestId,
  type FederatedId,
} from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { callerOf, carrierTo, clusterOf, collect, nodeOf } from './test-cluster.ts';

const crypto = createNodeCrypto();
const clock = createSystemClock();
export const fetchedResource: FederatedId = federatedId(
  clusterOf(crypto, 1),
  localId('git', 'hansa'),
);
export const fetchedBytes: number = 2 * blobChunkBytes + 5;

export interface FetchingRig {
  readonly there: MemoryBlobs;
  readonly here: MemoryBlobs;
  /** Of a blob of three chunks that is there. */
  readonly reference: BlobReference;
  /** What was asked of the owner, in order. */
  asked: string[];
  /** What the owner answers with; a test may put another in its place. */
  peer: BlobPeer;
  blamed: Blame[];
  keep(bytes: Uint8Array): Promise<BlobReference>;
  order(given?: Partial<FetchOrder>): FetchOrder;
  fetch(given?: Partial<FetchOrder>): Promise<number>;
  /** The peer whose connection breaks after so many chunks of a request, and then after so many. */
  cutAfter(first: number, then?: number): BlobPeer;
}

export async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

export function content(size: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at + first + (at >> 16)) % 251);
}

/** Where calls go to whatever `service` does at that moment. */
export function sourceOf(name: string, byte: number, service: () => BlobPeer): BlobSource {
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

export async function createFetchingRig(): Promise<FetchingRig> {
  const there = createMemoryBlobs({ crypto });
  const here = createMemoryBlobs({ crypto });
  const keep = async (bytes: Uint8Array): Promise<BlobReference> => {
    const { id } = await there.put(pieces(bytes));
    const info = { id, sizeBytes: bytes.length };
    return { ...info, manifest: manifestId(crypto, info, await there.chunks(id)) };
  };
  const reference = await keep(content(fetchedBytes));
  const rig: FetchingRig = {
    there,
    here,
    reference,
    asked: [],
    blamed: [],
    peer: servingFrom(there, () => rig.asked),
    keep,
    order: (given = {}) => ({
      owner: sourceOf('lubeck', 1, () => rig.peer),
      resource: fetchedResource,
      wanted: [reference],
      signal: new AbortController().signal,
      arrived: () => undefined,
      ...given,
    }),
    fetch(given = {}) {
      const blame = (one: Blame): void => void rig.blamed.push(one);
      return fetchBlobs({ blobs: here, crypto, clock, blame }, rig.order(given));
    },
    cutAfter: (first, then = first) => cut(rig.peer, first, then),
  };
  return rig;
}

function servingFrom(there: MemoryBlobs, asked: () => string[]): BlobPeer {
  return {
    async manifest({ blob }) {
      asked().push('manifest');
      const ids = await there.chunks(blob);
      return { sizeBytes: fetchedBytes, chunks: concatBytes(ids.map((id) => fromHex(id))) };
    },
    async *chunks({ blob, indexes }) {
      asked().push(`chunks ${indexes.join()}`);
      for (const index of indexes) {
        const start = index * blobChunkBytes;
        const range = { start, end: Math.min(start + blobChunkBytes, fetchedBytes), verify: false };
        yield concatBytes(await collect(there.read(blob, range)));
      }
    },
    async *contents({ blobs }) {
      asked().push(`contents of ${blobs.length}`);
      for (const blob of blobs) {
        yield [{ blob, bytes: concatBytes(await collect(there.read(blob, { verify: false }))) }];
      }
    },
    sources: async () => ({ serves: false }),
  };
}

function cut(peer: BlobPeer, first: number, then: number): BlobPeer {
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
