// A cluster changes its keys under the eyes of its peers, and in their absence: no link, no mirror
// and no rule is lost, and a copy of the old keys is worth nothing.
import { cpSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '@hansa/capabilities/catalog/contract';
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { KeyEntry, Profile, RotationDone } from '@hansa/capabilities/identity/contract';
import type { Acceptance, Invitation } from '@hansa/capabilities/links/contract';
import { beforeAll, expect, test } from 'vitest';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, linkOf, must, untilLinked } from './harness/linking.ts';
import { publish, push, untilCaughtUp } from './harness/mirroring.ts';
import { commit } from './harness/git.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;
let visby: Cluster;
let working: string;
let born: Profile;
/** Lubeck’s data as it was before any rotation. */
let backup: string;

const fast = ['--sync-interval', '1'];

async function profileOf(cluster: Cluster): Promise<Profile> {
  return (await cluster.api<Profile>('GET', '/identity')).body;
}

/** A push at lubeck that has reached the peer: what a link is for. */
async function expectMirrored(peer: Cluster, text: string): Promise<void> {
  await commit(working, text);
  await push(working, lubeck, 'atlas');
  await untilCaughtUp({ owner: lubeck, cluster: peer, name: 'atlas' });
}

beforeAll(async () => {
  [lubeck, bergen, visby] = (await Promise.all(
    ['lubeck', 'bergen', 'visby'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster, Cluster];
  await linkClusters(lubeck, bergen);
  await linkClusters(lubeck, visby);
  working = await publish(lubeck, 'atlas');
  for (const peer of [bergen, visby]) {
    await must(lubeck, 'share', 'add', 'atlas', '--to', peer.name, '--allow', 'see,pull');
    await must(peer, 'mirror', 'add', 'lubeck:atlas');
    await untilCaughtUp({ owner: lubeck, cluster: peer, name: 'atlas' });
  }
  born = await profileOf(lubeck);
  backup = join(temporaryFolder('backup'), 'data');
  await lubeck.stop();
  cpSync(lubeck.data, backup, { recursive: true });
  await lubeck.restart();
  await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(lubeck, 'visby')]);
}, 120_000);

test('a rotation is shown before it is made, and made only on a yes', async () => {
  const plan = await must<RotationDone>(lubeck, 'identity', 'rotate', '--plan');
  expect(plan).toMatchObject({ keyIndex: 1, previousSigns: true });
  expect([...plan.connected].toSorted()).toEqual(['bergen', 'visby']);
  const refused = await lubeck.hansa('identity', 'rotate');
  expect(refused.report().code).toBe('NOT_CONFIRMED');
  expect((await profileOf(lubeck)).keyIndex).toBe(0);
});

test('with peers connected: they acknowledge before it is used, and go on without a break', async () => {
  const epochs = [(await linkOf(bergen, 'lubeck')).epoch, (await linkOf(visby, 'lubeck')).epoch];
  const done = await must<RotationDone>(lubeck, 'identity', 'rotate', '--yes');
  expect([...done.acknowledged].toSorted()).toEqual(['bergen', 'visby']);
  const now = await profileOf(lubeck);
  expect(now).toMatchObject({ cluster: born.cluster, node: born.node, keyIndex: 1 });
  expect(now.certificate?.serial).toBeGreaterThan(born.certificate?.serial ?? 0);
  await expectMirrored(bergen, 'after the first rotation');
  await expectMirrored(visby, 'and once more');
  expect([(await linkOf(bergen, 'lubeck')).epoch, (await linkOf(visby, 'lubeck')).epoch]).toEqual(
    epochs,
  );
});

test('the keys on the disk are three private files, and another one each time', () => {
  const folder = join(lubeck.data, 'keys');
  expect(readdirSync(folder).toSorted()).toEqual(['cluster-next.key', 'cluster.key', 'node.key']);
  for (const file of readdirSync(folder)) {
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  }
  const before = readFileSync(join(backup, 'keys', 'cluster-next.key'), 'utf8');
  expect(readFileSync(join(folder, 'cluster.key'), 'utf8')).toBe(before);
});

test('a peer that was away during two rotations comes back by itself, mirror and rule in place', async () => {
  await visby.stop();
  const first = await must<RotationDone>(lubeck, 'identity', 'rotate', '--yes');
  expect(first).toMatchObject({ keyIndex: 2, away: ['visby'] });
  await must(lubeck, 'identity', 'rotate', '--yes');
  await expectMirrored(bergen, 'while visby is away');
  await visby.restart();
  await untilLinked(visby, 'lubeck');
  await untilCaughtUp({ owner: lubeck, cluster: visby, name: 'atlas' });
  await expectMirrored(visby, 'visby is back');
  const { keys } = await must<{ keys: readonly KeyEntry[] }>(lubeck, 'identity', 'log');
  expect(keys.map(({ keyIndex, state }) => [keyIndex, state])).toEqual([
    [0, 'retired'],
    [1, 'retired'],
    [2, 'retired'],
    [3, 'present'],
  ]);
});

test('kill -9 right after it keeps it, on both sides', async () => {
  await must(lubeck, 'identity', 'rotate', '--yes');
  await Promise.all([lubeck.kill(), bergen.kill()]);
  await Promise.all([lubeck.restart(), bergen.restart()]);
  expect((await profileOf(lubeck)).keyIndex).toBe(4);
  await untilLinked(bergen, 'lubeck');
  await expectMirrored(bergen, 'after the kill');
});

test('the status names the certificate, its key and its end', async () => {
  const { certificate } = await must<DaemonStatus>(lubeck, 'status');
  expect(certificate?.keyIndex).toBe(4);
  expect(certificate?.leftMs).toBeGreaterThan(6 * 24 * 3_600_000);
});

test('a token of a cluster that has rotated links a stranger, and a closed link is made anew', async () => {
  await must(lubeck, 'link', 'close', 'visby', '--yes');
  await must(visby, 'link', 'close', 'lubeck', '--yes');
  const { token } = await must<Invitation>(lubeck, 'link', 'invite');
  const { link } = await must<Acceptance>(visby, 'link', 'accept', token);
  expect(link.epoch).toBe(2);
  await must(visby, 'link', 'confirm', 'lubeck', '--words', link.checkWords);
  await must(lubeck, 'link', 'confirm', 'visby', '--words', link.checkWords);
  await untilLinked(visby, 'lubeck');
  await expectMirrored(visby, 'over the new link');
  const items = await must<Awaited<ReturnType<Catalog['list']>>>(
    visby,
    'catalog',
    'list',
    '--peer',
    'lubeck',
  );
  expect(JSON.stringify(items)).toContain(`${born.cluster}:git/atlas`);
});

test('a copy of the data folder from before the rotations is refused by every peer', async () => {
  await lubeck.stop();
  rmSync(join(backup, 'api.json'), { force: true });
  const copy = prepareCluster({ name: 'lubeck', data: backup, flags: fast });
  await copy.restart();
  expect((await profileOf(copy)).keyIndex).toBe(0);
  await until('the copy is told that its key is retired', async () => {
    const link = await linkOf(copy, 'bergen');
    return link.lastError?.code === 'KEY_RETIRED' || notYet(link);
  });
  await copy.stop();
  await lubeck.restart();
  await untilLinked(bergen, 'lubeck');
});
