// What the store's suites are given, and the few words they are written in.
import {
  fromUtf8,
  utf8,
  type Entry,
  type ErrorCode,
  type HansaError,
  type KeyValueStore,
  type Op,
  type WatchBatch,
  type WatchEvent,
} from '@hansa/foundation';
import { expect, test } from 'vitest';

export interface StoreFixture {
  readonly store: KeyValueStore;
  /**
   * Moves the store's time; without it, time passes by itself and tests of exact times are left
   * out.
   */
  readonly clock?: { advance(ms: number): void };
  cleanup(): Promise<void>;
}

export type MakeStore = () => Promise<StoreFixture>;

/** The fixture of the running test. */
export type Current = () => StoreFixture;

type MovedClock = NonNullable<StoreFixture['clock']>;

/** Tests of exact times: there are none where time is the engine's own. */
export function movedTime(
  current: Current,
  movesTime: boolean,
): (title: string, run: (clock: MovedClock) => Promise<void>) => void {
  const tried = (title: string, run: (clock: MovedClock) => Promise<void>): void =>
    test(title, async () => {
      const { clock } = current();
      if (clock === undefined) {
        expect.fail('the fixture moves no time');
      }
      await run(clock);
    });
  return movesTime ? tried : () => undefined;
}

export const k = utf8;

export function put(key: string, value: string, lease?: string): Op {
  const bytes = { key: k(key), value: k(value) };
  return { put: lease === undefined ? bytes : { ...bytes, lease } };
}

export function show(entry: Entry | null | undefined): string {
  return entry === null || entry === undefined
    ? 'absent'
    : `${fromUtf8(entry.key)}=${fromUtf8(entry.value)}`;
}

export function showAll(entries: readonly (Entry | null)[]): string[] {
  return entries.map(show);
}

export function showEvent(event: WatchEvent): string {
  const before = event.prev === undefined ? '' : ` was ${fromUtf8(event.prev.value)}`;
  return event.entry === null
    ? `-${fromUtf8(event.key)}${before}`
    : `${show(event.entry)}${before}`;
}

export async function valueOf(store: KeyValueStore, key: string): Promise<string> {
  return show((await store.get(k(key))).entry);
}

/** The error a promise ends with, whose code must be this one. */
export async function refusal(work: Promise<unknown>, code: ErrorCode): Promise<HansaError> {
  const error: unknown = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toMatchObject({ code });
  // The line above has looked at it.
  return error as HansaError;
}

export async function nextOf<T>(iterator: AsyncIterator<T>): Promise<T> {
  const { done, value } = await iterator.next();
  expect(done ?? false).toBe(false);
  return value;
}

export type Change = Extract<WatchBatch, { events: unknown }>;

/** The next batch that is not a mark. */
export async function nextChange(iterator: AsyncIterator<WatchBatch>): Promise<Change> {
  for (;;) {
    const batch = await nextOf(iterator);
    if ('events' in batch) {
      return batch;
    }
  }
}
