import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, localId, type LocalId } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { mirrorName } from './cli-shown.ts';
import type { FederatedKind } from './contract.ts';

const crypto = createNodeCrypto();
const lubeck = clusterOf(crypto, 1);
const kindCalled = (kind: string): FederatedKind => ({
  kind,
  stage: async () => ({ commit: async () => undefined, discard: async () => undefined }),
  settle: async () => undefined,
  purge: async () => undefined,
});

let owner: PairedCluster;
let mirror: PairedCluster;

beforeEach(async () => {
  owner = await foundCluster(1, 'lubeck');
  mirror = await foundCluster(11, 'bergen');
  mirror.sync.mirrors.registerKind(kindCalled('git'));
  mirror.sync.mirrors.registerKind(kindCalled('stream'));
  const peers = { cluster: mirror.id };
  await owner.policies.add({ effect: 'allow', resources: {}, peers, verbs: ['see', 'pull'] });
  connectTo(mirror, owner, { name: 'lubeck' });
});

afterEach(async () => {
  await Promise.all([owner, mirror].map((each) => each.end()));
});

async function owns(...ids: readonly (readonly [string, string])[]): Promise<void> {
  for (const [kind, name] of ids) {
    await owner.resources.create({ kind, name });
  }
}

const of = (id: LocalId) => federatedId(lubeck, id);
const add = async (name: string) => mirror.sync.sync.add({ resource: `lubeck:${name}` });

describe('a name without its kind', () => {
  test('is the one thing of that name that its owner has, whatever its kind', async () => {
    await owns(['kv', 'prices'], ['stream', 'logs/port']);
    await expect(add('prices')).resolves.toMatchObject({ resource: of(localId('kv', 'prices')) });
    await expect(add('logs/port')).resolves.toMatchObject({ kind: 'stream', name: 'logs/port' });
    expect(mirror.sync.mirrors.resolve('lubeck:prices')).toBe(of(localId('kv', 'prices')));
  });

  test('is not what is printed: that works wherever it is typed', async () => {
    await owns(['kv', 'prices'], ['stream', 'prices'], ['git', 'site']);
    await Promise.all(['kv/prices', 'stream/prices', 'site'].map(add));
    const all = mirror.sync.mirrors.all();
    expect(all.map(mirrorName)).toEqual([
      'lubeck:site',
      'lubeck:kv/prices',
      'lubeck:stream/prices',
    ]);
    for (const each of all) {
      expect(mirror.sync.mirrors.resolve(mirrorName(each))).toBe(each.resource);
    }
  });

  test('that several have is an error that names them', async () => {
    await owns(['kv', 'prices'], ['stream', 'prices']);
    const several = {
      code: 'INPUT_INVALID',
      message: '"prices" could be kv/prices, stream/prices',
    };
    await expect(add('prices')).rejects.toMatchObject(several);
    await add('kv/prices');
    await add('stream/prices');
    await expect(mirror.sync.sync.show({ resource: 'lubeck:prices' })).rejects.toMatchObject(
      several,
    );
  });

  test('is a repository’s where there is one, as repositories are printed so', async () => {
    await owns(['kv', 'site'], ['git', 'site']);
    await expect(add('site')).resolves.toMatchObject({ kind: 'git' });
  });
});

describe('a resource of a kind that nobody here has registered', () => {
  test('is mirrored as what it is, waits, and is pulled once its kind is known', async () => {
    await owns(['checklist', 'ship']);
    const added = await add('checklist/ship');
    expect(added).toMatchObject({ resource: of(localId('checklist', 'ship')), state: 'waiting' });
    expect(added.lastError).toMatchObject({ code: 'KIND_UNKNOWN' });
    mirror.sync.mirrors.registerKind(kindCalled('checklist'));
    await expect
      .poll(() => mirror.sync.mirrors.find(added.resource)?.state, { timeout: 5_000 })
      .toBe('current');
  });

  test('that its owner does not have is not taken for a repository', async () => {
    await expect(add('checklist/ship')).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
      message: 'lubeck has no checklist/ship for us',
    });
  });

  test('is KIND_UNKNOWN where its owner cannot say whether it has it', async () => {
    mirror.peers.disconnect(lubeck);
    const resource = of(localId('checklist', 'ship'));
    await expect(mirror.sync.sync.add({ resource })).rejects.toMatchObject({
      code: 'KIND_UNKNOWN',
    });
  });
});
