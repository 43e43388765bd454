import { afterEach, describe, expect, test } from 'vitest';
import { closeSessions, code, linkMills, never, turns } from '../../testkit/wire-mill.ts';
import { HansaError, wireLimits } from '../index.ts';

afterEach(closeSessions);

describe('watches', () => {
  test('every item arrives once and in order, however slow the reader', async () => {
    const { mill: far } = linkMills();
    const seen: number[] = [];
    for await (const sack of far.sacks({ count: 2_000, bytes: 1 })) {
      seen.push(sack[0] ?? -1);
    }
    expect(seen).toEqual(Array.from({ length: 2_000 }, (_, i) => i % 256));
  });

  test('a reader that stops holds the producer after one window of items', async () => {
    const held = wireLimits.watchItems + 1; // the window, and one at the producer's own door
    let made = 0;
    const { mill: far, here } = linkMills({
      sacks: async function* () {
        for (;;) {
          made += 1;
          yield new Uint8Array(1);
        }
      },
    });
    const items = far.sacks({ count: 0, bytes: 0 })[Symbol.asyncIterator]();
    await items.next();
    await expect.poll(() => made).toBe(held);
    await turns();
    expect(made).toBe(held);
    for (let i = 0; i < wireLimits.watchItems; i += 1) {
      await items.next();
    }
    await expect.poll(() => made).toBeGreaterThan(held);
    await items.return?.();
    expect(here.isOver()).toBe(false);
  });

  test('a reader that stops holds the producer after one window of bytes', async () => {
    let made = 0;
    const { mill: far } = linkMills({
      sacks: async function* () {
        for (;;) {
          made += 1;
          yield new Uint8Array(1024 * 1024);
        }
      },
    });
    const items = far.sacks({ count: 0, bytes: 0 })[Symbol.asyncIterator]();
    await items.next();
    await turns();
    expect(made).toBeLessThanOrEqual(6);
    await items.return?.();
  });

  test('leaving a watch ends the far side’s service', async () => {
    let ended = false;
    const { mill: far } = linkMills({
      sacks: async function* () {
        try {
          for (;;) {
            yield new Uint8Array(1);
          }
        } finally {
          ended = true;
        }
      },
    });
    for await (const sack of far.sacks({ count: 0, bytes: 0 })) {
      expect(sack).toHaveLength(1);
      break;
    }
    await expect.poll(() => ended).toBe(true);
  });

  test('leaving a quiet watch resolves at once and aborts the far side’s signal', async () => {
    let seen: AbortSignal | undefined;
    const { mill: far } = linkMills({
      sacks: (_input, call) => {
        seen = call?.signal;
        return { [Symbol.asyncIterator]: () => ({ next: never }) };
      },
    });
    const items = far.sacks({ count: 0, bytes: 0 })[Symbol.asyncIterator]();
    const next = items.next();
    await expect.poll(() => seen).toBeDefined();
    await items.return?.();
    await expect(next).resolves.toMatchObject({ done: true });
    await expect.poll(() => seen?.aborted).toBe(true);
  });

  test('an aborted watch throws CANCELLED once, then is over', async () => {
    const { mill: far } = linkMills();
    const stop = new AbortController();
    const items = far
      .sacks({ count: 9, bytes: 1 }, { signal: stop.signal })
      [Symbol.asyncIterator]();
    await items.next();
    stop.abort();
    await expect(items.next()).rejects.toEqual(code('CANCELLED'));
    await expect(items.next()).resolves.toMatchObject({ done: true });
  });

  test('items that came before an error are read before it is thrown', async () => {
    const { mill: far } = linkMills({
      sacks: async function* () {
        yield new Uint8Array(1);
        yield new Uint8Array(2);
        throw new HansaError('DISK_FULL', 'no room for flour');
      },
    });
    const items = far.sacks({ count: 0, bytes: 0 })[Symbol.asyncIterator]();
    await expect(items.next()).resolves.toMatchObject({ value: new Uint8Array(1) });
    await turns();
    await expect(items.next()).resolves.toMatchObject({ value: new Uint8Array(2) });
    await expect(items.next()).rejects.toEqual(code('DISK_FULL'));
    await expect(items.next()).resolves.toMatchObject({ done: true });
  });

  test('a call passes a big watch after a few of its frames', async () => {
    const { mill: far } = linkMills({}, { watchItems: 10_000 });
    let read = 0;
    const reading = (async () => {
      for await (const sack of far.sacks({ count: 3_000, bytes: 1_024 })) {
        read += sack.length / 1_024;
      }
    })();
    await expect.poll(() => read, { interval: 1 }).toBeGreaterThan(0);
    const before = read;
    await far.grind({ grain: '' });
    expect(read - before).toBeLessThan(200);
    await reading;
    expect(read).toBe(3_000);
  });

  test('more watches than the limit are refused here, and closing one makes room', async () => {
    const { mill: far } = linkMills({}, { watchesMax: 1 });
    const open = () => far.sacks({ count: 1_000, bytes: 1 })[Symbol.asyncIterator]();
    const first = open();
    await first.next();
    await expect(open().next()).rejects.toEqual(code('RATE_LIMITED'));
    await first.return?.();
    await expect
      .poll(() =>
        open()
          .next()
          .then(
            () => 'open',
            () => 'full',
          ),
      )
      .toBe('open');
  });
});
