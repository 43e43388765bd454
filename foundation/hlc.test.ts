import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { compareHlc, createHybridClock, hlcAheadMaxMs, hlcSchema, type Hlc } from './hlc.ts';

function wallClock(): Clock & { wallMs: number } {
  const clock = {
    wallMs: 1_000_000,
    now: () => clock.wallMs,
    monotonicMs: () => clock.wallMs,
    sleep: async () => undefined,
  };
  return clock;
}

describe('a hybrid clock', () => {
  test('never gives a timestamp that is not after all before it, wherever the wall clock jumps', () => {
    const step = fc.oneof(
      fc.integer({ min: -200_000, max: 200_000 }).map((jumpMs) => ({ jumpMs })),
      fc.integer({ min: -70_000, max: hlcAheadMaxMs }).map((remoteMs) => ({ remoteMs })),
      fc.constant({ tick: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const wall = wallClock();
        const clock = createHybridClock(wall);
        let last: Hlc = [0, 0];
        for (const each of steps) {
          if ('jumpMs' in each) {
            wall.wallMs = Math.max(100_000, wall.wallMs + each.jumpMs);
          } else if ('remoteMs' in each) {
            const remote: Hlc = [wall.wallMs + each.remoteMs, 3];
            clock.observe(remote);
            last = compareHlc(remote, last) > 0 ? remote : last;
          }
          const next = clock.tick();
          expect(compareHlc(next, last)).toBeGreaterThan(0);
          expect(hlcSchema.safeParse(next).success).toBe(true);
          last = next;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('follows the wall clock while it goes forward, and counts while it stands', () => {
    const wall = wallClock();
    const clock = createHybridClock(wall);
    expect(clock.tick()).toEqual([1_000_000, 0]);
    expect(clock.tick()).toEqual([1_000_000, 1]);
    wall.wallMs += 5;
    expect(clock.tick()).toEqual([1_000_005, 0]);
    wall.wallMs -= 1_000;
    expect(clock.tick()).toEqual([1_000_005, 1]);
  });

  test('borrows the next millisecond when the counter is full', () => {
    const clock = createHybridClock(wallClock());
    clock.observe([1_000_000, 0xffff]);
    expect(clock.tick()).toEqual([1_000_001, 0]);
  });

  test('takes a sender who is exactly 60 s ahead, and refuses one a millisecond further', () => {
    const clock = createHybridClock(wallClock());
    clock.observe([1_060_000, 0]);
    expect(clock.tick()).toEqual([1_060_000, 1]);
    const far = (): void => createHybridClock(wallClock()).observe([1_060_001, 0]);
    expect(far).toThrow(expect.objectContaining({ code: 'CLOCK_AHEAD' }));
  });

  test('is not moved by what it refused', () => {
    const clock = createHybridClock(wallClock());
    expect(() => clock.observe([9_000_000, 0])).toThrow('ahead');
    expect(clock.tick()).toEqual([1_000_000, 0]);
  });
});
