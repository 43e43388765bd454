// A cluster that outgrows its data folder: its store goes to a real etcd while it is stopped, and
// its peers notice nothing but the pause.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { utf8 } from '@hansa/foundation';
import { openEtcdStore } from '@hansa/store-etcd';
import { createSystemClock } from '@hansa/system-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { showMirror, untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
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
    for (const consent of ['--plan', '--yes']) {
      const refused = await lubeck.hansa('store', 'migrate', '--to', elsewhere, consent);
      expect(refused.report().code).toBe('STORE_NOT_EMPTY');
    }
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

  test('what was sealed in a folder goes on from etcd, moved there or restored, where a person agrees', async () => {
    const key = join(temporaryFolder('seal'), 'seal.key');
    writeFileSync(key, `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    const sealed = ['--seal-key-file', key];
    const riga = await startCluster({ name: 'riga', flags: sealed });
    await must(riga, 'kv', 'create', 'prices');
    await must(riga, 'kv', 'put', 'prices', 'herring', '12');
    const backup = join(temporaryFolder('backup'), 'riga');
    await must(riga, 'backup', 'create', '--to', backup, '--with-keys');
    await riga.stop();
    const url = (prefix: string): string => `etcd://${etcd.endpoints.join(',')}/${prefix}`;

    const migrate = ['store', 'migrate', '--to', url('moved'), '--yes', ...sealed];
    expect((await riga.hansa(...migrate)).report().code).toBe('STORE_UNSEALED');
    await must(riga, ...migrate, '--unsealed');
    await riga.restart([]);
    expect(await must(riga, 'kv', 'get', 'prices', 'herring')).toMatchObject({ text: '12' });
    await must(riga, 'kv', 'put', 'prices', 'herring', '13');
    const last = await positionOf(riga, 'kv/prices');
    await riga.stop();

    const data = join(temporaryFolder('restored'), 'data');
    const restore = ['backup', 'restore', backup, '--data', data, ...sealed];
    const planned = await riga.hansaPlain(...restore, '--store', url('restored'), '--plan');
    expect(planned.stdout).toContain('--unsealed --yes');
    const onto = (prefix: string): string[] => [...restore, '--store', url(prefix), '--yes'];
    expect((await riga.hansa(...onto('restored'))).report().code).toBe('STORE_UNSEALED');
    const used = await riga.hansa(...onto('moved'), '--unsealed');
    expect(used.report().code).toBe('STORE_NOT_EMPTY');
    expect(existsSync(data)).toBe(false);
    await must(riga, ...onto('restored'), '--unsealed');
    const again = prepareCluster({ name: 'riga', data });
    await again.restart();
    expect(await must(again, 'kv', 'get', 'prices', 'herring')).toMatchObject({ text: '12' });
    await must(again, 'kv', 'put', 'prices', 'herring', '14');
    const now = await positionOf(again, 'kv/prices');
    expect(now.epoch).toBeGreaterThan(last.epoch);
    expect(now.sequence).toBeGreaterThan(last.sequence);
    const { body } = await again.api<{ ticket: string }>('POST', '/nodes/tickets', {});
    const second = prepareCluster({ name: 'riga', flags: ['--join', body.ticket] });
    await second.restart();
    expect(await must(second, 'kv', 'get', 'prices', 'herring')).toMatchObject({ text: '14' });
    await second.stop();
    await again.stop();
  }, 120_000);
});

async function positionOf(
  cluster: Cluster,
  id: string,
): Promise<{ readonly epoch: number; readonly sequence: number }> {
  const { body } = await cluster.api<{ position: { epoch: number; sequence: number } }>(
    'GET',
    `/resources/show?id=${encodeURIComponent(id)}`,
  );
  return body.position;
}
