import { expect, test } from 'vitest';
import { createSeededRandom } from './seeded-random.ts';
import { createVirtualClock, simulationStartMs } from './virtual-clock.ts';

test('sleepers wake at their moment, equal deadlines in the order asked', async () => {
  const clock = createVirtualClock();
  const woken: string[] = [];
  const wake = (name: string, ms: number): void => {
    void clock.sleep(ms).then(() => woken.push(`${name} ${clock.monotonicMs()}`));
  };
  wake('third', 20);
  wake('first', 10);
  wake('second', 10);
  wake('never', 31);
  await clock.advance(30);
  expect(woken).toEqual(['first 10', 'second 10', 'third 20']);
  expect(clock.now()).toBe(simulationStartMs + 30);
});

test('what wakes may sleep again, and is woken within the same advance', async () => {
  const clock = createVirtualClock();
  let rounds = 0;
  void (async () => {
    for (;;) {
      await clock.sleep(7);
      rounds += 1;
    }
  })();
  await clock.advance(70);
  expect(rounds).toBe(10);
});

test('a sleeper leaves with its signal’s reason, at once', async () => {
  const clock = createVirtualClock();
  const control = new AbortController();
  const asleep = clock.sleep(1_000, control.signal);
  control.abort(new Error('enough'));
  await expect(asleep).rejects.toThrow('enough');
  await expect(clock.sleep(1, control.signal)).rejects.toThrow('enough');
});

test('every machine has its own wall time and its own pace', async () => {
  const clock = createVirtualClock(1_000_000);
  const fast = clock.view({ skewMs: 500, drift: 0.01 });
  let wokenMs = 0;
  void fast.sleep(1_010).then(() => {
    wokenMs = clock.monotonicMs();
  });
  await clock.advance(2_000);
  expect(wokenMs).toBeCloseTo(1_000);
  expect(fast.now()).toBe(1_000_000 + 500 + 2_020);
  fast.setSkew(-500);
  expect(fast.now()).toBe(1_000_000 - 500 + 2_020);
  expect(fast.monotonicMs()).toBeCloseTo(2_020);
});

test('nobody wakes on the clock of a process that died', async () => {
  const clock = createVirtualClock();
  const view = clock.view();
  let woken = 0;
  const count = (): void => {
    woken += 1;
  };
  void view.sleep(10).then(count);
  view.stop();
  void view.sleep(10).then(count);
  await clock.advance(100);
  expect(woken).toBe(0);
});

test('a loop that waits for nothing is told apart from a long simulation', async () => {
  const clock = createVirtualClock();
  void (async () => {
    for (;;) {
      await clock.sleep(0);
    }
  })();
  await expect(clock.advance(1)).rejects.toThrow('time stands still');
});

test('one seed is one sequence, and forks do not feel each other', () => {
  const drawn = (): number[] => {
    const random = createSeededRandom(42);
    const fork = random.fork('disk');
    return [fork.fraction(), random.fraction(), fork.integer(1_000), ...random.bytes(5)];
  };
  expect(drawn()).toEqual(drawn());
  const undisturbed = createSeededRandom(42).fork('disk').fraction();
  expect(drawn()[0]).toBe(undisturbed);
  expect(createSeededRandom(43).fraction()).not.toBe(createSeededRandom(42).fraction());
});

test('fractions are spread evenly over [0, 1)', () => {
  const random = createSeededRandom(1);
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let drawn = 0; drawn < 10_000; drawn += 1) {
    const bucket = Math.floor(random.fraction() * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  expect(Math.min(...buckets)).toBeGreaterThan(900);
  expect(Math.max(...buckets)).toBeLessThan(1_100);
});
