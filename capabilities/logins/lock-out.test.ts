import { isHansaError, type Clock } from '@hansa/foundation';
import { expect, test } from 'vitest';
import {
  createLockOut,
  failuresFree,
  failuresKeptMs,
  lockedMax,
  lockFirstMs,
  lockMaxMs,
  type LockKey,
} from './lock-out.ts';

function build() {
  let atMs = 0;
  const clock: Clock = { now: () => 0, monotonicMs: () => atMs, sleep: async () => undefined };
  const lockOut = createLockOut(clock);
  return {
    lockOut,
    pass: (ms: number) => void (atMs += ms),
    /** The seconds to wait; 0 where the attempt counts. */
    fail: (...keys: LockKey[]): number => {
      try {
        lockOut.begin(keys);
        return 0;
      } catch (error) {
        expect(isHansaError(error, 'LOGIN_LOCKED')).toBe(true);
        return isHansaError(error) ? Number(error.facts['retryAfterSeconds']) : -1;
      }
    },
  };
}

test('five failures are free; then each waits twice as long as the one before, up to 15 minutes', () => {
  const { fail, pass } = build();
  for (let i = 0; i < failuresFree; i += 1) {
    expect(fail('user:anna')).toBe(0);
  }
  for (let waitMs = lockFirstMs; waitMs < lockMaxMs * 4; waitMs *= 2) {
    const waits = Math.min(waitMs, lockMaxMs);
    expect(fail('user:anna')).toBe(waits / 1_000);
    pass(waits - 1);
    expect(fail('user:anna')).toBe(1);
    pass(1);
    expect(fail('user:anna')).toBe(0);
  }
});

test('an attempt counts as failed until it is right: many at once are not all let through', () => {
  const { lockOut } = build();
  const attempts = Array.from({ length: failuresFree }, () => lockOut.begin(['user:anna']));
  expect(() => lockOut.begin(['user:anna'])).toThrow('too many logins failed');
  attempts[0]?.right();
  lockOut.begin(['user:anna']);
});

test('a right password frees its user, and the address of this attempt alone', () => {
  const { fail, lockOut, pass } = build();
  for (let i = 0; i < failuresFree; i += 1) {
    fail('user:anna', 'from:a');
  }
  pass(lockFirstMs);
  lockOut.begin(['user:anna', 'from:a']).right();
  // The user may fail again at once; the address is where it was: it waits no longer, and no less.
  expect(fail('user:anna', 'from:b')).toBe(0);
  expect(fail('user:anna', 'from:a')).toBe(0);
  expect(fail('user:anna', 'from:a')).toBe(2);
});

test('what was no attempt after all is taken back', () => {
  const { fail, lockOut } = build();
  for (let i = 0; i < 3 * failuresFree; i += 1) {
    lockOut.begin(['user:anna', 'from:a']).void();
  }
  expect(fail('user:anna', 'from:a')).toBe(0);
});

test('failures are forgotten after an hour of silence', () => {
  const { fail, pass } = build();
  for (let i = 0; i < failuresFree; i += 1) {
    fail('user:anna');
  }
  pass(failuresKeptMs + 1);
  for (let i = 0; i < failuresFree; i += 1) {
    expect(fail('user:anna')).toBe(0);
  }
});

test('ever new names of strangers push out each other, and no user who is known', () => {
  const { fail } = build();
  for (let i = 0; i < failuresFree; i += 1) {
    fail('user:anna');
    fail('stranger:first');
  }
  for (let i = 0; i < lockedMax; i += 1) {
    fail(`stranger:${i}`);
  }
  expect(fail('stranger:first')).toBe(0);
  expect(fail('user:anna')).toBe(1);
});
