// Backups over real processes: written while a node serves, checked without one, and restored to a
// cluster that contradicts nothing it ever signed.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackupSummary } from '@hansa/capabilities/backups/contract';
import type { Recovery } from '@hansa/capabilities/recovery/contract';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { gitOk } from './harness/git.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { ownUrl, publish, push, showMirror, untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

const fast = ['--sync-interval', '1'];

async function valueOf(cluster: Cluster, space: string, key: string): Promise<string | undefined> {
  return (await must<{ text?: string }>(cluster, 'kv', 'get', space, key)).text;
}

async function positionOf(
  cluster: Cluster,
  id: string,
): Promise<{ epoch: number; sequence: number }> {
  const path = `/resources/show?id=${encodeURIComponent(id)}`;
  const { body } = await cluster.api<{ position: { epoch: number; sequence: number } }>(
    'GET',
    path,
  );
  return body.position;
}

test('a backup is written while the node serves, copies no blob twice, and is checked by files alone', async () => {
  const lubeck = await startCluster({ name: 'lubeck' });
  await must(lubeck, 'kv', 'create', 'prices');
  await must(lubeck, 'kv', 'put', 'prices', 'herring', '12');
  const to = join(temporaryFolder('backup'), 'lubeck');
  const first = await must<BackupSummary>(lubeck, 'backup', 'create', '--to', to);
  expect(first).toMatchObject({ keys: false, sealed: false, path: to });
  expect(first.records).toBeGreaterThan(10);
  expect(readdirSync(to)).not.toContain('keys');
  const again = await must<BackupSummary>(lubeck, 'backup', 'create', '--to', to, '--with-keys');
  expect(again).toMatchObject({ keys: true, copiedBlobs: 0, copiedBytes: 0, blobs: first.blobs });
  for (const name of readdirSync(join(to, 'keys'))) {
    expect(statSync(join(to, 'keys', name)).mode & 0o077).toBe(0);
  }
  expect((await must<{ verified: boolean }>(lubeck, 'backup', 'verify', to)).verified).toBe(true);

  const elsewhere = await lubeck.hansa('backup', 'create', '--to', lubeck.home);
  expect(elsewhere.report().code).toBe('BACKUP_TARGET');

  const [records = ''] = readdirSync(to).filter((name) => name.endsWith('.records'));
  const bytes = readFileSync(join(to, records));
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(join(to, records), bytes);
  const damaged = await lubeck.hansa('backup', 'verify', to);
  expect(damaged.code).toBe(7);
  expect(damaged.json<{ problems: string[] }>().problems).toEqual([
    `${records} is not what was written`,
  ]);
  const data = join(temporaryFolder('restored'), 'data');
  const refused = await lubeck.hansa('backup', 'restore', to, '--data', data, '--yes');
  expect(refused.report().code).toBe('BACKUP_INVALID');
  expect(existsSync(data)).toBe(false);
  await lubeck.stop();
}, 90_000);

test('a restored owner signs nothing before its peer has spoken, then goes on in new epochs', async () => {
  const [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster];
  await linkClusters(lubeck, bergen);
  for (const space of ['quiet', 'busy']) {
    await must(lubeck, 'kv', 'create', space);
    await must(lubeck, 'kv', 'put', space, 'a', 'before');
    await must(lubeck, 'share', 'add', `kv/${space}`, '--to', 'bergen');
    await must(bergen, 'mirror', 'add', `lubeck:kv/${space}`);
    await untilState(bergen, `lubeck:kv/${space}`, { state: 'current' });
  }
  const to = join(temporaryFolder('backup'), 'lubeck');
  const { revision } = await must<BackupSummary>(
    lubeck,
    'backup',
    'create',
    '--to',
    to,
    '--with-keys',
  );
  await must(lubeck, 'kv', 'put', 'busy', 'a', 'after');
  const last = await positionOf(lubeck, 'kv/busy');
  await until('bergen has what came after the backup', async () => {
    const { applied } = await showMirror(bergen, 'lubeck:kv/busy');
    return applied?.sequence === last.sequence ? true : notYet(applied);
  });
  await lubeck.stop();
  await bergen.stop();
  rmSync(lubeck.data, { recursive: true });
  const planned = await lubeck.hansa('backup', 'restore', to, '--data', lubeck.data, '--plan');
  expect(planned.code).toBe(0);
  expect(existsSync(lubeck.data)).toBe(false);
  await must(lubeck, 'backup', 'restore', to, '--data', lubeck.data, '--yes');
  await lubeck.restart();

  // Its own people are served; bergen is away, and so nothing is signed.
  expect(await valueOf(lubeck, 'quiet', 'a')).toBe('before');
  await must(lubeck, 'kv', 'put', 'quiet', 'b', 'written while it waits');
  type Listed = Awaited<ReturnType<Recovery['list']>>;
  const waiting = await must<Listed>(lubeck, 'recover', 'list');
  expect(waiting.awaited?.peers).toEqual(['bergen']);

  await bergen.restart();
  await untilLinked(lubeck, 'bergen');
  const listed = await until('bergen has spoken', async () => {
    const now = await must<Listed>(lubeck, 'recover', 'list');
    return now.awaited === undefined ? now : notYet(now);
  });
  expect(listed.rewound.map(({ id, cause }) => [id, cause])).toEqual([['kv/busy', 'behind']]);
  const quiet = await positionOf(lubeck, 'kv/quiet');
  expect(quiet.epoch).toBeGreaterThan(1_000_000);
  expect(quiet.sequence).toBeGreaterThan(revision + 2 ** 32);
  await until('bergen has followed into the new epoch', async () => {
    const { applied } = await showMirror(bergen, 'lubeck:kv/quiet');
    return applied?.epoch === quiet.epoch ? true : notYet(applied);
  });
  expect(await valueOf(bergen, 'lubeck:quiet', 'b')).toBe('written while it waits');
  await must(lubeck, 'recover', 'adopt', 'kv/busy', '--yes');
  expect(await valueOf(lubeck, 'busy', 'a')).toBe('after');
  await untilState(bergen, 'lubeck:kv/busy', { state: 'current' });
  expect((await showMirror(bergen, 'lubeck:kv/busy')).fork).toBeUndefined();
  await Promise.all([lubeck.stop(), bergen.stop()]);
}, 120_000);

test('without its peers a restored owner goes on when a person says so, and a sealed backup opens by its key', async () => {
  const key = join(temporaryFolder('seal'), 'seal.key');
  writeFileSync(key, `${'ab'.repeat(32)}\n`, { mode: 0o600 });
  const sealed = [...fast, '--seal-key-file', key];
  const [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck', flags: sealed }),
    startCluster({ name: 'bergen', flags: fast }),
  ]);
  await linkClusters(lubeck, bergen);
  await must(lubeck, 'kv', 'create', 'secrets');
  await must(lubeck, 'kv', 'put', 'secrets', 'a', 'canary-nobody-reads');
  const to = join(temporaryFolder('backup'), 'lubeck');
  const words = ['backup', 'create', '--to', to, '--with-keys'];
  expect(await must<BackupSummary>(lubeck, ...words)).toMatchObject({ sealed: true });
  for (const name of readdirSync(to).filter((each) => each.endsWith('.records'))) {
    expect(readFileSync(join(to, name)).includes('canary-nobody-reads')).toBe(false);
  }
  await Promise.all([lubeck.stop(), bergen.stop()]);
  rmSync(lubeck.data, { recursive: true });
  const restore = ['backup', 'restore', to, '--data', lubeck.data, '--yes'];
  expect((await lubeck.hansa(...restore)).report().code).toBe('SEAL_KEY_MISSING');
  await must(lubeck, ...restore, '--seal-key-file', key);
  await lubeck.restart(sealed);
  expect(await valueOf(lubeck, 'secrets', 'a')).toBe('canary-nobody-reads');
  const before = await positionOf(lubeck, 'kv/secrets');
  expect((await lubeck.hansa('recover', 'go-on', '--plan')).stdout).toContain('bergen');
  await must(lubeck, 'recover', 'go-on', '--yes');
  const after = await until('it goes on', async () => {
    const now = await positionOf(lubeck, 'kv/secrets');
    return now.epoch > before.epoch ? now : notYet(now);
  });
  expect(after.epoch).toBeGreaterThan(1_000_000);
  await until('nothing is waited for', async () => {
    const { awaited } = await must<Awaited<ReturnType<Recovery['list']>>>(
      lubeck,
      'recover',
      'list',
    );
    return awaited === undefined ? true : notYet(awaited);
  });
  expect((await lubeck.hansa('recover', 'go-on', '--yes')).code).toBe(0);
  await lubeck.stop();
}, 90_000);

test('a restore that was broken off leaves no data folder, and one that is not fresh is refused', async () => {
  const lubeck = await startCluster({ name: 'lubeck' });
  const to = join(temporaryFolder('backup'), 'lubeck');
  await must(lubeck, 'backup', 'create', '--to', to, '--with-keys');
  const refused = await lubeck.hansa('backup', 'restore', to, '--data', lubeck.data, '--yes');
  expect(refused.report().code).toBe('BACKUP_TARGET');
  const again = prepareCluster({ name: 'again', data: join(temporaryFolder('again'), 'data') });
  rmSync(again.data, { recursive: true });
  await lubeck.stop();
  await must(lubeck, 'backup', 'restore', to, '--data', again.data, '--yes');
  await again.restart();
  const status = await must<{ cluster: string }>(again, 'status');
  expect(status.cluster).toBe(
    JSON.parse(readFileSync(join(to, 'backup.json'), 'utf8').replace(/\}\n[0-9a-f]+\n$/, '}'))
      .cluster,
  );
  await again.stop();
}, 60_000);

describe.skipIf(!requires('git').available)('with a repository', () => {
  test('blobs are copied once, and a restored repository is cloned', async () => {
    const lubeck = await startCluster({ name: 'lubeck' });
    const folder = await publish(lubeck, 'atlas');
    const to = join(temporaryFolder('backup'), 'lubeck');
    const words = ['backup', 'create', '--to', to, '--with-keys'];
    const first = await must<BackupSummary>(lubeck, ...words);
    expect(first.copiedBlobs).toBeGreaterThan(0);
    await gitOk(folder, 'commit', '--quiet', '--allow-empty', '--message', 'more');
    await push(folder, lubeck, 'atlas');
    const second = await must<BackupSummary>(lubeck, ...words);
    expect(second.copiedBlobs).toBeGreaterThan(0);
    expect(second.copiedBlobs).toBeLessThan(second.blobs);
    const [blob = ''] = filesBelow(join(to, 'blobs'));
    const bytes = readFileSync(blob);
    writeFileSync(blob, Buffer.concat([Buffer.from('x'), bytes.subarray(1)]));
    const { problems } = (await lubeck.hansa('backup', 'verify', to)).json<{
      problems: string[];
    }>();
    expect(problems.map((each) => each.split(' ').slice(2).join(' '))).toEqual([
      'is not what its id says',
    ]);
    writeFileSync(blob, bytes);
    await lubeck.stop();
    rmSync(lubeck.data, { recursive: true });
    await must(lubeck, 'backup', 'restore', to, '--data', lubeck.data, '--yes');
    await lubeck.restart();
    const into = temporaryFolder('clone');
    await gitOk(into, 'clone', '--quiet', ownUrl(lubeck, 'atlas'), 'atlas');
    expect(await gitOk(join(into, 'atlas'), 'log', '--format=%s', '-1')).toContain('more');
    expect((await must<{ found: unknown[] }>(lubeck, 'scrub')).found).toEqual([]);
    await lubeck.stop();
  }, 90_000);
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
    const path = join(folder, each.name);
    return each.isDirectory() ? filesBelow(path) : [path];
  });
}
