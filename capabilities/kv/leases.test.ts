// The end of leases, on a clock that the test moves, through restarts and crashes.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { localId, scopeStore, silentLog, type KeyValueStore } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench, type ResourceBench } from '../../testkit/resource-bench.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { leaseKeysMax, leasesMax, transactOpsMax, type Kv, type KvChange } from './contract.ts';
import { leaseTables } from './lease-keys.ts';
import { createKv } from './service.ts';

const codec = createMsgpackCodec();
const config = { space: 'config' };
const ttlSeconds = 30;
const ttlMs = ttlSeconds * 1_000;

interface Node {
  readonly kv: Kv;
  readonly log: ResourceLog;
  /** As a process ends: nothing of it goes on. */
  end(): Promise<void>;
}

let bench: ResourceBench;
let seed: number;
const running: Node[] = [];

beforeEach(() => {
  bench = createResourceBench();
  seed = 1;
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.end()));
});

async function start(
  given: {
    readonly duty?: boolean;
    readonly store?: (store: KeyValueStore) => KeyValueStore;
    readonly log?: (log: ResourceLog) => Partial<ResourceLog>;
  } = {},
): Promise<Node> {
  const opened = await bench.open();
  const log = { ...opened, ...given.log?.(opened) };
  const store = scopeStore(bench.store, 'kv');
  seed += 1;
  const { kv, keepEnding } = createKv({
    codec,
    clock: bench.clock,
    signer: bench.signer,
    resources: log,
    mirrors: noMirrors,
    lanes: noLanes,
    log: silentLog,
    store: given.store?.(store) ?? store,
    random: createSeededRandom(seed),
  });
  const stop = new AbortController();
  const over = given.duty === false ? undefined : keepEnding(stop.signal).catch(() => undefined);
  const node: Node = {
    kv,
    log,
    async end() {
      stop.abort();
      await over;
    },
  };
  running.push(node);
  return node;
}

const keysOf = async (kv: Kv): Promise<readonly string[]> =>
  (await kv.list({ ...config, limit: 1_000 })).entries.map(({ key }) => key);

/** Lets the store's alarm ring, which gathers for up to a second. */
async function pass(ms: number): Promise<void> {
  bench.clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

async function untilKeys(kv: Kv, keys: readonly string[]): Promise<void> {
  await expect.poll(() => keysOf(kv)).toEqual(keys);
}

describe('a lease that is not kept', () => {
  test('ends after its time and never before, with everything under it, as one change', async () => {
    const { kv } = await start();
    await kv.create({ name: 'config' });
    const { lease } = await kv.grantLease({ ...config, ttlSeconds });
    await kv.put({ ...config, key: 'a', text: '1', lease });
    await kv.put({ ...config, key: 'b', text: '2', lease });
    const { revision } = await kv.put({ ...config, key: 'c', text: '3' });
    const told = kv.watch({ ...config, from: revision, prev: true })[Symbol.asyncIterator]();
    const next = told.next();
    await pass(ttlMs - 1);
    expect(await keysOf(kv)).toEqual(['a', 'b', 'c']);
    await kv.keepLease({ ...config, lease });
    await pass(ttlMs - 1);
    await expect(kv.get({ ...config, key: 'a' })).resolves.toMatchObject({ lease });
    await pass(1_001);
    const { value } = await next;
    expect((value as KvChange).events).toMatchObject([
      { type: 'delete', key: 'a', prev: { text: '1' } },
      { type: 'delete', key: 'b', prev: { text: '2' } },
    ]);
    await told.return?.();
    await untilKeys(kv, ['c']);
    const keep = kv.keepLease({ ...config, lease });
    await expect(keep).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
    await expect(kv.leases(config)).resolves.toEqual({ leases: [] });
  });

  test('has its whole time again after a restart, since nobody could keep it meanwhile', async () => {
    const first = await start();
    await first.kv.create({ name: 'config' });
    const { lease } = await first.kv.grantLease({ ...config, ttlSeconds });
    await first.kv.put({ ...config, key: 'a', text: '1', lease });
    await first.end();
    await pass(ttlMs - 10);
    const second = await start();
    await second.kv.keepLease({ ...config, lease });
    await pass(ttlMs - 10);
    await expect(keysOf(second.kv)).resolves.toEqual(['a']);
    await pass(1_010);
    await untilKeys(second.kv, []);
  });

  test('that ends while nobody looks is found by whoever comes next', async () => {
    const first = await start();
    await first.kv.create({ name: 'config' });
    const { lease } = await first.kv.grantLease({ ...config, ttlSeconds });
    await first.kv.put({ ...config, key: 'a', text: '1', lease });
    await first.end();
    await pass(ttlMs + 1_000);
    const second = await start();
    await untilKeys(second.kv, []);
  });

  test('ends with all its keys though they are more than one change takes', async () => {
    const { kv } = await start();
    await kv.create({ name: 'config' });
    const { lease } = await kv.grantLease({ ...config, ttlSeconds });
    for (let at = 0; at < 2 * transactOpsMax + 3; at += transactOpsMax) {
      const ops = Array.from({ length: transactOpsMax }, (_, n) => ({
        put: { key: `key-${at + n}`, text: '', lease },
      }));
      await kv.batchWrite({ ...config, ops });
    }
    await pass(ttlMs + 1_000);
    await untilKeys(kv, []);
  });

  test('is not outlived by a write that was on its way when it ended', async () => {
    const { kv } = await start();
    await kv.create({ name: 'config' });
    for (let round = 0; round < 20; round += 1) {
      const { lease } = await kv.grantLease({ ...config, ttlSeconds });
      await kv.put({ ...config, key: 'first', text: '', lease });
      const writes = Array.from({ length: 8 }, (_, at) =>
        kv.put({ ...config, key: `late-${at}`, text: '', lease }),
      );
      const ended = kv.revokeLease({ ...config, lease });
      const late = Array.from({ length: 8 }, (_, at) =>
        kv.put({ ...config, key: `later-${at}`, text: '', lease }),
      );
      await Promise.allSettled([...writes, ...late]);
      await ended;
      await untilKeys(kv, []);
    }
  });

  test('whose end a crash broke off is ended by the next process', async () => {
    let broken = true;
    const first = await start({
      log: (log) => ({
        append: (...given) => {
          const [, ops] = given;
          const deletes = ops.some((op) => 'delete' in op);
          return broken && deletes
            ? Promise.reject(new Error('the process ends here'))
            : log.append(...given);
        },
      }),
    });
    await first.kv.create({ name: 'config' });
    const { lease } = await first.kv.grantLease({ ...config, ttlSeconds });
    await first.kv.put({ ...config, key: 'a', text: '1', lease });
    await expect(first.kv.revokeLease({ ...config, lease })).rejects.toThrow('ends here');
    await first.end();
    broken = false;
    expect(await keysOf(first.kv)).toEqual(['a']);
    const second = await start();
    await untilKeys(second.kv, []);
  });

  test('that was carried here without its time has its whole time again', async () => {
    const first = await start({ duty: false });
    await first.kv.create({ name: 'config' });
    const { lease } = await first.kv.grantLease({ ...config, ttlSeconds });
    await first.kv.put({ ...config, key: 'a', text: '1', lease });
    const store = scopeStore(bench.store, 'kv');
    const { entries } = await store.scan({ prefix: leaseTables(store, codec).living.prefix() });
    // As a copy into another store does it.
    await Promise.all(entries.map(({ key, value }) => store.set(key, value)));
    const second = await start();
    const living = async (): Promise<readonly (string | undefined)[]> => {
      const found = await store.scan({ prefix: leaseTables(store, codec).living.prefix() });
      return found.entries.map((entry) => entry.lease);
    };
    await expect.poll(living).toEqual([expect.any(String)]);
    await pass(ttlMs - 1);
    expect(await keysOf(second.kv)).toEqual(['a']);
    await pass(1_001);
    await untilKeys(second.kv, []);
  });
});

describe('leases of a space', () => {
  test('are so many; one more is STORE_LIMIT until one ends', async () => {
    const { kv } = await start();
    await kv.create({ name: 'config' });
    const { lease: last } = await kv.grantLease({ ...config, ttlSeconds });
    const store = scopeStore(bench.store, 'kv');
    const tables = leaseTables(store, codec);
    const space = localId('kv', 'config');
    const others = Array.from({ length: leasesMax - 1 }, (_, at) => {
      const lease = at.toString(16).padStart(16, '0');
      return tables.leases.put([space, lease], {
        space,
        lease,
        ttlSeconds,
        grantedMs: 0,
        attached: 0,
      });
    });
    for (let at = 0; at < others.length; at += 100) {
      await store.batchWrite(others.slice(at, at + 100));
    }
    const more = kv.grantLease({ ...config, ttlSeconds });
    await expect(more).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    await kv.revokeLease({ ...config, lease: last });
    await expect(kv.grantLease({ ...config, ttlSeconds })).resolves.toMatchObject({ ttlSeconds });
  });

  test('hold so many keys; those that went otherwise make room', async () => {
    const { kv } = await start();
    await kv.create({ name: 'config' });
    const { lease } = await kv.grantLease({ ...config, ttlSeconds });
    const put = (from: number, count: number) => {
      const ops = Array.from({ length: count }, (_, n) => ({
        put: { key: `key-${from + n}`, text: '', lease },
      }));
      return kv.batchWrite({ ...config, ops });
    };
    for (let at = 0; at < leaseKeysMax; at += 50) {
      await put(at, 50);
    }
    const over = put(leaseKeysMax, 1);
    await expect(over).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    await expect(put(0, 50)).resolves.toMatchObject({ ok: true });
    await kv.delete({ ...config, key: 'key-0' });
    await kv.put({ ...config, key: 'key-1', text: '' });
    await expect(put(leaseKeysMax, 2)).resolves.toMatchObject({ ok: true });
    await expect(put(leaseKeysMax + 2, 1)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    await expect(kv.revokeLease({ ...config, lease })).resolves.toMatchObject({
      deleted: leaseKeysMax,
    });
    expect(await keysOf(kv)).toEqual(['key-1']);
  });
});

test('a cursor whose state the store has let go is CURSOR_GONE, and one that has not come is none', async () => {
  const { kv } = await start();
  await kv.create({ name: 'config' });
  for (const key of ['a', 'b', 'c']) {
    await kv.put({ ...config, key, text: '' });
  }
  const { cursor } = await kv.list({ ...config, limit: 1 });
  await expect(kv.list({ ...config, cursor })).resolves.toMatchObject({ entries: [{}, {}] });
  await kv.put({ ...config, key: 'd', text: '' });
  const { revision } = await bench.store.status();
  await bench.store.compact(revision);
  const gone = kv.list({ ...config, cursor });
  await expect(gone).rejects.toMatchObject({ code: 'CURSOR_GONE' });
  const before = kv.watch({ ...config, from: revision - 2, prev: true })[Symbol.asyncIterator]();
  await expect(before.next()).rejects.toMatchObject({ code: 'REVISION_GONE' });
  const future = Buffer.from(codec.encode([revision + 100, 'a'])).toString('base64url');
  const early = kv.list({ ...config, cursor: future });
  await expect(early).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});
