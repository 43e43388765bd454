import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { k, nextOf, put, refusal, showAll, showEvent } from '../../testkit/store-fixture.ts';
import type { ErrorCode } from '../error-codes.ts';
import { HansaError } from '../errors.ts';
import { listAndWatch, type ListedOrChanged } from './list-and-watch.ts';
import type { KeyValueStore } from './store.ts';

function show(step: ListedOrChanged): string[] {
  return 'list' in step ? ['list', ...showAll(step.list)] : step.events.map(showEvent);
}

/** The store, but its next watches or scans fail with these codes. */
function failing(
  store: KeyValueStore,
  method: 'watch' | 'scan',
  codes: readonly ErrorCode[],
): KeyValueStore {
  const left = [...codes];
  return new Proxy(store, {
    get(target, name) {
      const code = name === method ? left.shift() : undefined;
      if (code === undefined) {
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      }
      const fail = (): Promise<never> => Promise.reject(new HansaError(code, 'not now'));
      return method === 'scan' ? fail : () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) });
    },
  });
}

describe('list and watch', () => {
  let clock: HandClock;
  let store: KeyValueStore;
  let control: AbortController;
  beforeEach(async () => {
    clock = createHandClock();
    store = createMemoryStore({ clock });
    control = new AbortController();
    await store.set(k('a'), k('1'));
  });
  const follow = (
    on: KeyValueStore,
    options: { clock?: HandClock } = {},
  ): AsyncGenerator<ListedOrChanged> =>
    listAndWatch(on, { prefix: k('') }, { signal: control.signal, ...options });

  test('lists in pages, all of the revision it then watches from', async () => {
    for (let first = 0; first < 2_500; first += 100) {
      await store.batchWrite(
        Array.from({ length: 100 }, (_, i) => put(`k${first + i}`, String(i))),
      );
    }
    const steps = follow(store);
    const listed = await nextOf(steps);
    expect('list' in listed && listed.list.length).toBe(2_501);
    const { revision } = await store.set(k('a'), k('2'));
    expect(await nextOf(steps)).toMatchObject({ revision });
  });

  test('lists anew where what it missed was compacted', async () => {
    const steps = follow(failing(store, 'watch', ['STORE_COMPACTED']));
    expect(show(await nextOf(steps))).toEqual(['list', 'a=1']);
    await store.set(k('a'), k('2'));
    expect(show(await nextOf(steps))).toEqual(['list', 'a=2']);
    await store.set(k('a'), k('3'));
    expect(show(await nextOf(steps))).toEqual(['a=3']);
  });

  test('lists anew where a page of its list was compacted', async () => {
    const steps = follow(failing(store, 'scan', ['STORE_COMPACTED']));
    expect(show(await nextOf(steps))).toEqual(['list', 'a=1']);
  });

  test('resumes, without a list, where the store was unavailable', async () => {
    const unavailable = failing(store, 'watch', ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
    const steps = follow(unavailable);
    await nextOf(steps);
    await store.set(k('a'), k('2'));
    expect(show(await nextOf(steps))).toEqual(['a=2']);
  });

  test('without a clock gives up on a store that stays unavailable', async () => {
    const codes = Array.from({ length: 9 }, (): ErrorCode => 'STORE_UNAVAILABLE');
    await refusal(follow(failing(store, 'scan', codes)).next(), 'STORE_UNAVAILABLE');
  });

  test('with a clock waits ever longer, until the store is back', async () => {
    const codes = Array.from({ length: 9 }, (): ErrorCode => 'STORE_UNAVAILABLE');
    const step = nextOf(follow(failing(store, 'scan', codes), { clock }));
    // The first failure is tried again at once, each of the others after a pause.
    for (let pause = 0; pause < codes.length - 1; pause += 1) {
      await expect.poll(() => clock.sleepers, { interval: 1, timeout: 10_000 }).toBe(1);
      clock.advance(5_000);
    }
    expect(show(await step)).toEqual(['list', 'a=1']);
  });

  test('ends when its signal aborts, also in a pause', async () => {
    const codes = Array.from({ length: 9 }, (): ErrorCode => 'STORE_UNAVAILABLE');
    const waiting = follow(failing(store, 'scan', codes), { clock }).next();
    await expect.poll(() => clock.sleepers, { interval: 1, timeout: 10_000 }).toBe(1);
    control.abort();
    expect((await waiting).done).toBe(true);
  });

  test('passes on what it cannot mend', async () => {
    const steps = follow(failing(store, 'watch', ['STORE_DAMAGED']));
    await nextOf(steps);
    await refusal(steps.next(), 'STORE_DAMAGED');
    await store.close();
    await refusal(follow(store).next(), 'SHUTTING_DOWN');
  });
});
