// Leases, batches, pages and directories of keys over real processes: through the command line and
// the typed client, kill -9 of the owner, and the mirror that watches.
import type {
  Kv,
  KvBatchWritten,
  KvChange,
  KvEntry,
  KvPage,
  KvSwapped,
  Space,
} from '@hansa/capabilities/kv/contract';
import { kvContract } from '@hansa/capabilities/kv/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { connect, createDirectories } from '@hansa/client';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { notYet, until } from './harness/until.ts';
import { followCommand, type JsonLines } from './rooms/json-lines.ts';
import { startPair, type Pair } from './rooms/pair.ts';

const ttl = '12s'; // more than a start on a busy machine takes
const ttlMs = 12_000;

interface Granted {
  readonly lease: string;
}

let pair: Pair;

beforeAll(async () => {
  pair = await startPair();
});

function kvOf(cluster: Cluster): Kv {
  return connect(kvContract, { url: cluster.url, token: cluster.token() });
}

async function mirroredSpace(name: string): Promise<void> {
  const { lubeck, bergen } = pair;
  await must<Space>(lubeck, 'kv', 'create', name);
  await must(lubeck, 'share', 'add', `kv/${name}`, '--to', 'bergen');
  await must<Mirror>(bergen, 'mirror', 'add', `lubeck:kv/${name}`);
}

function untilValue(cluster: Cluster, space: string, key: string): Promise<KvEntry> {
  return until(`${cluster.name} has ${key}`, async () => {
    const { body } = await cluster.api<KvPage>(
      'GET',
      `/kv/entries?space=${encodeURIComponent(space)}`,
    );
    return body.entries.find((entry) => entry.key === key) ?? notYet(body);
  });
}

const told = (watch: JsonLines<KvChange>): readonly string[] =>
  watch.seen.flatMap(({ events }) => events.map(({ type, key }) => `${type} ${key}`));

describe('a lease', () => {
  test('outlives kill -9 of its node, ends by itself and never early, and the mirror is told', async () => {
    const { lubeck, bergen } = pair;
    await mirroredSpace('services');
    const { lease } = await must<Granted>(lubeck, 'kv', 'lease', 'grant', 'services', '--ttl', ttl);
    for (const key of ['web/1', 'web/2']) {
      await must(lubeck, 'kv', 'put', 'services', key, 'up', '--lease', lease);
    }
    const before = await must<KvPage>(lubeck, 'kv', 'list', 'services');
    await must(lubeck, 'kv', 'put', 'services', 'lasting', 'up');
    await untilValue(bergen, 'lubeck:services', 'lasting');
    const { revision } = await must<KvPage>(bergen, 'kv', 'list', 'lubeck:services');
    const watchFrom = (cluster: Cluster, space: string, from: number): JsonLines<KvChange> =>
      followCommand(cluster, 'kv', 'watch', space, '--from', String(from));
    const watch = watchFrom(bergen, 'lubeck:services', revision);
    const own = watchFrom(lubeck, 'services', before.revision);
    await until('the own watch has begun', () => own.seen.length > 0 || notYet(own.said()));
    await lubeck.kill();
    await lubeck.restart();
    const kept = await must<Granted>(lubeck, 'kv', 'lease', 'keep', 'services', lease);
    const keptAt = Date.now();
    expect(kept.lease).toBe(lease);
    await until('the mirror is told', async () =>
      told(watch).length > 0 ? true : notYet([told(watch), watch.said()]),
    );
    expect(Date.now() - keptAt).toBeGreaterThanOrEqual(ttlMs - 500);
    expect(told(watch)).toEqual(['delete web/1', 'delete web/2']);
    expect(watch.seen).toHaveLength(1);
    await watch.end();
    // The command that watched the node that died goes on where it was: each change once.
    await until('the own watch is back', () => told(own).length === 3 || notYet(own.said()));
    expect(told(own)).toEqual(['put lasting', 'delete web/1', 'delete web/2']);
    await own.end();
    const left = await must<KvPage>(bergen, 'kv', 'list', 'lubeck:services');
    expect(left.entries.map(({ key }) => key)).toEqual(['lasting']);
    const again = await lubeck.hansa('kv', 'put', 'services', 'web/1', 'up', '--lease', lease);
    expect([again.code, again.report().code]).toEqual([3, 'LEASE_NOT_FOUND']);
  });

  test('that ended while its node was away is found when it is back', async () => {
    const { lubeck } = pair;
    await must<Space>(lubeck, 'kv', 'create', 'away');
    const kv = kvOf(lubeck);
    const { lease } = await kv.grantLease({ space: 'away', ttlSeconds: 60 });
    await kv.put({ space: 'away', key: 'a', text: '1', lease });
    await must(lubeck, 'kv', 'lease', 'revoke', 'away', lease, '--yes');
    await expect(kvOf(lubeck).list({ space: 'away' })).resolves.toMatchObject({ entries: [] });
    const short = await kv.grantLease({ space: 'away', ttlSeconds: 5 });
    await kv.put({ space: 'away', key: 'b', text: '1', lease: short.lease });
    await lubeck.kill();
    await lubeck.restart();
    await until('the key is gone', async () => {
      const { entries } = await kvOf(lubeck).list({ space: 'away' });
      return entries.length === 0 ? true : notYet(entries);
    });
  });
});

describe('several keys', () => {
  test('are written on a condition, and what is there instead is shown with its exit code', async () => {
    const { lubeck } = pair;
    await must<Space>(lubeck, 'kv', 'create', 'batch');
    const set = (value: string, ...expectation: string[]) =>
      lubeck.hansa('kv', 'compare-and-set', 'batch', 'leader', value, ...expectation);
    expect((await set('ann', '--expect-absent')).json<KvSwapped>()).toMatchObject({ ok: true });
    const refused = await set('bo', '--expect-absent');
    expect(refused.code).toBe(5);
    expect(refused.json<KvSwapped>()).toMatchObject({ ok: false, current: { text: 'ann' } });
    const words = ['--if-value', 'leader=ann', '--put', 'leader=bo', '--put', 'before=ann'];
    const written = await must<KvBatchWritten>(lubeck, 'kv', 'batch-write', 'batch', ...words);
    expect(written).toMatchObject({ ok: true, results: [{ put: { version: 2 } }, {}] });
    const twice = await lubeck.hansa('kv', 'batch-write', 'batch', ...words);
    expect(twice.code).toBe(5);
    expect(twice.json<KvBatchWritten>()).toMatchObject({ failed: 0, current: { text: 'bo' } });
    const read = await kvOf(lubeck).batchRead({
      space: 'batch',
      keys: ['before', 'none', 'leader'],
    });
    expect(read.entries.map((entry) => entry?.text ?? null)).toEqual(['ann', null, 'bo']);
    const gone = await lubeck.hansa(
      'kv',
      'compare-and-delete',
      'batch',
      'leader',
      '--expect-value',
      'bo',
    );
    expect(gone.json<KvSwapped>()).toMatchObject({ ok: true, version: 0 });
  });

  test('are paged as they stood at the first page, at the owner and at the mirror', async () => {
    const { lubeck, bergen } = pair;
    await mirroredSpace('pages');
    const kv = kvOf(lubeck);
    const keys = Array.from({ length: 30 }, (_, at) => `key-${String(at).padStart(2, '0')}`);
    await Promise.all(keys.map((key) => kv.put({ space: 'pages', key, text: 'before' })));
    await kv.put({ space: 'pages', key: 'last', text: 'before' });
    await untilValue(bergen, 'lubeck:pages', 'last');
    const sides = [
      { cluster: lubeck, space: 'pages' },
      { cluster: bergen, space: 'lubeck:pages' },
    ];
    const first = await Promise.all(
      sides.map(({ cluster, space }) =>
        must<KvPage>(cluster, 'kv', 'list', space, '--prefix', 'key-', '--limit', '10'),
      ),
    );
    await Promise.all(keys.map((key) => kv.put({ space: 'pages', key, text: 'after' })));
    await kv.put({ space: 'pages', key: 'later', text: '' });
    await untilValue(bergen, 'lubeck:pages', 'later');
    for (const [index, { cluster, space }] of sides.entries()) {
      let page = first[index];
      const seen = [...(page?.entries ?? [])];
      while (page?.cursor !== undefined) {
        const words = ['--prefix', 'key-', '--limit', '10', '--cursor', page.cursor];
        page = await must<KvPage>(cluster, 'kv', 'list', space, ...words);
        seen.push(...page.entries);
      }
      expect(seen.map(({ key, text }) => [key, text])).toEqual(keys.map((key) => [key, 'before']));
    }
  });
});

describe('directories of keys', () => {
  test('are made by many programs at once over HTTP, and seen by the command line', async () => {
    const { lubeck } = pair;
    await must<Space>(lubeck, 'kv', 'create', 'store');
    const programs = Array.from({ length: 4 }, () => createDirectories(kvOf(lubeck), 'store'));
    const made = await Promise.all(
      programs.flatMap((directories) =>
        ['users', 'orders', 'carts'].map((name) => directories.createOrOpen(['app', name])),
      ),
    );
    const prefixes = new Map(made.map(({ path, keys }) => [keys.key(), path.join('/')]));
    expect([...prefixes.values()].toSorted()).toEqual(['app/carts', 'app/orders', 'app/users']);
    const users = await programs[0]?.open(['app', 'users']);
    const kv = kvOf(lubeck);
    for (const age of [41, 7, 100, -3]) {
      await kv.put({ space: 'store', key: users?.keys.key('anna', age) ?? '', text: String(age) });
    }
    const { entries } = await kv.list({ space: 'store', ...users?.keys.bounds('anna') });
    expect(entries.map(({ text }) => text)).toEqual(['-3', '7', '41', '100']);
    const key = await must<{ key: string }>(
      lubeck,
      'kv',
      'key',
      '["anna", 7]',
      '--in',
      'store',
      '--directory',
      'app/users',
    );
    expect(key.key).toBe(users?.keys.key('anna', 7));
    await must(lubeck, 'kv', 'directory', 'move', 'store', 'app/users', 'people');
    const list = await must<{ directories: { path: string }[] }>(
      lubeck,
      'kv',
      'directory',
      'list',
      'store',
    );
    expect(list.directories.map(({ path }) => path)).toEqual(['app', 'people']);
    const removed = await must<{ keys: number }>(
      lubeck,
      'kv',
      'directory',
      'remove',
      'store',
      'people',
      '--yes',
    );
    expect(removed.keys).toBe(4);
    const none = await lubeck.hansa('kv', 'directory', 'remove', 'store', 'people', '--yes');
    expect([none.code, none.report().code]).toEqual([3, 'KEY_DIRECTORY_NOT_FOUND']);
  });
});
