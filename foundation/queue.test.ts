import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createQueue } from './queue.ts';

async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await Promise.resolve();
  }
}

function watched(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = (): void => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

describe('a bounded queue', () => {
  test('gives items in the order they were pushed', async () => {
    const queue = createQueue<number>({ limit: 200 });
    for (let i = 0; i < 200; i += 1) {
      await queue.push(i);
    }
    expect(queue.size).toBe(200);
    for (let i = 0; i < 200; i += 1) {
      expect(await queue.take()).toBe(i);
    }
    expect(queue.size).toBe(0);
  });

  test('makes a producer wait for room', async () => {
    const queue = createQueue<string>({ limit: 2 });
    await queue.push('a');
    await queue.push('b');
    const third = watched(queue.push('c'));
    await turns();
    expect([third.settled, queue.size]).toEqual([false, 2]);
    expect(await queue.take()).toBe('a');
    await turns();
    expect([third.settled, queue.size]).toEqual([true, 2]);
  });

  test('hands an item to a consumer that waits', async () => {
    const queue = createQueue<string>({ limit: 1 });
    const taken = queue.take();
    await queue.push('a');
    expect(await taken).toBe('a');
    expect(queue.size).toBe(0);
  });

  test('lets an item that is heavier than the limit pass alone', async () => {
    const queue = createQueue<string>({ limit: 3, weigh: (text) => text.length });
    await queue.push('heavier than three');
    const next = watched(queue.push('b'));
    await turns();
    expect(next.settled).toBe(false);
    expect(await queue.take()).toBe('heavier than three');
    expect(await queue.take()).toBe('b');
  });

  test('ends for the consumer after everything pushed before the end, waiting items included', async () => {
    const queue = createQueue<number>({ limit: 1 });
    await queue.push(1);
    const second = queue.push(2);
    queue.finish();
    await expect(queue.push(3)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual([1, 2, undefined]);
    await second;
  });

  test('ends for a consumer that already waits', async () => {
    const queue = createQueue<number>({ limit: 1 });
    const taken = queue.take();
    queue.finish();
    expect(await taken).toBeUndefined();
  });

  test('fails every waiting and later call, and drops what it held', async () => {
    const queue = createQueue<number>({ limit: 1 });
    await queue.push(1);
    const waiting = queue.push(2);
    const error = new Error('broken');
    queue.fail(error);
    queue.fail(new Error('the first failure stands'));
    await expect(waiting).rejects.toBe(error);
    await expect(queue.take()).rejects.toBe(error);
    await expect(queue.push(3)).rejects.toBe(error);
    expect(queue.takeNow()).toBeUndefined();
    const idle = createQueue<number>({ limit: 1 });
    const taken = idle.take();
    idle.fail(error);
    await expect(taken).rejects.toBe(error);
  });

  test('a producer that gives up leaves its place to those behind it', async () => {
    const queue = createQueue<string>({ limit: 4, weigh: (text) => text.length });
    await queue.push('abc');
    const giveUp = new AbortController();
    const heavy = queue.push('heavy', giveUp.signal);
    const light = queue.push('x');
    giveUp.abort(new Error('gave up'));
    await expect(heavy).rejects.toThrow('gave up');
    await light;
    expect([queue.takeNow(), queue.takeNow(), queue.takeNow()]).toEqual(['abc', 'x', undefined]);
    await expect(queue.push('y', giveUp.signal)).rejects.toThrow('gave up');
  });

  test('a consumer that gives up loses nothing', async () => {
    const queue = createQueue<string>({ limit: 1 });
    const giveUp = new AbortController();
    const taken = queue.take(giveUp.signal);
    giveUp.abort(new Error('gave up'));
    await expect(taken).rejects.toThrow('gave up');
    await queue.push('a');
    expect(await queue.take()).toBe('a');
  });

  test('refuses a second consumer', async () => {
    const queue = createQueue<string>({ limit: 1 });
    const first = queue.take();
    await expect(queue.take()).rejects.toThrow('one consumer');
    queue.finish();
    await first;
  });

  test('never holds more than its limit and loses nothing, whatever the order of calls', async () => {
    const calls = fc.array(fc.oneof(fc.nat({ max: 7 }), fc.constant('take' as const)));
    await fc.assert(
      fc.asyncProperty(calls, async (sequence) => {
        const queue = createQueue<{ id: number; weight: number }>({
          limit: 10,
          weigh: (item) => item.weight,
        });
        const pushed: number[] = [];
        const taken: number[] = [];
        for (const call of sequence) {
          if (call === 'take') {
            const item = queue.takeNow();
            taken.push(...(item === undefined ? [] : [item.id]));
          } else {
            pushed.push(pushed.length);
            void queue.push({ id: pushed.length - 1, weight: call + 1 });
          }
          expect(queue.size).toBeLessThanOrEqual(10);
        }
        queue.finish();
        for (let item = await queue.take(); item !== undefined; item = await queue.take()) {
          taken.push(item.id);
        }
        expect(taken).toEqual(pushed);
      }),
      { numRuns: 1_000 },
    );
  });
});
