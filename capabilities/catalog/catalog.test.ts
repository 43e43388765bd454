import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  localId,
  silentLog,
  type Call,
  type ClusterId,
  type LocalId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { Enforcement, Policies, RuleRequest } from '../policies/contract.ts';
import { createPolicies } from '../policies/service.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { createResourceLog } from '../resources/log.ts';
import { catalogSuite } from './catalog.suite.ts';
import {
  catalogContract,
  catalogPageMax,
  catalogPagesMax,
  type Catalog,
  type CatalogItem,
} from './contract.ts';
import { createCatalogPeer } from './peer-service.ts';
import { createCatalog } from './service.ts';
import { catalogPeerContract, type CatalogPeer } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const lubeck = clusterOf(crypto, 1);
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);
const asBergen: Call = { caller: callerOf(bergen, nodeOf(crypto, 12)) };

interface Cluster {
  readonly resources: ResourceLog;
  readonly policies: Policies;
  readonly enforcement: Enforcement;
  readonly peers: TestPeers;
  readonly catalog: Catalog;
  readonly served: CatalogPeer;
}

async function found(byte: number, name: string): Promise<Cluster> {
  const clock = createHandClock();
  const random = createSeededRandom(byte);
  const signer = createTestSigner(crypto, byte, name);
  const { signal } = new AbortController();
  const store = createMemoryStore({ clock });
  const logged = createResourceLog({ store, codec, crypto, clock, random, signer });
  await logged.start(signal);
  const resources = logged.log;
  const peers = createTestPeers();
  const rules = createMemoryStore({ clock });
  const parts = { store: rules, codec, clock, random, log: silentLog, signer, resources, peers };
  const { policies, enforcement, start } = createPolicies(parts);
  await start(signal);
  const needs = { signer, peers, resources, enforcement };
  return {
    resources,
    policies,
    enforcement,
    peers,
    catalog: createCatalog(needs),
    served: createCatalogPeer(needs),
  };
}

const share = (name: string, verbs: RuleRequest['verbs'] = ['see', 'pull']): RuleRequest => ({
  effect: 'allow',
  resources: { name },
  peers: { cluster: bergen },
  verbs,
});

/** A road from bergen to whoever answers as lubeck. */
function connect(asking: Cluster, service: CatalogPeer): void {
  const carrier = carrierTo(
    [{ contract: catalogPeerContract, service }],
    callerOf(bergen, nodeOf(crypto, 12)),
  );
  asking.peers.set(linked(lubeck, 'lubeck'), carrier);
}

roads<Catalog>(catalogContract, async () => {
  const [owner, asking] = [await found(1, 'lubeck'), await found(11, 'bergen')];
  await owner.resources.create({ kind: 'git', name: 'hansa' });
  await owner.resources.create({ kind: 'kv', name: 'limits' });
  await owner.resources.create({ kind: 'git', name: 'secret' });
  owner.peers.set(linked(bergen, 'bergen'));
  await owner.policies.add(share('hansa'));
  await owner.policies.add(share('limits', ['see']));
  await asking.resources.create({ kind: 'git', name: 'own' });
  connect(asking, owner.served);
  asking.peers.set(linked(visby, 'visby'));
  return asking.catalog;
}).forEach(catalogSuite);

describe('the catalog that a peer sees', () => {
  let owner: Cluster;
  let asking: Cluster;

  beforeEach(async () => {
    owner = await found(1, 'lubeck');
    asking = await found(11, 'bergen');
    owner.peers.set(linked(bergen, 'bergen'));
    connect(asking, owner.served);
  });

  async function fill(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      await owner.resources.create({ kind: 'git', name: `r${i}` });
    }
  }

  test('comes in pages, in the order of ids, each thing once', async () => {
    await fill(catalogPageMax + 3);
    await owner.policies.add(share('**'));
    const first = await owner.served.list({}, asBergen);
    expect(first.items).toHaveLength(catalogPageMax);
    expect(first.more).toBe(true);
    const last = first.items.at(-1)?.name ?? '';
    const rest = await owner.served.list({ after: localId('git', last) }, asBergen);
    expect(rest).toMatchObject({ more: false });
    expect(rest.items).toHaveLength(3);
    const { items } = await asking.catalog.list({ peer: 'lubeck' });
    const ids = items.map(({ resource }) => resource);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(ids).toHaveLength(catalogPageMax + 3);
  });

  test('that fits a page exactly says that no more comes', async () => {
    await fill(catalogPageMax);
    await owner.policies.add(share('**'));
    await expect(owner.served.list({}, asBergen)).resolves.toMatchObject({ more: false });
  });

  test('has nothing of what is not shared, not even by the shape of a page', async () => {
    await fill(10);
    await owner.policies.add(share('r3'));
    const seen = await owner.served.list({}, asBergen);
    expect(seen.items.map(({ name }) => name)).toEqual(['r3']);
    const bare = await found(1, 'lubeck');
    await bare.resources.create({ kind: 'git', name: 'r3' });
    bare.peers.set(linked(bergen, 'bergen'));
    await bare.policies.add(share('r3'));
    const same = await bare.served.list({}, asBergen);
    const shape = ({ items, more }: typeof seen): unknown => ({
      more,
      items: items.map((item) => ({ ...item, sequence: 0 })),
    });
    expect(shape(seen)).toEqual(shape(same));
    const stranger: Call = { caller: callerOf(visby, nodeOf(crypto, 14)) };
    await expect(owner.served.list({}, stranger)).resolves.toEqual({ items: [], more: false });
  });

  test('begins again after an id that was removed, or that never was', async () => {
    await fill(4);
    await owner.policies.add(share('**'));
    await owner.resources.remove(localId('git', 'r1'));
    const names = async (after: LocalId): Promise<string[]> =>
      (await owner.served.list({ after }, asBergen)).items.map(({ name }) => name);
    await expect(names(localId('git', 'r1'))).resolves.toEqual(['r2', 'r3']);
    await expect(names(localId('git', 'r11'))).resolves.toEqual(['r2', 'r3']);
  });

  test('is for clusters alone', async () => {
    const list = owner.served.list({}, { caller: { kind: 'owner' } });
    await expect(list).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('shows what a thing is, where it stands, and what may be done with it', async () => {
    await owner.resources.create({
      kind: 'git',
      name: 'hansa',
      type: 'code/docs',
      description: 'the league',
      labels: { tier: 'gold' },
    });
    await owner.policies.add(share('hansa', ['see', 'push']));
    const { items } = await asking.catalog.list({ peer: 'lubeck' });
    const position = await owner.resources.position(localId('git', 'hansa'));
    expect(items).toEqual([
      {
        resource: federatedId(lubeck, localId('git', 'hansa')),
        kind: 'git',
        type: 'code/docs',
        name: 'hansa',
        owner: lubeck,
        ownerName: 'lubeck',
        description: 'the league',
        labels: { tier: 'gold' },
        epoch: 1,
        sequence: position?.sequence,
        verbs: ['see', 'push'],
      },
    ]);
  });
});

describe('an owner that is not honest', () => {
  const item = (given: Partial<CatalogItem> = {}): CatalogItem => ({
    resource: federatedId(lubeck, localId('git', 'hansa')),
    kind: 'git',
    type: 'git',
    name: 'hansa',
    owner: lubeck,
    ownerName: 'visby',
    description: '',
    labels: {},
    epoch: 1,
    sequence: 1,
    verbs: ['see'],
    ...given,
  });
  const answering = (list: CatalogPeer['list']): CatalogPeer => ({
    list,
    async *changes() {
      yield { generation: 1 };
    },
  });

  test('speaks for itself alone: rows of other owners are dropped, by their owner or their id', async () => {
    const asking = await found(11, 'bergen');
    const foreign = federatedId(visby, localId('git', 'hansa'));
    const items = [item(), item({ owner: visby, resource: foreign }), item({ resource: foreign })];
    connect(
      asking,
      answering(async () => ({ items, more: false })),
    );
    const { items: shown } = await asking.catalog.list({ peer: 'lubeck' });
    expect(shown).toEqual([item({ ownerName: 'lubeck' })]);
  });

  test('is called by the name that we gave it, whatever it calls itself', async () => {
    const asking = await found(11, 'bergen');
    connect(
      asking,
      answering(async () => ({ items: [item()], more: false })),
    );
    const { items } = await asking.catalog.list({ peer: 'lubeck' });
    expect(items[0]?.ownerName).toBe('lubeck');
  });

  test('that says for ever that more comes is asked only so often', async () => {
    const asking = await found(11, 'bergen');
    let asked = 0;
    const list = async (): ReturnType<CatalogPeer['list']> => {
      asked += 1;
      return { items: [item()], more: true };
    };
    connect(asking, answering(list));
    await asking.catalog.list({ peer: 'lubeck' }).catch(() => undefined);
    expect(asked).toBeLessThanOrEqual(catalogPagesMax);
  });

  test('that answers outside its contract fails alone: the others are still listed', async () => {
    const asking = await found(11, 'bergen');
    await asking.resources.create({ kind: 'git', name: 'own' });
    const wrong = item({ epoch: -1 });
    connect(
      asking,
      answering(async () => ({ items: [wrong], more: false })),
    );
    const { items, unanswered } = await asking.catalog.list({});
    expect(items.map(({ name }) => name)).toEqual(['own']);
    expect(unanswered).toMatchObject([{ peer: 'lubeck', problem: { code: 'OUTPUT_INVALID' } }]);
  });
});

describe('a word that the catalog has changed', () => {
  async function watch(owner: Cluster, peer: ClusterId = bergen) {
    const stop = new AbortController();
    const call: Call = { caller: callerOf(peer, nodeOf(crypto, 12)), signal: stop.signal };
    const items = owner.served.changes({}, call)[Symbol.asyncIterator]();
    const words: number[] = [];
    const reading = (async () => {
      for (;;) {
        const { done, value } = await items.next();
        if (done === true) {
          return;
        }
        words.push(value.generation);
      }
    })();
    const end = async (): Promise<void> => {
      stop.abort();
      await reading;
    };
    return { words, end };
  }

  test('comes when something visible appears, goes, or may be used in another way', async () => {
    const owner = await found(1, 'lubeck');
    owner.peers.set(linked(bergen, 'bergen'));
    await owner.resources.create({ kind: 'git', name: 'hansa' });
    const { words, end } = await watch(owner);
    const { id } = await owner.policies.add(share('hansa', ['see']));
    await expect.poll(() => words).toEqual([1]);
    await owner.policies.add(share('hansa', ['pull']));
    await expect.poll(() => words).toEqual([1, 2]);
    await owner.policies.remove({ id });
    await expect.poll(() => words).toEqual([1, 2, 3]);
    await end();
  });

  test('does not come for what the peer may not see: not even that is felt', async () => {
    const owner = await found(1, 'lubeck');
    owner.peers.set(linked(bergen, 'bergen'));
    await owner.resources.create({ kind: 'git', name: 'hansa' });
    await owner.policies.add(share('hansa'));
    const { words, end } = await watch(owner);
    const stranger = await watch(owner, visby);
    await owner.resources.create({ kind: 'git', name: 'secret' });
    await owner.policies.add({ ...share('secret'), peers: { cluster: visby } });
    await owner.policies.add(share('hansa'));
    await owner.resources.append(localId('git', 'hansa'), [], { author: 'ada' });
    await expect.poll(() => stranger.words).toEqual([1]);
    expect(words).toEqual([]);
    await end();
    await stranger.end();
  });
});
