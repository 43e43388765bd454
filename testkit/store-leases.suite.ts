// Leases: keys that go away with whoever held them, never early.
import { expect, onTestFinished, test } from 'vitest';
import {
  k,
  movedTime,
  nextChange,
  put,
  refusal,
  showEvent,
  valueOf,
  type Change,
  type Current,
} from './store-fixture.ts';

async function nextDeletion(current: Current): Promise<() => Promise<Change>> {
  const control = new AbortController();
  onTestFinished(() => control.abort());
  const { store } = current();
  const watch = store.watch({ prefix: k('') }, { signal: control.signal })[Symbol.asyncIterator]();
  return async () => {
    for (;;) {
      const batch = await nextChange(watch);
      if (batch.events.some(({ type }) => type === 'delete')) {
        return batch;
      }
    }
  };
}

export function leasesEnd(current: Current, { movesTime }: { readonly movesTime: boolean }): void {
  const onMovedTime = movedTime(current, movesTime);
  test('keys of a lease are listed, and deleted in one revision when it is revoked', async () => {
    const { store } = current();
    const { id, ttlSeconds } = await store.leaseGrant(60);
    expect(ttlSeconds).toBe(60);
    await store.batchWrite([put('b', '1', id), put('a', '1', id), put('c', '1')]);
    expect((await store.get(k('a'))).entry).toMatchObject({ lease: id });
    const { keys, ttlSeconds: left } = await store.leaseTimeToLive(id);
    expect(keys).toEqual([k('a'), k('b')]);
    expect(left).toBeGreaterThan(50);
    const deletion = await nextDeletion(current);
    await store.leaseRevoke(id);
    const batch = await deletion();
    expect(batch.events.map(showEvent).toSorted()).toEqual(['-a', '-b']);
    expect(await valueOf(store, 'c')).toBe('c=1');
    await refusal(store.leaseRevoke(id), 'STORE_LEASE_NOT_FOUND');
    await refusal(store.leaseKeepAlive(id), 'STORE_LEASE_NOT_FOUND');
    await refusal(store.leaseTimeToLive(id), 'STORE_LEASE_NOT_FOUND');
  });

  test('a put without the lease, or a delete, takes the key out of it', async () => {
    const { store } = current();
    const { id } = await store.leaseGrant(60);
    const other = await store.leaseGrant(60);
    await store.batchWrite(['a', 'b', 'c', 'd'].map((name) => put(name, '1', id)));
    await store.batchWrite([
      put('a', '2'),
      { delete: { key: k('b') } },
      put('c', '2', other.id),
      put('d', '2', id),
    ]);
    expect((await store.leaseTimeToLive(id)).keys).toEqual([k('d')]);
    expect((await store.leaseTimeToLive(other.id)).keys).toEqual([k('c')]);
    await store.leaseRevoke(id);
    expect(await valueOf(store, 'a')).toBe('a=2');
    expect(await valueOf(store, 'c')).toBe('c=2');
    expect(await valueOf(store, 'd')).toBe('absent');
  });

  test('a lease that nobody renews expires, and its keys with it', async () => {
    const { store, clock } = current();
    const { id } = await store.leaseGrant(5);
    await store.set(k('a'), k('1'), { lease: id });
    const deletion = await nextDeletion(current);
    clock?.advance(5_000);
    expect((await deletion()).events.map(showEvent)).toEqual(['-a']);
    await refusal(store.set(k('b'), k('1'), { lease: id }), 'STORE_LEASE_NOT_FOUND');
  });

  onMovedTime('a lease never ends early, and lives on as long as it is renewed', async (clock) => {
    const { store } = current();
    const { id } = await store.leaseGrant(10);
    await store.set(k('a'), k('1'), { lease: id });
    for (let i = 0; i < 5; i += 1) {
      clock.advance(9_999);
      expect(await store.leaseKeepAlive(id)).toEqual({ ttlSeconds: 10 });
    }
    clock.advance(9_999);
    await store.set(k('b'), k('1')); // a write behind any expiry that had begun
    expect(await valueOf(store, 'a')).toBe('a=1');
    expect((await store.leaseTimeToLive(id)).ttlSeconds).toBe(1);
    const deletion = await nextDeletion(current);
    clock.advance(1);
    await refusal(store.leaseKeepAlive(id), 'STORE_LEASE_NOT_FOUND');
    await deletion();
  });

  onMovedTime('a hundred leases expire each for itself', async (clock) => {
    const { store } = current();
    const granted = await Promise.all(
      Array.from({ length: 100 }, (_, i) => store.leaseGrant(10 + (i % 2) * 100)),
    );
    expect(new Set(granted.map(({ id }) => id)).size).toBe(100);
    const deletion = await nextDeletion(current);
    await Promise.all(granted.map(({ id }, i) => store.set(k(`k${i}`), k('1'), { lease: id })));
    clock.advance(10_000);
    for (let i = 0; i < 50; i += 1) {
      expect((await deletion()).events).toHaveLength(1);
    }
    expect((await store.scan({ prefix: k('k') })).entries).toHaveLength(50);
  });

  test('a lease of less than five seconds, or of part of one, is refused', async () => {
    const { store } = current();
    for (const ttl of [0, 4, -1, 5.5, Number.NaN]) {
      await refusal(store.leaseGrant(ttl), 'STORE_LIMIT');
    }
  });

  test('a lease that never was cannot hold a key', async () => {
    const { store } = current();
    await refusal(store.set(k('a'), k('1'), { lease: 'none' }), 'STORE_LEASE_NOT_FOUND');
    await refusal(store.leaseRevoke('none'), 'STORE_LEASE_NOT_FOUND');
  });
}
