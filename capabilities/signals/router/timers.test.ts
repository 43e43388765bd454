import { silentLog } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../../testkit/virtual-clock.ts';
import { createTimers, type Timer } from './timers.ts';

test('timers run at their moments, equal ones in the order they were set', async () => {
  const clock = createVirtualClock();
  const timers = createTimers({ clock, log: silentLog });
  const ran: string[] = [];
  const at = (ms: number, name: string): Timer => timers.at(ms, () => ran.push(name));
  at(20, 'c');
  at(10, 'a');
  at(10, 'b');
  at(15, 'never').cancel();
  await clock.advance(9);
  expect(ran).toEqual([]);
  await clock.advance(1);
  expect(ran).toEqual(['a', 'b']);
  await clock.advance(10);
  expect(ran).toEqual(['a', 'b', 'c']);
  expect(timers.size).toBe(0);
});

test('a timer that is set again for now by itself leaves others their turn', async () => {
  const clock = createVirtualClock();
  const timers = createTimers({ clock, log: silentLog });
  let rounds = 0;
  const again = (): void => {
    rounds += 1;
    if (rounds < 100) {
      timers.at(clock.monotonicMs(), again);
    }
  };
  again();
  expect(rounds).toBe(1);
  await clock.advance(1);
  expect(rounds).toBe(100);
});

test('one that fails stops no other, and is told to the log', async () => {
  const clock = createVirtualClock();
  const problems: string[] = [];
  const log = { ...silentLog, problem: (name: string) => void problems.push(name) };
  const timers = createTimers({ clock, log });
  let ran = false;
  timers.at(1, () => {
    throw new Error('mine');
  });
  timers.at(1, () => (ran = true));
  await clock.advance(1);
  expect([ran, problems]).toEqual([true, ['signal-timer.failed']]);
});

test('what was cancelled is forgotten before it fills memory', () => {
  const clock = createVirtualClock();
  const timers = createTimers({ clock, log: silentLog });
  timers.at(1, () => undefined);
  for (let i = 0; i < 100_000; i += 1) {
    timers.at(1_000_000 + i, () => undefined).cancel();
  }
  expect(timers.size).toBeLessThan(200);
});

test('after a stop nothing runs', async () => {
  const clock = createVirtualClock();
  const timers = createTimers({ clock, log: silentLog });
  let ran = false;
  timers.at(1, () => (ran = true));
  timers.stop();
  timers.at(1, () => (ran = true));
  await clock.advance(10);
  expect(ran).toBe(false);
});

test('any schedule runs in the order of its moments, each once, cancelled ones never', async () => {
  const step = fc.record({ ms: fc.integer({ min: 0, max: 50 }), cancels: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
      const clock = createVirtualClock();
      const timers = createTimers({ clock, log: silentLog });
      const ran: number[] = [];
      steps.forEach(({ ms, cancels }, i) => {
        const timer = timers.at(ms, () => ran.push(i));
        if (cancels) {
          timer.cancel();
        }
      });
      await clock.advance(60);
      const expected = steps
        .map(({ ms, cancels }, i) => ({ ms, cancels, i }))
        .filter(({ cancels }) => !cancels)
        .sort((a, b) => a.ms - b.ms || a.i - b.i)
        .map(({ i }) => i);
      expect(ran).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});
