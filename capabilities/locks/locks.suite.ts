// What any Locks must do, wherever it lives. Waits are short: roads have a real clock.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { lockSetMax, type Locks } from './contract.ts';

export function locksSuite({ name: road, make }: Road<Locks>): void {
  describe(`locks ${road}`, () => {
    const withLocks = async (act: (locks: Locks) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const at = (name: string, holder: string, waitMs = 0) => ({ names: [name], holder, waitMs });

    test('a lock is acquired once; the refusal says who holds it', () =>
      withLocks(async (locks) => {
        const hold = await locks.acquire(at('deploy', 'anna'));
        expect(hold).toEqual({
          holder: 'anna',
          locks: [{ name: 'deploy', token: 1 }],
          ttlSeconds: 30,
        });
        await expect(locks.acquire(at('deploy', 'bob'))).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
          facts: { name: 'deploy', holder: 'anna', token: 1 },
        });
        await expect(locks.show({ name: 'deploy' })).resolves.toMatchObject({
          lastToken: 1,
          holders: [{ holder: 'anna', token: 1, shared: false, ttlSeconds: 30 }],
          waiting: [],
        });
      }));

    test('tokens rise with every hold, also after the name was forgotten', () =>
      withLocks(async (locks) => {
        const tokens: number[] = [];
        for (const holder of ['anna', 'bob', 'anna']) {
          const { locks: held } = await locks.acquire(at('a', holder));
          tokens.push(held[0]?.token ?? 0);
          await locks.release({ locks: held });
        }
        await locks.forget({ name: 'a' });
        await expect(locks.show({ name: 'a' })).resolves.toMatchObject({ lastToken: 0 });
        const { locks: again } = await locks.acquire(at('a', 'anna'));
        tokens.push(again[0]?.token ?? 0);
        expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
        expect(new Set(tokens).size).toBe(4);
      }));

    test('who waits is let in when the lock is released, in the order of coming', () =>
      withLocks(async (locks) => {
        const first = await locks.acquire(at('a', 'anna'));
        const order: string[] = [];
        const waiting = ['bob', 'carl', 'dora'].map(async (holder, index) => {
          await untilWaiting(locks, 'a', index);
          const hold = await locks.acquire(at('a', holder, 20_000));
          order.push(holder);
          await locks.release({ locks: hold.locks });
        });
        await untilWaiting(locks, 'a', 3);
        await locks.release({ locks: first.locks });
        await Promise.all(waiting);
        expect(order).toEqual(['bob', 'carl', 'dora']);
      }));

    test('a hold is renewed and released by its token, and by no other', () =>
      withLocks(async (locks) => {
        const { locks: held } = await locks.acquire({ ...at('a', 'anna'), ttlSeconds: 5 });
        await expect(locks.renew({ locks: held })).resolves.toEqual({ ttlSeconds: 5 });
        await expect(locks.renew({ locks: held })).resolves.toEqual({ ttlSeconds: 5 });
        const stale = [{ name: 'a', token: 99 }];
        await expect(locks.renew({ locks: stale })).rejects.toMatchObject(lost);
        await expect(locks.release({ locks: stale })).rejects.toMatchObject(lost);
        await expect(locks.release({ locks: held })).resolves.toEqual({ released: held });
        await expect(locks.release({ locks: held })).rejects.toMatchObject(lost);
        await expect(locks.renew({ locks: held })).rejects.toMatchObject(lost);
      }));

    test('asked again by the same holder, a hold is the same hold', () =>
      withLocks(async (locks) => {
        const hold = await locks.acquire(at('a', 'anna'));
        await expect(locks.acquire(at('a', 'anna'))).resolves.toEqual(hold);
        await expect(
          locks.acquire({ ...at('a', 'anna'), names: ['a', 'b'] }),
        ).rejects.toMatchObject({ code: 'CONFLICT' });
        await expect(locks.acquire({ ...at('a', 'anna'), shared: true })).rejects.toMatchObject({
          code: 'CONFLICT',
        });
      }));

    test('a set is acquired whole or not at all', () =>
      withLocks(async (locks) => {
        const { locks: held } = await locks.acquire(at('b', 'bob'));
        const set = { names: ['c', 'a', 'b'], holder: 'anna', waitMs: 0 };
        await expect(locks.acquire(set)).rejects.toMatchObject({ code: 'COORDINATION_BUSY' });
        for (const name of ['a', 'c']) {
          await expect(locks.show({ name })).resolves.toMatchObject({ holders: [], waiting: [] });
        }
        await locks.release({ locks: held });
        const whole = await locks.acquire(set);
        expect(whole.locks.map(({ name }) => name)).toEqual(['c', 'a', 'b']);
        // Any of its locks stands for all.
        await locks.release({ locks: whole.locks.slice(1, 2) });
        await expect(locks.acquire(at('c', 'bob'))).resolves.toMatchObject({ holder: 'bob' });
      }));

    test('sets that cross each other are served one after the other', () =>
      withLocks(async (locks) => {
        const sets = [
          ['a', 'b'],
          ['b', 'c'],
          ['c', 'a'],
          ['b', 'a'],
        ];
        await Promise.all(
          sets.map(async (names, index) => {
            const hold = await locks.acquire({ names, holder: `h${index}`, waitMs: 20_000 });
            await locks.release({ locks: hold.locks });
          }),
        );
        const { locks: all } = await locks.list({});
        expect(all.map(({ name, holders, waiting }) => [name, holders, waiting])).toEqual([
          ['a', [], []],
          ['b', [], []],
          ['c', [], []],
        ]);
      }));

    test('shared holders are beside each other; a writer that waits comes before later readers', () =>
      withLocks(async (locks) => {
        const shared = (holder: string, waitMs = 0) => ({
          ...at('a', holder, waitMs),
          shared: true,
        });
        const first = await locks.acquire(shared('r1'));
        const second = await locks.acquire(shared('r2'));
        const writing = locks.acquire(at('a', 'w', 20_000));
        await untilWaiting(locks, 'a', 1);
        await expect(locks.acquire(shared('r3'))).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        await locks.release({ locks: first.locks });
        await locks.release({ locks: second.locks });
        const writer = await writing;
        const token = writer.locks[0] ?? { name: 'a', token: 0 };
        await expect(locks.acquire(shared('r3'))).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        const after = await locks.downgrade(token);
        expect(after.holders).toMatchObject([{ holder: 'w', token: token.token, shared: true }]);
        await expect(locks.acquire(shared('r3'))).resolves.toMatchObject({ holder: 'r3' });
        await expect(locks.downgrade(token)).resolves.toMatchObject({ name: 'a' });
        await locks.release({ locks: [token] });
      }));

    test('who goes away while waiting leaves the line', () =>
      withLocks(async (locks) => {
        await locks.acquire(at('a', 'anna'));
        const leave = new AbortController();
        const waiting = locks.acquire(at('a', 'bob', 20_000), { signal: leave.signal });
        await untilWaiting(locks, 'a', 1);
        leave.abort();
        await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
        await untilWaiting(locks, 'a', 0);
      }));

    test('a watch tells every change of who holds', () =>
      withLocks(async (locks) => {
        const items = locks.watch({ name: 'a' })[Symbol.asyncIterator]();
        await expect(items.next()).resolves.toMatchObject({ value: { holders: [] } });
        const next = items.next();
        const { locks: held } = await locks.acquire(at('a', 'anna'));
        await expect(next).resolves.toMatchObject({ value: { holders: [{ holder: 'anna' }] } });
        const after = items.next();
        await locks.release({ locks: held });
        await expect(after).resolves.toMatchObject({ value: { holders: [] } });
        await items.return?.();
      }));

    test('what is claimed is not forgotten, nor what never was', () =>
      withLocks(async (locks) => {
        await locks.acquire(at('a', 'anna'));
        await expect(locks.forget({ name: 'a' })).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        await expect(locks.forget({ name: 'b' })).rejects.toMatchObject({
          code: 'COORDINATION_NOT_FOUND',
        });
      }));

    test('names are listed by pages', () =>
      withLocks(async (locks) => {
        await locks.acquire({ names: ['c', 'a', 'b'], holder: 'anna' });
        const first = await locks.list({ limit: 2 });
        expect(first.locks.map(({ name }) => name)).toEqual(['a', 'b']);
        const rest = await locks.list({ after: first.next, limit: 2 });
        expect(rest.locks.map(({ name }) => name)).toEqual(['c']);
        expect(rest.next).toBeUndefined();
      }));

    test.each([
      ['a name twice', { names: ['a', 'a'], holder: 'anna' }],
      ['a set that is too large', { names: namesOf(lockSetMax + 1), holder: 'anna' }],
      ['no name', { names: [], holder: 'anna' }],
      ['a time shorter than a lease', { names: ['a'], holder: 'anna', ttlSeconds: 4 }],
      ['a holder that rings the bell', { names: ['a'], holder: 'anna\u0007' }],
    ])('%s is INPUT_INVALID', (_, input) =>
      withLocks(async (locks) => {
        await expect(locks.acquire(input)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
    );
  });
}

const lost = { code: 'COORDINATION_LOST' };

function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`);
}

/** Until so many stand in line behind who holds. */
async function untilWaiting(locks: Locks, name: string, count: number): Promise<void> {
  for await (const { waiting } of locks.watch({ name })) {
    if (waiting.length === count) {
      return;
    }
  }
}
