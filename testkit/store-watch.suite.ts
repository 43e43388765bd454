// Watches: every change once, in order, whole; and caches that are filled by list and watch.
import {
  listAndWatch,
  storeLimits,
  type KeyValueStore,
  type ListedOrChanged,
  type WatchBatch,
} from '@hansa/foundation';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import {
  k,
  nextChange,
  nextOf,
  put,
  refusal,
  showAll,
  showEvent,
  type Change,
  type Current,
} from './store-fixture.ts';

// An engine across a network tells its writers before its watchers.
const lateBatches = 256;

/** A signal that aborts when the test is over. */
function whileTesting(): { signal: AbortSignal; stop(): void } {
  const control = new AbortController();
  onTestFinished(() => control.abort());
  return { signal: control.signal, stop: () => control.abort() };
}

function watchPrefix(
  store: KeyValueStore,
  prefix: string,
  from?: number,
): AsyncIterator<WatchBatch> {
  const { signal } = whileTesting();
  const options = from === undefined ? { signal } : { signal, from };
  return store.watch({ prefix: k(prefix) }, options)[Symbol.asyncIterator]();
}

const showBatch = ({ events }: Change): string[] => events.map(showEvent);

export function watchersMissNothing(current: Current): void {
  test('a watch shows what is committed after it was called, in order', async () => {
    const { store } = current();
    await store.set(k('a'), k('0'));
    const watch = watchPrefix(store, '');
    const first = await store.set(k('a'), k('1'));
    await store.delete(k('a'));
    const batch = await nextChange(watch);
    expect(batch.revision).toBe(first.revision);
    expect(showBatch(batch)).toEqual(['a=1']);
    expect(showBatch(await nextChange(watch))).toEqual(['-a']);
    const waiting = nextChange(watch);
    await store.set(k('b'), k('2'));
    expect(showBatch(await waiting)).toEqual(['b=2']);
  });

  test('a revision arrives whole, with only the events of the target', async () => {
    const { store } = current();
    const watch = watchPrefix(store, 'a/');
    await store.batchWrite([put('a/1', '1'), put('b', '1'), put('a/2', '1')]);
    await store.set(k('b'), k('2'));
    await store.batchWrite([put('a/1', '2'), { delete: { key: k('a/2') } }]);
    expect(showBatch(await nextChange(watch))).toEqual(['a/1=1', 'a/2=1']);
    expect(showBatch(await nextChange(watch))).toEqual(['a/1=2', '-a/2']);
  });

  test('a single key is watched without its neighbours', async () => {
    const { store } = current();
    const { signal } = whileTesting();
    const watch = store.watch({ key: k('a') }, { signal })[Symbol.asyncIterator]();
    await store.batchWrite([put('a', '1'), put('aa', '1')]);
    expect(showBatch(await nextChange(watch))).toEqual(['a=1']);
  });

  test('the entry before comes along where it was asked for, now and in what was missed', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('1'));
    const { signal } = whileTesting();
    const options = { signal, prev: true, from: revision };
    const live = store.watch({ prefix: k('') }, options)[Symbol.asyncIterator]();
    expect(await nextOf(live)).toEqual({ progress: revision });
    await store.set(k('a'), k('2'));
    await store.delete(k('a'));
    await store.set(k('a'), k('3'));
    const late = store.watch({ prefix: k('') }, options)[Symbol.asyncIterator]();
    for (const watch of [live, late]) {
      expect(showBatch(await nextChange(watch))).toEqual(['a=2 was 1']);
      expect(showBatch(await nextChange(watch))).toEqual(['-a was 2']);
      expect(showBatch(await nextChange(watch))).toEqual(['a=3']);
    }
  });

  test('a watch resumes after any revision, across 600 of them, without gap or repetition', async () => {
    const { store } = current();
    const { revision } = await store.set(k('start'), k(''));
    const names = Array.from({ length: 600 }, (_, i) => `k${i}`);
    const revisions: number[] = [];
    for (const name of names) {
      // One after the other: what is written at once may share a revision.
      revisions.push((await store.set(k(name), k('1'))).revision);
    }
    for (const skipped of [0, 1, 255, 256, 599]) {
      const from = skipped === 0 ? revision : revisions[skipped - 1];
      const watch = watchPrefix(store, 'k', from);
      const seen: number[] = [];
      while (seen.length < 600 - skipped) {
        seen.push((await nextChange(watch)).revision);
      }
      expect(seen).toEqual(revisions.slice(skipped));
    }
  });

  test('a watcher that has caught up is told so, and again in long silence', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('1'));
    const watch = watchPrefix(store, 'quiet/');
    expect(await nextOf(watch)).toEqual({ progress: revision });
    const marked = nextOf(watch);
    const writes = Array.from({ length: 1_100 }, (_, i) => store.set(k('a'), k(String(i))));
    await Promise.all(writes);
    const mark = await marked;
    expect('progress' in mark && mark.progress).toBeGreaterThan(revision);
  });

  test('a watch ends when its signal aborts, also while it waits', async () => {
    const { store } = current();
    const { signal, stop } = whileTesting();
    const watch = store.watch({ prefix: k('') }, { signal })[Symbol.asyncIterator]();
    await nextOf(watch);
    const waiting = watch.next();
    stop();
    expect((await waiting).done).toBe(true);
    const after = store.watch({ prefix: k('') }, { signal })[Symbol.asyncIterator]();
    expect((await after.next()).done).toBe(true);
  });

  test('a watch from a compacted or a future revision is refused', async () => {
    const { store } = current();
    const first = await store.set(k('a'), k('1'));
    const second = await store.set(k('a'), k('2'));
    const third = await store.set(k('a'), k('3'));
    await store.compact(second.revision);
    await refusal(watchPrefix(store, '', first.revision).next(), 'STORE_COMPACTED');
    const kept = watchPrefix(store, '', second.revision);
    expect(showBatch(await nextChange(kept))).toEqual(['a=3']);
    const future = third.revision + 1_000;
    await refusal(watchPrefix(store, '', future).next(), 'STORE_FUTURE_REVISION');
  });

  test('a watcher that does not read fails with where to resume, and the rest is still there', async () => {
    const { store } = current();
    const watch = watchPrefix(store, '');
    await nextOf(watch);
    const seen = (await store.set(k('first'), k(''))).revision;
    expect((await nextChange(watch)).revision).toBe(seen);
    const count = storeLimits.watchBatchesMax + lateBatches;
    // One key, so that no two of them share a revision.
    await Promise.all(Array.from({ length: count }, (_, i) => store.set(k('k'), k(String(i)))));
    const error = await refusal(watch.next(), 'STORE_WATCH_OVERFLOW');
    expect(error.facts).toMatchObject({ resume: seen });
    const again = watchPrefix(store, '', seen);
    for (let i = 0; i < count; i += 1) {
      await nextChange(again);
    }
  });

  test('list and watch give every entry, then every change after it', async () => {
    const { store } = current();
    await store.batchWrite([put('a/1', '1'), put('a/2', '1'), put('b', '1')]);
    const steps = follow(store, 'a/');
    const listed = await nextOf(steps);
    expect('list' in listed && showAll(listed.list)).toEqual(['a/1=1', 'a/2=1']);
    const { revision } = await store.batchWrite([put('a/1', '2'), put('b', '2')]);
    const changed = await nextOf(steps);
    expect(changed.revision).toBe(revision);
    expect('events' in changed && changed.events.map(showEvent)).toEqual(['a/1=2']);
  });

  test('after an overflow the list comes again, with everything in it', async () => {
    const { store } = current();
    const steps = follow(store, '');
    await nextOf(steps);
    const waiting = nextOf(steps);
    await setImmediate(); // a turn of the loop, in which the reader comes as far as it can
    await store.set(k('a'), k('1'));
    await waiting;
    const writes = Array.from({ length: storeLimits.watchBatchesMax + lateBatches }, (_, i) =>
      store.set(k('a'), k(String(i))),
    );
    await Promise.all(writes);
    const again = await nextOf(steps);
    expect('list' in again && showAll(again.list)).toEqual([`a=${writes.length - 1}`]);
  });
}

function follow(store: KeyValueStore, prefix: string): AsyncIterator<ListedOrChanged> {
  const { signal } = whileTesting();
  return listAndWatch(store, { prefix: k(prefix) }, { signal })[Symbol.asyncIterator]();
}
