import { utf8 } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { requires } from '../../testkit/needs.ts';
import { k, refusal, valueOf } from '../../testkit/store-fixture.ts';
import { openEtcd } from './etcd-store.ts';

const quotaBytes = 16 * 1_024 * 1_024;
const lookEveryMs = 300_000;
const times = { attemptMs: 10_000, callMs: 30_000 }; // on a machine that tests on all cores

describe.skipIf(!requires('etcd').available)('the upkeep of etcd', () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ quotaBytes });
  });
  afterAll(() => etcd.end());

  test('history is compacted once it is beyond both bounds, whoever noted where it was', async () => {
    const clock = createHandClock();
    const history = { revisions: 20, ms: 2 * lookEveryMs };
    const { endpoints } = etcd;
    const open = () => openEtcd({ endpoints, clock, times, history, prefix: utf8('history/') });
    const { store, keepCompacting } = await open();
    const write = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        await store.set(k('a'), k(String(i)));
      }
    };
    await write(50);
    const first = new AbortController();
    const keeping = keepCompacting(first.signal);
    await expect.poll(() => clock.sleepers, { timeout: 10_000 }).toBe(1);
    const noted = (await store.status()).revision;
    first.abort();
    await keeping;
    await store.close();
    clock.advance(lookEveryMs);
    const other = await open();
    onTestFinished(() => other.store.close());
    const second = new AbortController();
    const goesOn = other.keepCompacting(second.signal);
    await expect.poll(() => clock.sleepers, { timeout: 10_000 }).toBe(1);
    expect((await other.store.status()).compactRevision).toBe(0);
    for (let i = 0; i < 50; i += 1) {
      await other.store.set(k('b'), k(String(i)));
    }
    clock.advance(lookEveryMs);
    const compacted = async () => (await other.store.status()).compactRevision;
    await expect.poll(compacted, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await compacted()).toBeLessThanOrEqual(noted);
    second.abort();
    await goesOn;
  });

  test('over its quota etcd takes no writes, and says so, until there is room again', async () => {
    const clock = createSystemClock();
    const { endpoints } = etcd;
    const { store, defragment, disarm } = await openEtcd({
      endpoints,
      clock,
      times,
      prefix: utf8('full/'),
    });
    onTestFinished(() => store.close());
    await store.set(k('kept'), k('1'));
    const value = new Uint8Array(store.limits.valueBytesMax);
    const fill = async (): Promise<void> => {
      for (let i = 0; ; i += 1) {
        await store.set(k(`big/${i}`), value);
      }
    };
    await refusal(fill(), 'STORE_FULL');
    await refusal(store.set(k('kept'), k('2')), 'STORE_FULL');
    expect(await valueOf(store, 'kept')).toBe('kept=1');
    expect((await store.status()).problem).toMatchObject({ code: 'STORE_FULL' });
    // Deleting needs room too, but not by etcd's count.
    const { revision } = await store.batchWrite([{ delete: { prefix: k('big/') } }]);
    await store.compact(revision);
    // Compaction goes on behind the answer; what it has freed, defragmentation gives back.
    const isSmall = async (): Promise<boolean> => {
      const done = await defragment();
      return done.length === 1 && done.every(({ bytesAfter }) => bytesAfter < quotaBytes / 2);
    };
    await expect.poll(isSmall, { timeout: 30_000 }).toBe(true);
    await disarm();
    await store.set(k('kept'), k('2'));
    expect((await store.status()).problem).toBeUndefined();
    expect(await valueOf(store, 'kept')).toBe('kept=2');
  });
});
