import { HansaError } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHandClock } from '../testkit/hand-clock.ts';
import { createBufferedCounter, flushAtDefault, flushMsDefault } from './buffered-counter.ts';

/** Counts each id once, as a node does; `fails` tells what becomes of a call. */
function createNode(fails: () => 'no' | 'before' | 'after' | 'refused' = () => 'no') {
  const seen = new Map<string, number>();
  let value = 0;
  let calls = 0;
  return {
    value: () => value,
    calls: () => calls,
    async add({ name, by, once = '' }: { name: string; by: number; once?: string | undefined }) {
      calls += 1;
      const fate = fails();
      if (fate === 'before') {
        throw new HansaError('NODE_UNREACHABLE', 'not there');
      }
      if (fate === 'refused') {
        throw new HansaError('COORDINATION_FULL', 'no room');
      }
      const before = seen.get(once);
      value = before === undefined ? value + by : value;
      seen.set(once, before ?? value);
      if (fate === 'after') {
        throw new HansaError('CONNECTION_CLOSED', 'the answer was lost');
      }
      return { name, value: before ?? value };
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('what comes is sent together: when it is much, or when it is old', async () => {
  const node = createNode();
  const clock = createHandClock();
  const counter = createBufferedCounter({ counters: node, name: 'a', clock, id: 'p1' });
  for (let at = 0; at < flushAtDefault; at += 1) {
    counter.add();
  }
  await settle();
  expect([node.value(), node.calls()]).toEqual([flushAtDefault, 1]);
  counter.add(5);
  expect(counter.pending).toBe(5);
  await settle();
  expect(node.calls()).toBe(1);
  clock.advance(flushMsDefault);
  await settle();
  expect([node.value(), node.calls(), counter.pending]).toEqual([flushAtDefault + 5, 2, 0]);
});

test('what failed goes with what comes, and is counted once', async () => {
  const fates = ['after', 'refused', 'no'] as const;
  let call = 0;
  const node = createNode(() => fates[call++] ?? 'no');
  const clock = createHandClock();
  const counter = createBufferedCounter({ counters: node, name: 'a', clock, id: 'p1' });
  counter.add(3);
  await expect(counter.flush()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  expect(counter.pending).toBe(3);
  counter.add(4);
  await expect(counter.flush()).rejects.toMatchObject({ code: 'COORDINATION_FULL' });
  expect(counter.pending).toBe(7);
  await counter.close();
  expect([counter.pending, node.value()]).toEqual([0, 7]);
});

test('nothing is counted twice or lost, whatever becomes of calls', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('no', 'before', 'after'), { maxLength: 12 }),
      fc.array(fc.integer({ min: -5, max: 9 }), { maxLength: 20 }),
      async (fates, adds) => {
        const left = [...fates];
        const node = createNode(() => left.shift() ?? 'no');
        const clock = createHandClock();
        const options = { counters: node, name: 'a', clock, id: 'p1', flushAt: 10 };
        const counter = createBufferedCounter(options);
        for (const by of adds) {
          counter.add(by);
          await settle();
          clock.advance(400);
        }
        const failed = { name: 'a', value: 0 };
        while ((await counter.flush().catch(() => failed)) !== undefined) {
          // As often as it fails.
        }
        expect(node.value()).toBe(adds.reduce((sum, by) => sum + by, 0));
      },
    ),
    { numRuns: 1_000 },
  );
}, 60_000);
