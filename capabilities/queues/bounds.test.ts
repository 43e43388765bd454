import { expect, test } from 'vitest';
import {
  attemptsMost,
  dedupSecondsMax,
  itemTtlSecondsMax,
  pushBytesMax,
  pushItemsMax,
  queueContract,
  visibilitySecondsMax,
  visibilitySecondsMin,
} from './contract.ts';

const passes = (settings: object) =>
  queueContract.methods.create.input.safeParse({ queue: 'q', settings }).success;

test.each([
  ['a visibility timeout', 'visibilitySeconds', visibilitySecondsMin, visibilitySecondsMax],
  ['the memory of ids', 'dedupSeconds', visibilitySecondsMin, dedupSecondsMax],
  ['the life of items', 'ttlSeconds', visibilitySecondsMin, itemTtlSecondsMax],
  ['attempts', 'attemptsMax', 1, attemptsMost],
])('%s has a least and a most', (_, setting, least, most) => {
  const of = (value: number) => passes({ [setting]: value });
  expect([of(least - 1), of(least), of(most), of(most + 1)]).toEqual([false, true, true, false]);
});

test('a push of all that it may hold fits one transaction of a store', () => {
  // What one byte more becomes is tried with the queues themselves.
  expect(pushBytesMax).toBeLessThanOrEqual(512 * 1_024);
  expect(pushItemsMax * 4).toBeLessThan(100);
});
