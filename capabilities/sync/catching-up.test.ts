import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, localId, utf8, type Carrier } from '@hansa/foundation';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { batchChangesMax } from '../resources/contract.ts';

const crypto = createNodeCrypto();
const prices = localId('kv', 'prices');
const resource = federatedId(clusterOf(crypto, 1), prices);
const spelled = 'lubeck:kv/prices';
const by = { author: 'ada' };
const changesMany = batchChangesMax + 5; // two batches

let owner: PairedCluster;
let mirror: PairedCluster;
let through: (carrier: Carrier) => Carrier;

beforeEach(async () => {
  through = (carrier) => carrier;
  owner = await foundCluster(1, 'lubeck');
  mirror = await foundCluster(11, 'bergen');
  const peers = { cluster: mirror.id };
  await owner.policies.add({ effect: 'allow', resources: {}, peers, verbs: ['see', 'pull'] });
  connectTo(mirror, owner, { name: 'lubeck', through: (carrier) => through(carrier) });
  await owner.resources.create({ kind: 'kv', name: 'prices' });
});

afterEach(async () => {
  await Promise.all([owner, mirror].map((each) => each.end()));
});

async function write(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const op = { put: { key: utf8('salt'), value: utf8(String(index)), blobs: [] } };
    await owner.resources.append(prices, [op], by);
  }
}

const standing = async () => (await owner.resources.position(prices))?.sequence;

/** What people were shown as current, wherever it stood. */
function watchCurrent(): Set<number | undefined> {
  const seen = new Set<number | undefined>();
  mirror.sync.mirrors.subscribe(() => {
    const shown = mirror.sync.mirrors.find(resource);
    if (shown?.state === 'current') {
      seen.add(shown.applied?.sequence);
    }
  });
  return seen;
}

test('a round is over when everything that the owner had is applied, not at the end of a batch', async () => {
  await write(changesMany);
  const seen = watchCurrent();
  await mirror.sync.sync.add({ resource: spelled });
  const { mirrors } = await mirror.sync.sync.now({ resource: spelled });
  const newest = await standing();
  expect(mirrors).toMatchObject([
    { state: 'current', applied: { sequence: newest }, headSequence: newest },
  ]);
  expect(seen).toEqual(new Set([newest]));
});

test('also of an owner of an older release, that does not say that more follows', async () => {
  await write(changesMany);
  through = (carrier) => ({
    ...carrier,
    async *watch(contract, method, input, options) {
      for await (const item of carrier.watch(contract, method, input, options)) {
        yield typeof item === 'object' && item !== null && 'more' in item
          ? { ...item, more: undefined }
          : item;
      }
    },
  });
  connectTo(mirror, owner, { name: 'lubeck', through });
  await mirror.sync.sync.add({ resource: spelled });
  const { mirrors } = await mirror.sync.sync.now({ resource: spelled });
  expect(mirrors).toMatchObject([{ state: 'current', applied: { sequence: await standing() } }]);
});

test('a mirror whose owner has not answered in time is not current, whatever it was before', async () => {
  await write(1);
  await mirror.sync.sync.add({ resource: spelled });
  await mirror.sync.sync.now({ resource: spelled });
  connectTo(mirror, owner, { name: 'lubeck', through: silent });
  const { mirrors } = await mirror.sync.sync.now({ resource: spelled, waitMs: 50 });
  expect(mirrors).toMatchObject([{ state: 'pulling' }]);
});

/** Answers nothing until it is not waited for any more. */
function silent(carrier: Carrier): Carrier {
  const never = (signal: AbortSignal | undefined): Promise<never> =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  return {
    ...carrier,
    call: async (_contract, _method, _input, options) => never(options?.signal),
    async *watch(_contract, _method, _input, options) {
      yield await never(options?.signal);
    },
  };
}
