// What any Counters must do, wherever it lives.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Counters } from './contract.ts';

const most = Number.MAX_SAFE_INTEGER;

export function countersSuite({ name: road, make }: Road<Counters>): void {
  describe(`counters ${road}`, () => {
    const withCounters = async (act: (counters: Counters) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const name = 'visits';

    test('a counter begins at zero, and is added to and subtracted from', () =>
      withCounters(async (counters) => {
        await expect(counters.show({ name })).resolves.toEqual({ name, value: 0 });
        await expect(counters.add({ name, by: 5 })).resolves.toEqual({ name, value: 5 });
        await expect(counters.add({ name, by: -7 })).resolves.toEqual({ name, value: -2 });
        await expect(counters.subtract({ name, by: 1 })).resolves.toEqual({
          name,
          value: -3,
          taken: 1,
        });
        await expect(counters.set({ name, value: 9 })).resolves.toEqual({ name, value: 9 });
        await expect(counters.reset({ name })).resolves.toEqual({ name, value: 9 });
        await expect(counters.show({ name })).resolves.toEqual({ name, value: 0 });
      }));

    test('what is subtracted may stop at zero; the answer says how much was there', () =>
      withCounters(async (counters) => {
        await counters.set({ name, value: 3 });
        const take = { name, by: 5, stopAtZero: true };
        await expect(counters.subtract(take)).resolves.toEqual({ name, value: 0, taken: 3 });
        await expect(counters.subtract(take)).resolves.toEqual({ name, value: 0, taken: 0 });
      }));

    test('a counter is set only where it is what was expected', () =>
      withCounters(async (counters) => {
        const swap = { name, expect: 0, value: 4 };
        await expect(counters.compareAndSet(swap)).resolves.toEqual({
          name,
          value: 4,
          swapped: true,
        });
        await expect(counters.compareAndSet(swap)).resolves.toEqual({
          name,
          value: 4,
          swapped: false,
        });
      }));

    test('callers at the same time are all counted', () =>
      withCounters(async (counters) => {
        const adds = Array.from({ length: 100 }, () => counters.add({ name, by: 1 }));
        const values = (await Promise.all(adds)).map(({ value }) => value);
        expect(values.toSorted((a, b) => a - b)).toEqual(adds.map((_, index) => index + 1));
      }));

    test('what is asked once is done once, and answered alike', () =>
      withCounters(async (counters) => {
        const once = { name, by: 2, once: 'order-1' };
        const both = await Promise.all([counters.add(once), counters.add(once)]);
        expect(both).toEqual([
          { name, value: 2 },
          { name, value: 2 },
        ]);
        await counters.add({ name, by: 1 });
        await expect(counters.add(once)).resolves.toEqual({ name, value: 2 });
        await expect(counters.show({ name })).resolves.toEqual({ name, value: 3 });
      }));

    test('a change out of the range changes nothing', () =>
      withCounters(async (counters) => {
        await counters.set({ name, value: most });
        const beyond = { code: 'COUNTER_RANGE' };
        await expect(counters.add({ name, by: 1 })).rejects.toMatchObject(beyond);
        await counters.set({ name, value: -most });
        await expect(counters.subtract({ name, by: 1 })).rejects.toMatchObject(beyond);
        await expect(counters.show({ name })).resolves.toEqual({ name, value: -most });
      }));

    test('counters that are not zero are listed by pages', () =>
      withCounters(async (counters) => {
        for (const each of ['c', 'a', 'zero', 'b']) {
          await counters.add({ name: each, by: 1 });
        }
        await counters.reset({ name: 'zero' });
        const first = await counters.list({ limit: 2 });
        expect(first.counters.map((each) => each.name)).toEqual(['a', 'b']);
        const rest = await counters.list({ limit: 2, after: first.next });
        expect(rest.counters.map((each) => each.name)).toEqual(['c']);
      }));
  });
}
