// Sealing at rest over real processes: a node that ran in plain is started with a key; from then on
// nothing on its disk says what it holds, and nothing but the key opens it.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SealStatus } from '@hansa/capabilities/sealing/contract';
import { expect, test } from 'vitest';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';
import { findBelow, type Canary } from './rooms/search.ts';

const ageIdentity = 'AGE-SECRET-KEY-1LEG86J0YMYXFJ0YUSVWVY7M2QQG2U8XYAGMCTJARRCVJU8YS8LYQ4STUKV';

function keyFile(content: string): string {
  const path = join(temporaryFolder('seal'), 'seal.key');
  writeFileSync(path, `${content}\n`, { mode: 0o600 });
  return path;
}

/** What is in the key files and in a value, as they lie there before anything is sealed. */
function secretsOf(cluster: Cluster): readonly Canary[] {
  const keys = readdirSync(join(cluster.data, 'keys')).map((name) => {
    const text = readFileSync(join(cluster.data, 'keys', name), 'utf8').trim();
    return { what: name, text, bytes: Buffer.from(text, 'hex') };
  });
  return [...keys, { what: 'value', text: 'the-value-that-nobody-reads' }];
}

async function valueOf(cluster: Cluster, key: string): Promise<string | undefined> {
  return (await must<{ text?: string }>(cluster, 'kv', 'get', 'prices', key)).text;
}

/** How a start ends that must not come up. */
async function refusedStart(cluster: Cluster, flags: readonly string[]): Promise<string> {
  const before = logOf(cluster).length;
  await expect(cluster.restart(flags)).rejects.toThrow('ended while it started');
  return logOf(cluster).slice(before);
}

function logOf(cluster: Cluster): string {
  try {
    return cluster.log();
  } catch {
    return ''; // it was never started
  }
}

function untilRotated(cluster: Cluster, version: number): Promise<SealStatus> {
  return until('the rotation is over', async () => {
    const { body } = await cluster.api<SealStatus>('GET', '/sealing');
    return body.version === version && body.rotation === undefined ? body : notYet(body);
  });
}

test('a node is sealed, opened by its key alone, put under another, and sealed anew', async () => {
  const lubeck = await startCluster({ name: 'lubeck' });
  const key = keyFile('ab'.repeat(32));
  const age = keyFile(ageIdentity);
  const cluster = lubeck.log().match(/founded cluster lubeck \((\w+)\)/)?.[1];

  await must(lubeck, 'kv', 'create', 'prices');
  await must(lubeck, 'kv', 'put', 'prices', 'salt', 'the-value-that-nobody-reads');
  expect((await lubeck.hansa('seal', 'rotate', '--yes')).report().code).toBe('SEAL_OFF');
  expect(await must<SealStatus>(lubeck, 'seal', 'status')).toEqual({ sealed: false });
  const secrets = secretsOf(lubeck);
  expect(secrets.length).toBeGreaterThan(3);
  expect(new Set(findBelow(lubeck.data, secrets).map((line) => line.split(': ')[1])).size).toBe(
    secrets.length,
  );

  // Sealed with what was there.
  await lubeck.restart(['--seal-key-file', key]);
  expect(findBelow(lubeck.data, secrets)).toEqual([]);
  expect(await valueOf(lubeck, 'salt')).toBe('the-value-that-nobody-reads');
  expect(await must<SealStatus>(lubeck, 'seal', 'status')).toMatchObject({
    sealed: true,
    by: 'key',
    version: 1,
  });
  await must(lubeck, 'kv', 'put', 'prices', 'grain', 'the-value-that-nobody-reads');

  // Opened by nothing else.
  expect(await refusedStart(lubeck, [])).toMatch(/SEAL_KEY_MISSING[\s\S]*--seal-key-file/);
  const wrong = keyFile('cd'.repeat(32));
  expect(await refusedStart(lubeck, ['--seal-key-file', wrong])).toContain('SEAL_KEY_WRONG');
  expect(await refusedStart(lubeck, ['--seal-key-file', keyFile('short')])).toContain(
    'SEAL_KEY_MALFORMED',
  );
  await lubeck.restart(['--seal-key-file', key]);
  expect((await must<{ cluster: string }>(lubeck, 'status')).cluster).toBe(cluster);

  // Under another key from outside: nothing is sealed anew for it.
  expect(await must<SealStatus>(lubeck, 'seal', 'rewrap', '--age-identity', age, '--yes')).toEqual(
    expect.objectContaining({ by: 'age', version: 1 }),
  );
  expect(await refusedStart(lubeck, ['--seal-key-file', key])).toContain('SEAL_KEY_WRONG');
  await lubeck.restart(['--seal-age-identity', age]);
  expect(await valueOf(lubeck, 'grain')).toBe('the-value-that-nobody-reads');

  // Never under a key that is carried away with what it seals.
  const beside = ['--key-file', join(lubeck.data, 'owner.token'), '--yes'];
  expect((await lubeck.hansa('seal', 'rewrap', ...beside)).report()).toMatchObject({
    code: 'SEAL_KEY_MALFORMED',
    message: expect.stringContaining('lies in the folder'),
  });

  // A new data key, and a kill on the way.
  await must(lubeck, 'seal', 'rotate', '--yes');
  await lubeck.kill();
  await lubeck.restart(['--seal-age-identity', age]);
  await untilRotated(lubeck, 2);
  await lubeck.restart(['--seal-age-identity', age]);
  expect(await valueOf(lubeck, 'grain')).toBe('the-value-that-nobody-reads');
  expect((await must<{ cluster: string }>(lubeck, 'status')).cluster).toBe(cluster);
  expect(findBelow(lubeck.data, secrets)).toEqual([]);
  expect(lubeck.log()).not.toContain('ab'.repeat(32));
  expect(lubeck.log()).not.toContain(ageIdentity);
});

test('a first start with a key from the environment writes nothing in plain', async () => {
  const key = 'ef'.repeat(32);
  const bergen = await startCluster({ name: 'bergen', env: { HANSA_SEAL_KEY: key } });
  await must(bergen, 'kv', 'create', 'prices');
  await must(bergen, 'kv', 'put', 'prices', 'salt', 'the-value-that-nobody-reads');
  const secrets = [
    { what: 'value', text: 'the-value-that-nobody-reads' },
    { what: 'key', text: key, bytes: Buffer.from(key, 'hex') },
  ];
  expect(findBelow(bergen.home, secrets)).toEqual([]);
  await bergen.stop();
  expect(findBelow(bergen.home, secrets)).toEqual([]);
});

test('what was changed on the disk is damage, and a lost keyring is told as one', async () => {
  const key = 'ef'.repeat(32);
  const options = { name: 'riga', env: { HANSA_SEAL_KEY: key } };
  const riga = await startCluster(options);
  await riga.stop();
  const clusterKey = join(riga.data, 'keys', 'cluster.key');
  const sealed = readFileSync(clusterKey);
  const changed = Buffer.from(sealed);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  writeFileSync(clusterKey, changed);
  await riga.restart();
  expect(
    await must<{ federation: string; problem: { code: string } }>(riga, 'status'),
  ).toMatchObject({ federation: 'off', problem: { code: 'STORE_DAMAGED' } });
  await riga.stop();
  writeFileSync(clusterKey, sealed);
  rmSync(join(riga.data, 'seal.json'));
  expect(await refusedStart(riga, [])).toContain('STORE_DAMAGED');
  const { HANSA_SEAL_KEY: _key, ...env } = riga.env;
  const bare = prepareCluster({ name: 'riga', data: riga.data, env });
  expect(await refusedStart(bare, [])).toContain('SEAL_KEY_MISSING');
});
