// A cluster that outgrows its data folder: its store goes to a real etcd while it is stopped, and
// its peers notice nothing but the pause.
import { existsSync, readdirSync } from 'node:fs';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { utf8 } from '@hansa/foundation';
import { openEtcdStore } from '@hansa/store-etcd';
import { createSystemClock } from '@hansa/system-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { showMirror, untilState } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';

const fast = ['--sync-interval', '1'];

describe.skipIf(!requires('etcd').available)('with etcd', () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.end());

  test('a cluster goes on from etcd where it stood in its data folder, in the same epochs', async () => {
    const [lubeck, bergen] = (await Promise.all(
      ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: fast })),
    )) as [Cluster, Cluster];
    await linkClusters(lubeck, bergen);
    await must(lubeck, 'kv', 'create', 'prices');
    await must(lubeck, 'kv', 'put', 'prices', 'herring', '12');
    await must(lubeck, 'share', 'add', 'kv/prices', '--to', 'bergen');
    await must(bergen, 'mirror', 'add', 'lubeck:kv/prices');
    await untilState(bergen, 'lubeck:kv/prices', { state: 'current' });
    const before = (await showMirror(bergen, 'lubeck:kv/prices')).applied;
    const to = `etcd://${etcd.endpoints.join(',')}/lubeck`;

    const busy = await lubeck.hansa('store', 'migrate', '--to', to, '--yes');
    expect(busy.report().code).toBe('FOLDER_LOCKED');
    await lubeck.stop();
    const plan = await lubeck.hansa('store', 'migrate', '--to', to, '--plan');
    expect(plan.code).toBe(0);
    expect(existsSync(`${lubeck.data}/store.json`)).toBe(false);
    const taken = openEtcdStore({
      endpoints: etcd.endpoints,
      prefix: utf8('taken/'),
      clock: createSystemClock(),
    });
    await (await taken).set(utf8('x'), createMsgpackCodec().encode(1));
    await (await taken).close();
    const elsewhere = to.replace('/lubeck', '/taken');
    const refused = await lubeck.hansa('store', 'migrate', '--to', elsewhere, '--yes');
    expect(refused.report().code).toBe('STORE_NOT_EMPTY');
    await must(lubeck, 'store', 'migrate', '--to', to, '--yes');
    expect(readdirSync(lubeck.data).some((name) => name.startsWith('store.before-'))).toBe(true);

    await lubeck.restart();
    await untilLinked(bergen, 'lubeck');
    expect(await must(lubeck, 'kv', 'get', 'prices', 'herring')).toMatchObject({ text: '12' });
    await must(lubeck, 'kv', 'put', 'prices', 'herring', '13');
    const after = await until('bergen follows', async () => {
      const { applied } = await showMirror(bergen, 'lubeck:kv/prices');
      return (applied?.sequence ?? 0) > (before?.sequence ?? 0) ? applied : notYet(applied);
    });
    expect(after?.epoch).toBe(before?.epoch);
    expect(await must(bergen, 'kv', 'get', 'lubeck:prices', 'herring')).toMatchObject({
      text: '13',
    });
    expect((await showMirror(bergen, 'lubeck:kv/prices')).fork).toBeUndefined();
    expect((await must<{ found: unknown[] }>(lubeck, 'scrub')).found).toEqual([]);
    await Promise.all([lubeck.stop(), bergen.stop()]);
  }, 120_000);
});
