import { raiseStore } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { storeSuite } from '../../testkit/store.suite.ts';
import { k, put, refusal, valueOf, type StoreFixture } from '../../testkit/store-fixture.ts';
import { createMemoryStore } from './memory-store.ts';

const base = 1_790_000_000_000_000;

async function make(): Promise<StoreFixture> {
  const clock = createHandClock();
  const store = raiseStore(createMemoryStore({ clock }), base);
  return { store, clock, cleanup: () => store.close() };
}

storeSuite('a raised memory store', make);

test('revisions go on above the base, and those up to it are no longer kept', async () => {
  const { store } = await make();
  const { revision } = await store.set(k('a'), k('1'));
  expect(revision).toBeGreaterThan(base);
  const { entry } = await store.get(k('a'));
  expect(entry?.modRevision).toBe(revision);
  await refusal(store.get(k('a'), { revision: base - 1 }), 'STORE_COMPACTED');
});

test.each([
  { op: '=', succeeds: false },
  { op: '!=', succeeds: true },
  { op: '>', succeeds: true },
  { op: '<', succeeds: false },
] as const)(
  'an entry compared with a revision of before the copy ($op)',
  async ({ op, succeeds }) => {
    const { store } = await make();
    await store.set(k('a'), k('1'));
    const compare = { key: k('a'), target: 'modRevision', op, operand: 7 } as const;
    const done = await store.transact({ if: [compare], then: [put('a', '2')] });
    expect(done.succeeded).toBe(succeeds);
    expect(await valueOf(store, 'a')).toBe(succeeds ? 'a=2' : 'a=1');
  },
);

test('a swap that expects a revision of before the copy is refused, and shows what is there', async () => {
  const { store } = await make();
  await store.set(k('a'), k('1'));
  const swap = await store.compareAndSet(k('a'), { modRevision: 7 }, k('2'));
  expect(swap).toMatchObject({ ok: false, current: { value: k('1') } });
  expect(await store.compareAndDelete(k('a'), { modRevision: 7 })).toMatchObject({ ok: false });
});
