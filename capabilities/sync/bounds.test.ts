import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { clusterIdSchema, federatedId, localId, remote, utf8 } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { expect, onTestFinished, test } from 'vitest';
import { connectTo, foundCluster } from '../../testkit/sync-pair.ts';
import { linked } from '../../testkit/test-cluster.ts';
import { mirrorsMax } from './contract.ts';
import { mirrorTables } from './keys.ts';
import { entriesBytesMax, syncPeerContract } from './wire.ts';

const readable = { effect: 'allow', verbs: ['see', 'pull'], peers: { public: true } } as const;

test('there are so many mirrors; one more is STORE_LIMIT until one goes', async () => {
  const store = createMemoryStore({ clock: createSystemClock() });
  const tables = mirrorTables(store, createMsgpackCodec());
  const strangers = Array.from({ length: mirrorsMax - 1 }, (_, at) =>
    federatedId(clusterIdSchema.parse(at.toString(16).padStart(64, '0')), localId('kv', 'space')),
  );
  for (let at = 0; at < strangers.length; at += store.limits.transactionOpsMax) {
    const some = strangers.slice(at, at + store.limits.transactionOpsMax);
    await store.batchWrite(
      some.map((resource) => tables.mirrors.put([resource], { resource, addedMs: 1 })),
    );
  }
  const owner = await foundCluster(1, 'lubeck');
  const bergen = await foundCluster(11, 'bergen', { store });
  onTestFinished(() => Promise.all([owner.end(), bergen.end()]).then(() => undefined));
  connectTo(bergen, owner, { name: 'lubeck' });
  owner.peers.set(linked(bergen.id, 'bergen'));
  for (const name of ['last', 'more']) {
    await owner.resources.create({ kind: 'kv', name });
    await owner.policies.add({ ...readable, resources: { name } });
  }
  const add = (name: string) =>
    bergen.sync.sync.add({ resource: federatedId(owner.id, localId('kv', name)) });
  await add('last');
  await expect(add('more')).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect(bergen.sync.mirrors.all()).toHaveLength(mirrorsMax);
  await bergen.sync.sync.remove({ resource: strangers[0] ?? '' });
  await add('more');
});

test('entries come in pages of so many bytes, and what is over comes with the next one', async () => {
  const owner = await foundCluster(1, 'lubeck');
  const bergen = await foundCluster(11, 'bergen');
  onTestFinished(() => Promise.all([owner.end(), bergen.end()]).then(() => undefined));
  connectTo(bergen, owner, { name: 'lubeck' });
  owner.peers.set(linked(bergen.id, 'bergen'));
  const page = async (name: string, valueBytes: number) => {
    const { id } = await owner.resources.create({ kind: 'kv', name });
    await owner.policies.add({ ...readable, resources: { name } });
    for (const key of ['a', 'b', 'c']) {
      const op = { put: { key: utf8(key), value: new Uint8Array(valueBytes), blobs: [] } };
      await owner.resources.append(id, [op], { author: 'ada' });
    }
    const peer = remote(syncPeerContract, bergen.peers.carrier(owner.id));
    const resource = federatedId(owner.id, id);
    const { epoch, sequence } = (await peer.pin({ resource })).head;
    const asked = { resource, epoch, sequence, prefixes: [''] };
    const { entries, more } = await peer.entries(asked);
    return { entries: entries.length, more };
  };
  const half = entriesBytesMax / 2;
  expect(await page('full', half - 1)).toEqual({ entries: 2, more: true });
  expect(await page('less', half - 2)).toEqual({ entries: 3, more: false });
});
