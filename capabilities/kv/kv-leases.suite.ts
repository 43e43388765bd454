// What the leases of any Kv must do, wherever it lives. That they end by themselves is tested where
// a test owns the time.
import { expect, test } from 'vitest';
import { leaseTtlSecondsMax, leaseTtlSecondsMin } from './contract.ts';
import type { With } from './kv-watch.suite.ts';

const config = { space: 'config' };
const unknown = { ...config, lease: '0123456789abcdef' };

export function leaseSuite(withConfig: With): void {
  test('what is put under a lease names it, and goes with it as one change', () =>
    withConfig(async (kv) => {
      const { lease, ttlSeconds } = await kv.grantLease({ ...config, ttlSeconds: 60 });
      expect(ttlSeconds).toBe(60);
      await kv.put({ ...config, key: 'a', text: '1', lease });
      await kv.transact({
        ...config,
        if: [],
        then: [{ put: { key: 'b', text: '2', lease } }, { put: { key: 'c', text: '3' } }],
      });
      await kv.compareAndSet({ ...config, key: 'd', text: '4', lease, expect: { version: 0 } });
      await kv.batchWrite({ ...config, ops: [{ put: { key: 'e', text: '5', lease } }] });
      await expect(kv.get({ ...config, key: 'b' })).resolves.toMatchObject({ lease });
      const { revision, entries } = await kv.list(config);
      expect(entries.map((entry) => entry.lease)).toEqual([lease, lease, undefined, lease, lease]);
      await expect(kv.revokeLease({ ...config, lease })).resolves.toEqual({ lease, deleted: 4 });
      const items = kv.watch({ ...config, from: revision })[Symbol.asyncIterator]();
      await expect(items.next()).resolves.toMatchObject({
        value: { events: ['a', 'b', 'd', 'e'].map((key) => ({ type: 'delete', key })) },
      });
      await items.return?.();
      const left = await kv.list(config);
      expect(left.entries.map(({ key }) => key)).toEqual(['c']);
    }));

  test('a key that was written again without the lease, or deleted, does not go with it', () =>
    withConfig(async (kv) => {
      const { lease } = await kv.grantLease({ ...config, ttlSeconds: 60 });
      const other = await kv.grantLease({ ...config, ttlSeconds: 60 });
      for (const key of ['kept', 'moved', 'again', 'gone']) {
        await kv.put({ ...config, key, text: '1', lease });
      }
      await kv.put({ ...config, key: 'kept', text: '2' });
      await kv.put({ ...config, key: 'moved', text: '2', lease: other.lease });
      await kv.delete({ ...config, key: 'gone' });
      await kv.put({ ...config, key: 'again', text: '2', lease });
      const shown = await kv.showLease({ ...config, lease });
      expect(shown.keys).toEqual(['again']);
      await expect(kv.revokeLease({ ...config, lease })).resolves.toMatchObject({ deleted: 1 });
      const { entries } = await kv.list(config);
      expect(entries).toMatchObject([{ key: 'kept' }, { key: 'moved', lease: other.lease }]);
    }));

  test('leases are listed and shown with the time they have, and kept', () =>
    withConfig(async (kv) => {
      await expect(kv.leases(config)).resolves.toEqual({ leases: [] });
      const first = await kv.grantLease({ ...config, ttlSeconds: leaseTtlSecondsMin });
      const second = await kv.grantLease({ ...config, ttlSeconds: leaseTtlSecondsMax });
      const { leases } = await kv.leases(config);
      expect(leases.map(({ lease }) => lease).toSorted()).toEqual(
        [first.lease, second.lease].toSorted(),
      );
      const shown = await kv.showLease({ ...config, lease: second.lease });
      expect(shown).toMatchObject({ ttlSeconds: leaseTtlSecondsMax, keys: [] });
      expect(shown.leftSeconds).toBeGreaterThan(leaseTtlSecondsMax - 60);
      const kept = await kv.keepLease({ ...config, lease: first.lease });
      expect(kept).toEqual({ lease: first.lease, ttlSeconds: leaseTtlSecondsMin });
    }));

  test('one that is not there, or has ended, is LEASE_NOT_FOUND, and nothing is written', () =>
    withConfig(async (kv) => {
      const notFound = { code: 'LEASE_NOT_FOUND' };
      const { lease } = await kv.grantLease({ ...config, ttlSeconds: 60 });
      await kv.revokeLease({ ...config, lease });
      for (const each of [unknown, { ...config, lease }]) {
        await expect(kv.keepLease(each)).rejects.toMatchObject(notFound);
        await expect(kv.showLease(each)).rejects.toMatchObject(notFound);
        await expect(kv.revokeLease(each)).rejects.toMatchObject(notFound);
        const put = kv.put({ ...each, key: 'a', text: '' });
        await expect(put).rejects.toMatchObject(notFound);
        const ops = [
          { put: { key: 'a', text: '' } },
          { put: { key: 'b', text: '', lease: each.lease } },
        ];
        const write = kv.batchWrite({ ...config, ops });
        await expect(write).rejects.toMatchObject(notFound);
      }
      await expect(kv.list(config)).resolves.toMatchObject({ entries: [] });
    }));

  test('a time outside its bounds, and the lease of another space, are refused', () =>
    withConfig(async (kv) => {
      const invalid = { code: 'INPUT_INVALID' };
      for (const ttlSeconds of [leaseTtlSecondsMin - 1, leaseTtlSecondsMax + 1, 7.5]) {
        await expect(kv.grantLease({ ...config, ttlSeconds })).rejects.toMatchObject(invalid);
      }
      await kv.create({ name: 'other' });
      const { lease } = await kv.grantLease({ space: 'other', ttlSeconds: 60 });
      const put = kv.put({ ...config, key: 'a', text: '', lease });
      await expect(put).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
    }));

  test('a mirror has no leases: they are its owner’s', () =>
    withConfig(async (kv) => {
      const mirror = { space: 'bergen:config' };
      const refused = { code: 'RESOURCE_READ_ONLY' };
      await expect(kv.grantLease({ ...mirror, ttlSeconds: 60 })).rejects.toMatchObject(refused);
      await expect(kv.leases(mirror)).rejects.toMatchObject(refused);
      const put = kv.put({ ...mirror, key: 'a', text: '', lease: unknown.lease });
      await expect(put).rejects.toMatchObject(refused);
    }));

  test('goes with its space: one made again under the name has none', () =>
    withConfig(async (kv) => {
      const { lease } = await kv.grantLease({ ...config, ttlSeconds: 60 });
      await kv.put({ ...config, key: 'a', text: '', lease });
      await kv.remove(config);
      await kv.create({ name: 'config' });
      await expect(kv.leases(config)).resolves.toEqual({ leases: [] });
      const keep = kv.keepLease({ ...config, lease });
      await expect(keep).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
    }));
}
