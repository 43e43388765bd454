// What any Greeting must do, wherever it lives.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Greeting } from './contract.ts';

export function greetingSuite({ name: road, make }: Road<Greeting>): void {
  describe(`greeting ${road}`, () => {
    const withGreeting = async (act: (greeting: Greeting) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('somebody who is met again is greeted as such', () =>
      withGreeting(async (greeting) => {
        await expect(greeting.greet({ name: 'Ada' })).resolves.toEqual({
          name: 'Ada',
          words: 'Hello, Ada.',
          count: 1,
        });
        await expect(greeting.greet({ name: 'Ada' })).resolves.toMatchObject({
          words: 'Hello again, Ada.',
          count: 2,
        });
      }));

    test('greetings given at the same time are all counted', () =>
      withGreeting(async (greeting) => {
        const names = Array.from({ length: 50 }, () => 'Ada');
        const all = await Promise.all(names.map((name) => greeting.greet({ name })));
        const counts = all.map(({ count }) => count).toSorted((a, b) => a - b);
        expect(counts).toEqual(names.map((_, index) => index + 1));
      }));

    test('a watcher sees the last greeting of every name, then each new one', () =>
      withGreeting(async (greeting) => {
        await greeting.greet({ name: 'Ada' });
        await greeting.greet({ name: 'Ada' });
        const items = greeting.greetings({})[Symbol.asyncIterator]();
        await expect(items.next()).resolves.toMatchObject({ value: { name: 'Ada', count: 2 } });
        const next = items.next();
        await greeting.greet({ name: 'Bob' });
        await expect(next).resolves.toMatchObject({ value: { name: 'Bob', count: 1 } });
        await items.return?.();
      }));

    test('a watcher leaves while nobody is greeted', () =>
      withGreeting(async (greeting) => {
        const stop = new AbortController();
        const items = greeting.greetings({}, { signal: stop.signal })[Symbol.asyncIterator]();
        const next = items.next();
        stop.abort();
        await expect(next).rejects.toMatchObject({ code: 'CANCELLED' });
      }));

    test.each([
      ['an empty name', '  '],
      ['a name without end', 'a'.repeat(129)],
      ['a name that rings the bell of a terminal', 'Ada\u0007'],
    ])('%s is INPUT_INVALID', (_, name) =>
      withGreeting(async (greeting) => {
        await expect(greeting.greet({ name })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
    );
  });
}
