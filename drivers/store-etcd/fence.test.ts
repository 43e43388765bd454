import { utf8 } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { openEtcd } from './etcd-store.ts';

const power = utf8('power');
const key = utf8('key');
const other = utf8('other');

describe.skipIf(!requires('etcd').available)('a fence', () => {
  let etcd: EtcdCluster;

  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.end());

  const open = async () =>
    (await openEtcd({ endpoints: etcd.endpoints, clock: createSystemClock() })).store;

  test('lets everything through while it stands, and nothing once the key was made anew', async () => {
    const store = await open();
    const { revision } = await store.set(power, utf8('n1'));
    const fenced = store.fenced({ key: power, createRevision: revision });
    await fenced.set(key, utf8('1'));
    expect((await fenced.compareAndSet(key, { modRevision: 0 }, utf8('x'))).ok).toBe(false);
    await store.set(power, utf8('still n1'));
    await fenced.set(key, utf8('2'));
    await store.delete(power);
    await store.set(power, utf8('n2'));
    const before = (await store.get(key)).revision;
    for (const write of [
      () => fenced.set(key, utf8('3')),
      () => fenced.delete(key),
      () => fenced.compareAndDelete(key, { modRevision: 1 }),
      () => fenced.batchWrite([{ put: { key: other, value: utf8('3') } }]),
      // A branch for when comparisons fail is no way around it.
      () =>
        fenced.transact({
          if: [{ key: other, target: 'version', op: '>', operand: 7 }],
          then: [],
          else: [{ put: { key: other, value: utf8('3') } }],
        }),
      () =>
        fenced.transact(
          { if: [], then: [{ put: { key: other, value: utf8('3') } }] },
          { idempotencyKey: 'once' },
        ),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'NODE_DEPOSED' });
    }
    const after = await store.get(key);
    expect(after.entry?.value).toEqual(utf8('2'));
    expect((await store.get(other)).entry).toBeNull();
    expect(after.revision).toBe(before);
    await store.close();
  });

  test('holds for each of many that wait together', async () => {
    const store = await open();
    await store.delete(power);
    const { revision } = await store.set(power, utf8('n3'));
    const fenced = store.fenced({ key: power, createRevision: revision });
    const writes = Array.from({ length: 64 }, (_, at) => fenced.set(utf8(`many-${at}`), utf8('1')));
    await Promise.all(writes);
    const stale = store.fenced({ key: power, createRevision: revision - 1 });
    const mixed = await Promise.allSettled([
      fenced.set(utf8('mixed-1'), utf8('1')),
      stale.set(utf8('mixed-2'), utf8('1')),
      fenced.set(utf8('mixed-3'), utf8('1')),
    ]);
    expect(mixed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await store.close();
  });
});
