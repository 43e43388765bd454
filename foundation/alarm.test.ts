import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../testkit/hand-clock.ts';
import { createAlarm, type Alarm } from './alarm.ts';

describe('an alarm', () => {
  let clock: HandClock;
  let alarm: Alarm;
  let rung: string[];
  let failures: number;
  beforeEach(() => {
    clock = createHandClock();
    rung = [];
    failures = 0;
    alarm = createAlarm({
      clock,
      async ring(ids) {
        if (failures > 0) {
          failures -= 1;
          throw new Error('not now');
        }
        rung.push(...ids);
      },
    });
  });
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await setImmediate(); // a turn of the loop: everything that was woken has run
  };

  test('rings at a deadline and not before, each once', async () => {
    alarm.set('late', 20_000);
    alarm.set('soon', 10_000);
    await pass(9_999);
    expect(rung).toEqual([]);
    await pass(1);
    expect(rung).toEqual(['soon']);
    await pass(10_000);
    expect(rung).toEqual(['soon', 'late']);
  });

  test('follows a deadline that is moved or taken away', async () => {
    alarm.set('moved', 10_000);
    alarm.set('gone', 10_000);
    await pass(9_000);
    alarm.set('moved', 30_000);
    alarm.delete('gone');
    await pass(1_000);
    expect(rung).toEqual([]);
    expect(alarm.deadline('moved')).toBe(30_000);
    await pass(20_000);
    expect(rung).toEqual(['moved']);
  });

  test('gathers deadlines that follow each other closely, none more than a second late', async () => {
    alarm.set('a', 10_000);
    alarm.set('b', 10_001);
    alarm.set('c', 10_900);
    await pass(10_000);
    await pass(999);
    expect(rung).toEqual(['a']);
    await pass(1);
    expect(rung).toEqual(['a', 'b', 'c']);
  });

  test('rings again a second later where ringing failed', async () => {
    failures = 2;
    alarm.set('a', 10_000);
    await pass(10_000);
    await pass(1_000);
    expect(rung).toEqual([]);
    await pass(1_000);
    expect(rung).toEqual(['a']);
  });

  test('sleeps once for all, not at all without deadlines, and never after it stopped', async () => {
    expect(clock.sleepers).toBe(0);
    for (let i = 100; i > 0; i -= 1) {
      alarm.set(String(i), i * 1_000);
    }
    expect(clock.sleepers).toBe(1);
    alarm.stop();
    expect(clock.sleepers).toBe(0);
    alarm.set('a', 1_000);
    await pass(1_000_000);
    expect(rung).toEqual([]);
  });

  test('reaches deadlines that are further away than one sleep', async () => {
    alarm.set('far', 10_000_000);
    for (let hour = 0; hour < 3; hour += 1) {
      await pass(3_600_000);
    }
    expect(rung).toEqual(['far']);
  });
});
