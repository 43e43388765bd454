import { createNodeCrypto } from '@hansa/crypto-node';
import {
  splitFederatedId,
  blobChunkBytes,
  concatBytes,
  equalBytes,
  fromHex,
  HansaError,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createFetchingRig,
  fetchedResource,
  sourceOf,
  type FetchingRig,
} from '../../testkit/fetching-rig.ts';
import { clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { BlobReference } from '../resources/contract.ts';
import type { BlobPeer } from './wire.ts';

const crypto = createNodeCrypto();
let rig: FetchingRig;

beforeEach(async () => {
  rig = await createFetchingRig();
});

describe('a blob that several sources have', () => {
  const many = 24;
  const bytes = new Uint8Array(many * blobChunkBytes).map((_, at) => (at >> 20) + 1);
  let wanted: BlobReference[];
  let served: Map<string, number[]>;
  beforeEach(async () => {
    const whole = await rig.keep(bytes);
    wanted = [whole];
    served = new Map();
  });

  /** Serves what is there, and remembers which chunks. */
  const honest = (name: string, turn: () => Promise<void> = async () => undefined): BlobPeer => ({
    ...rig.peer,
    async manifest({ blob }) {
      const ids = await rig.there.chunks(blob);
      const chunks = concatBytes(ids.map((id) => fromHex(id)));
      return { sizeBytes: many * blobChunkBytes, chunks };
    },
    async *chunks({ blob, indexes }) {
      for (const index of indexes) {
        await turn();
        served.set(name, [...(served.get(name) ?? []), index]);
        const start = index * blobChunkBytes;
        const range = { start, end: start + blobChunkBytes, verify: false };
        yield concatBytes(await collect(rig.there.read(blob, range)));
      }
    },
  });
  const fetchFrom = (...others: readonly BlobPeer[]): Promise<number> => {
    const [lubeck = rig.peer, ...rest] = others;
    return rig.fetch({
      owner: sourceOf('lubeck', 1, () => lubeck),
      others: async () => rest.map((each, at) => sourceOf(`visby${at}`, 20 + at, () => each)),
      wanted,
    });
  };
  const requireWhole = async (): Promise<void> => {
    const whole = concatBytes(await collect(rig.here.read(wanted[0]?.id ?? rig.reference.id)));
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
    expect(rig.blamed).toEqual([]);
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
    expect(rig.blamed).toMatchObject([
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
    expect(rig.blamed).toHaveLength(2);
  });

  test('takes its manifest from whoever tells the one that was signed', async () => {
    const forger = {
      ...honest('lubeck'),
      manifest: async () => ({ sizeBytes: 1, chunks: new Uint8Array(32) }),
    };
    await fetchFrom(forger, honest('visby'));
    await requireWhole();
    expect(rig.blamed).toMatchObject([{ peer: splitFederatedId(fetchedResource).owner }]);
  });
});
