// Who a cluster is survives its process; a key that cannot be used stops federation, never the
// cluster; one process at a time; and nobody without the token gets an answer.
import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { DaemonStatus, Setting } from '@hansa/capabilities/daemon/contract';
import type { Profile } from '@hansa/capabilities/identity/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { callApi, prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { gitOk } from './harness/git.ts';
import { must } from './harness/linking.ts';
import { ownUrl, publish } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

async function profileOf(cluster: Cluster): Promise<Profile> {
  return (await cluster.api<Profile>('GET', '/identity')).body;
}

/** What anybody may ask: it is how one comes in, and what everybody may know. */
const openPaths: readonly string[] = [
  '/health',
  '/login',
  '/login/code',
  '/login/ways',
  '/login/oidc',
  '/login/oidc/finish',
  '/session',
  '/whoami',
  '/whoami/why',
];

function isOpen(path: string): boolean {
  return openPaths.includes(path) || /^\/(?:\.well-known|login\/oidc)\//.test(path);
}

describe('a cluster’s identity', () => {
  let lubeck: Cluster;

  beforeAll(async () => {
    lubeck = await startCluster({ name: 'lubeck' });
  });

  test('its id, inception and certificate survive an ordered restart and kill -9', async () => {
    const born = await profileOf(lubeck);
    expect(born.federation).toBe('on');
    expect(born.cluster).toMatch(/^[0-9a-f]{64}$/);
    expect(born.nextKeyHash).toMatch(/^[0-9a-f]{64}$/);
    expect(born.certificate?.serial).toBe(1);
    await lubeck.restart();
    expect(await profileOf(lubeck)).toEqual(born);
    await lubeck.kill();
    await lubeck.restart();
    expect(await profileOf(lubeck)).toEqual(born);
  });

  test('hansa status shows who it is, and for people as well', async () => {
    const { cluster, node } = await profileOf(lubeck);
    const status = await must<DaemonStatus>(lubeck, 'status');
    expect(status).toMatchObject({ cluster, node, name: 'lubeck', federation: 'on' });
    expect(status).toMatchObject({ pid: lubeck.pid, data: lubeck.data, api: lubeck.url });
    expect(status.addresses.length).toBeGreaterThan(0);
    const shown = await lubeck.hansaPlain('status');
    expect(shown.stdout).toContain(`lubeck (${cluster})`);
  });

  test('its keys and its owner token are files that only their owner may read', () => {
    for (const file of ['keys/cluster.key', 'keys/cluster-next.key', 'keys/node.key']) {
      expect([file, statSync(join(lubeck.data, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    expect(statSync(join(lubeck.data, 'owner.token')).mode & 0o777).toBe(0o600);
    expect(statSync(join(lubeck.data, 'keys')).mode & 0o077).toBe(0);
  });

  test('no secret is ever printed: neither key nor token is in the log', () => {
    for (const file of [
      'keys/cluster.key',
      'keys/cluster-next.key',
      'keys/node.key',
      'owner.token',
    ]) {
      const secret = readFileSync(join(lubeck.data, file), 'utf8').trim();
      expect(lubeck.log()).not.toContain(secret);
    }
  });
});

describe('a key that cannot be used', () => {
  let lubeck: Cluster;
  const keyFile = (): string => join(lubeck.data, 'keys', 'cluster.key');
  const faults: readonly {
    readonly name: string;
    readonly code: string;
    readonly spoil: () => void;
  }[] = [
    {
      name: 'that is malformed',
      code: 'KEY_MALFORMED',
      spoil: () => writeFileSync(keyFile(), 'not a key\n', { mode: 0o600 }),
    },
    {
      name: 'that lost its last byte',
      code: 'KEY_MALFORMED',
      spoil: () => writeFileSync(keyFile(), readFileSync(keyFile(), 'utf8').slice(0, 63)),
    },
    { name: 'that others may read', code: 'KEY_EXPOSED', spoil: () => chmodSync(keyFile(), 0o644) },
    { name: 'that is missing', code: 'KEY_MISMATCH', spoil: () => rmSync(keyFile()) },
    {
      name: 'that is another cluster’s',
      code: 'KEY_MISMATCH',
      spoil: () => writeFileSync(keyFile(), `${'5a'.repeat(32)}\n`),
    },
  ];

  beforeAll(async () => {
    lubeck = await startCluster({ name: 'lubeck' });
  });

  test.each(faults.map((fault) => [fault.name, fault.code, fault] as const))(
    '%s stops federation with %s while local service runs on, and comes back with the file',
    async (_name, _code, { name, code, spoil }) => {
      const born = await profileOf(lubeck);
      const key = readFileSync(keyFile(), 'utf8');
      await lubeck.stop();
      spoil();
      await lubeck.restart();

      const status = await must<DaemonStatus>(lubeck, 'status');
      expect(status).toMatchObject({ federation: 'off', cluster: born.cluster });
      expect(status.problem?.code).toBe(code);
      expect(status.problem?.message).toContain('cluster');
      expect((await lubeck.hansaPlain('status')).stdout).toContain('local service runs on');
      // A node that is up answers before its starter has told people what is wrong.
      await until('it is said where it was started', async () => {
        const log = lubeck.log();
        return (log.includes(`[${code}]`) && /^fix: .+/m.test(log)) || notYet(log);
      });

      const invited = await lubeck.hansa('link', 'invite');
      expect(invited.report().code).toBe('FEDERATION_OFF');
      const repository = name.replaceAll(/[^a-z]/g, '');
      const work = await publish(lubeck, repository);
      const clone = join(temporaryFolder('clone'), 'clone');
      await gitOk(work, 'clone', '--quiet', ownUrl(lubeck, repository), clone);
      expect(await gitOk(clone, 'rev-parse', 'HEAD')).toBe(await gitOk(work, 'rev-parse', 'HEAD'));

      await lubeck.stop();
      writeFileSync(keyFile(), key, { mode: 0o600 });
      chmodSync(keyFile(), 0o600);
      await lubeck.restart();
      expect(await profileOf(lubeck)).toEqual(born);
      const { sequence } = await must<{ sequence: number }>(lubeck, 'repo', 'show', repository);
      expect(sequence).toBeGreaterThan(0);
      await must(lubeck, 'link', 'invite');
    },
  );
});

describe('one process at a time', () => {
  let lubeck: Cluster;

  beforeAll(async () => {
    lubeck = await startCluster({ name: 'lubeck' });
  });

  test('a second process on the same folder is refused with FOLDER_LOCKED, naming the first', async () => {
    const second = await lubeck.hansa('up', '--name', 'lubeck', '--data', lubeck.data);
    expect(second.code).toBe(5);
    expect(second.report().code).toBe('FOLDER_LOCKED');
    expect(second.report().message).toContain(String(lubeck.pid));
    expect((await lubeck.api('GET', '/status')).status).toBe(200);
  });

  test('kill -9 leaves no stale lock', async () => {
    for (let round = 0; round < 3; round += 1) {
      await lubeck.kill();
      await lubeck.restart();
    }
    expect((await lubeck.api('GET', '/status')).status).toBe(200);
  });

  test('a taken API port is refused with PORT_TAKEN, and nothing stays locked', async () => {
    const bergen = prepareCluster({ name: 'bergen' });
    const port = new URL(lubeck.url).port;
    const up = ['up', '--name', 'bergen', '--data', bergen.data];
    const refused = await bergen.hansa(...up, '--api-port', port);
    expect(refused.code).toBe(5);
    expect(refused.report()).toMatchObject({ code: 'PORT_TAKEN', fix: expect.any(String) });
    expect(refused.report().message).toContain(port);
    await bergen.restart();
    expect((await bergen.api('GET', '/status')).status).toBe(200);
  });

  test('a remembered port that somebody took meanwhile is given up for another', async () => {
    const bergen = await startCluster({ name: 'bergen' });
    const before = bergen.url;
    await bergen.stop();
    const squatter = createServer().listen(Number(new URL(before).port), '127.0.0.1');
    await bergen.restart();
    expect(bergen.url).not.toBe(before);
    squatter.close();
  });
});

describe('configuration', () => {
  async function settingsOf(cluster: Cluster): Promise<ReadonlyMap<string, Setting>> {
    const { settings } = await must<{ settings: Setting[] }>(cluster, 'status', '--config');
    return new Map(settings.map((each) => [each.name, each]));
  }

  test('a flag beats the environment, which beats hansa.yaml, which beats the default', async () => {
    const lubeck = prepareCluster({
      name: 'lubeck',
      env: { HANSA_SYNC_INTERVAL: '12', HANSA_LOG_LEVEL: 'problem' },
      flags: ['--sync-interval', '13'],
    });
    const file = join(lubeck.data, 'hansa.yaml');
    writeFileSync(file, 'sync-interval: 11\nlog-level: event\nlink-host: 127.0.0.1\n');
    await lubeck.restart();
    const settings = await settingsOf(lubeck);
    expect(settings.get('sync-interval')).toMatchObject({ value: '13', source: 'flag' });
    expect(settings.get('log-level')).toMatchObject({ value: 'problem', source: 'environment' });
    expect(settings.get('link-host')).toMatchObject({ value: '127.0.0.1', source: 'file' });
    expect(settings.get('relays')).toMatchObject({ value: '', source: 'default' });
    await lubeck.restart([]);
    const without = await settingsOf(lubeck);
    expect(without.get('sync-interval')).toMatchObject({ value: '12', source: 'environment' });
  });

  test.each([
    ['a setting that nobody knows', 'colour: blue\n', 'colour'],
    ['a value out of its range', 'api-port: 70000\n', 'api-port'],
    ['what is no YAML', 'name: [\n', 'hansa.yaml'],
  ])('%s in hansa.yaml is refused with its name', async (_what, text, named) => {
    const lubeck = prepareCluster({ name: 'lubeck' });
    writeFileSync(join(lubeck.data, 'hansa.yaml'), text);
    const refused = await lubeck.hansa('up', '--name', 'lubeck', '--data', lubeck.data);
    expect(refused.code).toBe(2);
    expect(refused.report().code).toBe('CONFIG_INVALID');
    expect(refused.report().message).toContain(named);
  });
});

describe('the owner token', () => {
  let lubeck: Cluster;
  let routes: readonly { readonly method: string; readonly path: string }[];

  beforeAll(async () => {
    lubeck = await startCluster({ name: 'lubeck' });
    interface Described {
      readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    }
    const { body } = await lubeck.api<Described>('GET', '/openapi.json');
    routes = Object.entries(body.paths).flatMap(([pattern, methods]) =>
      Object.keys(methods).map((method) => ({
        method: method.toUpperCase(),
        path: pattern.replaceAll(/\{[^}]+\}/g, 'x').replaceAll('*', 'x.git/info/refs'),
      })),
    );
  });

  test('is asked for by every route but health, keys that anybody may know, and ways to log in', async () => {
    const guarded = routes.filter(({ path }) => !isOpen(path));
    expect(guarded.length).toBeGreaterThan(25);
    for (const { method, path } of [...guarded, { method: 'GET', path: '/openapi.json' }]) {
      const { status, body } = await callApi<ErrorReport>({ url: lubeck.url, method, path });
      expect([method, path, status, body.code]).toEqual([method, path, 401, 'UNAUTHENTICATED']);
    }
    const health = await callApi({ url: lubeck.url, method: 'GET', path: '/health' });
    expect(health.status).toBe(200);
  });

  test('a wrong one opens nothing; after ten of them within a minute the guesser has to wait', async () => {
    const token = 'f'.repeat(64);
    const statuses: number[] = [];
    for (const { method, path } of routes.filter((route) => !isOpen(route.path))) {
      const { status } = await callApi({ url: lubeck.url, token, method, path });
      statuses.push(status);
    }
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect((await lubeck.api('GET', '/status')).status).toBe(200);
  });

  test('that is lost is made anew at the next start, and the old one is worth nothing', async () => {
    const old = lubeck.token();
    await lubeck.stop();
    renameSync(join(lubeck.data, 'owner.token'), join(lubeck.home, 'lost.token'));
    await lubeck.restart();
    const { status } = await callApi({
      url: lubeck.url,
      token: old,
      method: 'GET',
      path: '/status',
    });
    expect(status).toBe(401);
    expect((await lubeck.api('GET', '/status')).status).toBe(200);
  });
});
