import type { KeyValueStore } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { inScope, storeSuite } from '../../testkit/store.suite.ts';
import { k, valueOf, type StoreFixture } from '../../testkit/store-fixture.ts';
import { MemoryShelf } from './memory-shelf.ts';
import { createMemoryStore } from './memory-store.ts';

async function make(): Promise<StoreFixture> {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  return { store, clock, cleanup: () => store.close() };
}

storeSuite('the memory store', make);
storeSuite('a scope of the memory store', inScope(make));

/**
 * Microtasks until the promise settles; a store that waited for the world would never come back.
 */
async function turnsOf(work: Promise<unknown>): Promise<number> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  work.then(settle, settle);
  let turns = 0;
  while (!settled && turns < 1_000) {
    turns += 1;
    await Promise.resolve();
  }
  return turns;
}

test('everything resolves by microtasks alone, so that a simulation owns time', async () => {
  const clock = createHandClock();
  const store: KeyValueStore = createMemoryStore({ clock });
  const { id } = await store.leaseGrant(5);
  expect(await turnsOf(store.set(k('a'), k('1'), { lease: id }))).toBeLessThan(20);
  expect(await turnsOf(store.compact(1))).toBeLessThan(20);
  const { signal } = new AbortController();
  const watch = store.watch({ prefix: k('') }, { signal })[Symbol.asyncIterator]();
  expect(await turnsOf(watch.next())).toBeLessThan(20);
  clock.advance(5_000);
  expect(await turnsOf(watch.next())).toBeLessThan(100);
  expect(await valueOf(store, 'a')).toBe('absent');
});

test('history is kept by age and by count, and forgotten beyond both', async () => {
  const clock = createHandClock();
  const store = createMemoryStore({ clock, history: { revisions: 2_000, ms: 60_000 } });
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      await store.set(k('a'), k(String(i)));
    }
  };
  await write(5_000);
  expect((await store.status()).compactRevision).toBe(0);
  clock.advance(60_001);
  await write(2_000);
  const { compactRevision, revision } = await store.status();
  expect(revision - compactRevision).toBeGreaterThanOrEqual(2_000);
  expect(revision - compactRevision).toBeLessThan(3_100);
});

test('a copy of a shelf is what stood there then, with its revisions, leases and history', async () => {
  const clock = createHandClock();
  const shelf = new MemoryShelf();
  const store = createMemoryStore({ clock, shelf });
  const { id } = await store.leaseGrant(5);
  await store.set(k('a'), k('1'));
  const { revision } = await store.set(k('b'), k('1'), { lease: id });
  const copy = shelf.copy();
  await store.set(k('a'), k('2'));
  await store.delete(k('b'));
  await store.set(k('c'), k('1'));
  const restored = createMemoryStore({ clock, shelf: copy });
  expect((await restored.status()).revision).toBe(revision);
  expect([await valueOf(restored, 'a'), await valueOf(restored, 'b')]).toEqual(['a=1', 'b=1']);
  expect(await valueOf(restored, 'c')).toBe('absent');
  const before = await restored.get(k('a'), { revision: revision - 1 });
  expect(before.entry?.modRevision).toBe(revision - 1);
  expect(await restored.set(k('c'), k('2'))).toEqual({ revision: revision + 1 });
  await restored.leaseRevoke(id);
  expect(await valueOf(restored, 'b')).toBe('absent');
  expect(await valueOf(store, 'c')).toBe('c=1');
});
