import { createSystemClock } from '@hansa/system-node';
import { fromUtf8, utf8, type FencedStore, type ScanOptions } from '@hansa/foundation';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { inScope, storeSuite } from '../../testkit/store.suite.ts';
import { k, put, refusal, showAll, type StoreFixture } from '../../testkit/store-fixture.ts';
import { openEtcd } from './etcd-store.ts';

describe.skipIf(!requires('etcd').available)('with etcd', () => {
  let etcd: EtcdCluster;
  let stores = 0;
  beforeAll(async () => {
    etcd = await startEtcd({ progressEveryMs: 500 });
  });
  afterAll(() => etcd.end());

  /** Every store has a part of etcd to itself; only compaction and revisions are everybody's. */
  const make = async (): Promise<StoreFixture & { readonly store: FencedStore }> => {
    const { endpoints } = etcd;
    stores += 1;
    const prefix = utf8(`store${stores}/`);
    // A machine that tests on all cores may be slow to answer; nothing here fails on purpose.
    const times = { attemptMs: 10_000, callMs: 30_000 };
    const { store } = await openEtcd({ endpoints, prefix, times, clock: createSystemClock() });
    const cleanup = async (): Promise<void> => {
      // So that no lease of this store ends with a revision in the middle of the next one's test.
      await store.batchWrite([{ delete: { prefix: utf8('') } }]);
      await store.close();
    };
    return { store, cleanup };
  };

  test('what is too large for one answer comes in parts, to scans and to watches', async () => {
    const { store, cleanup } = await make();
    const value = new Uint8Array(store.limits.valueBytesMax);
    const { revision } = await store.set(k('first'), k(''));
    // Together more than one answer may hold, which is 64 MiB.
    const names = Array.from({ length: 140 }, (_, i) => `big/${String(i).padStart(3, '0')}`);
    for (const name of names) {
      await store.set(k(name), value);
    }
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const options: ScanOptions = cursor === undefined ? {} : { cursor };
      const page = await store.scan({ prefix: k('big/') }, options);
      found.push(...page.entries.map(({ key }) => fromUtf8(key)));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual(names);
    const control = new AbortController();
    const watch = store.watch({ prefix: k('big/') }, { from: revision, signal: control.signal });
    const seen: string[] = [];
    for await (const batch of watch) {
      seen.push(...('events' in batch ? batch.events.map(({ key }) => fromUtf8(key)) : []));
      if (seen.length >= names.length) {
        break;
      }
    }
    expect(seen).toEqual(names);
    control.abort();
    await cleanup();
  });

  test('what many callers move between few accounts is neither lost nor made', async () => {
    const { store, cleanup } = await make();
    const accounts = ['a', 'b', 'c', 'd', 'e'];
    const sum = 100 * accounts.length;
    await store.batchWrite(accounts.map((name) => put(name, '100')));
    let moved = 0;
    const mover = async (seed: number): Promise<void> => {
      for (let i = 0; i < 20; i += 1) {
        const from = accounts[(seed + i) % 5] ?? '';
        const to = accounts[(seed + i + 1 + (seed % 4)) % 5] ?? '';
        const { entries } = await store.batchRead([k(from), k(to)]);
        const [have, has] = entries.map((entry) => Number(fromUtf8(entry?.value ?? k(''))));
        const { succeeded } = await store.transact({
          if: entries.map((entry) => ({
            key: entry?.key ?? k(''),
            target: 'modRevision',
            op: '=',
            operand: entry?.modRevision ?? 0,
          })),
          then: [put(from, String((have ?? 0) - 1)), put(to, String((has ?? 0) + 1))],
        });
        moved += succeeded ? 1 : 0;
      }
    };
    await Promise.all(Array.from({ length: 32 }, (_, seed) => mover(seed)));
    const { entries } = await store.batchRead(accounts.map(k));
    const total = entries.reduce((all, entry) => all + Number(fromUtf8(entry?.value ?? k(''))), 0);
    expect(total).toBe(sum);
    const writes = entries.reduce((all, entry) => all + (entry?.version ?? 0) - 1, 0);
    expect(writes).toBe(2 * moved);
    await cleanup();
  });

  test('a fence that has fallen lets nothing pass, whoever is in the batch', async () => {
    const { store, cleanup } = await make();
    const key = k('active');
    const { revision } = await store.set(key, k('me'));
    const active = store.fenced({ key, createRevision: revision });
    await Promise.all(['a', 'b', 'c'].map((name) => active.set(k(name), k('1'))));
    expect((await active.compareAndSet(k('a'), { modRevision: 0 }, k('2'))).ok).toBe(false);
    const once = { idempotencyKey: 'once' };
    const mine = { if: [], then: [put('d', '1')] };
    const first = await active.transact(mine, once);
    expect(await active.transact(mine, once)).toEqual(first);
    await store.delete(key);
    await store.set(key, k('another'));
    const late = ['a', 'b', 'e'].map((name) =>
      refusal(active.set(k(name), k('2')), 'NODE_DEPOSED'),
    );
    await Promise.all(late);
    await refusal(active.transact(mine, { idempotencyKey: 'twice' }), 'NODE_DEPOSED');
    const { entries } = await store.scan({ prefix: k('') });
    expect(showAll(entries)).toEqual(['a=1', 'active=another', 'b=1', 'c=1', 'd=1']);
    await cleanup();
  });

  storeSuite('the etcd store', make, { movesTime: false });
  storeSuite('a scope of the etcd store', inScope(make), { movesTime: false });
});
