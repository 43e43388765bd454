// How long somebody has to wait after attempts that failed: per user and per address. In memory
// alone: what a restart forgets, a guesser cannot cause.
import { HansaError, type Clock } from '@hansa/foundation';

export const failuresFree = 5; // a person mistypes a few times
export const lockFirstMs = 1_000; // then each failure doubles the wait
export const lockMaxMs = 900_000; // 15 min: four guesses an hour, and a person can come back
// failures of one name or address are forgotten after such a silence
export const failuresKeptMs = 3_600_000;
// of each kind of key: users that are known are never forgotten for others, since no more of them
// have passwords; of strangers' names and of addresses the oldest goes first
export const lockedMax = 10_000;

interface Tries {
  readonly failures: number;
  readonly lastMs: number;
}

/** `<kind>:<what>`; each kind has room of its own. */
export type LockKey = `${'user' | 'stranger' | 'from' | 'code-from'}:${string}`;

export interface LockOut {
  /**
   * LOGIN_LOCKED while one of the keys has to wait. Otherwise the attempt counts as failed until it
   * is said to be right: so that a thousand at once are not all let through.
   */
  begin(keys: readonly LockKey[]): Attempt;
}

export interface Attempt {
  /** The first key is free of its failures; of the others only this attempt is taken back. */
  right(): void;
  /** It was no attempt after all. */
  void(): void;
}

export function createLockOut(clock: Clock): LockOut {
  const kinds = new Map<string, Map<string, Tries>>();
  const roomOf = (key: LockKey): Map<string, Tries> => {
    const kind = key.slice(0, key.indexOf(':'));
    const room = kinds.get(kind) ?? new Map<string, Tries>();
    kinds.set(kind, room);
    return room;
  };
  const triesOf = (key: LockKey): Tries => {
    const held = roomOf(key).get(key);
    const atMs = clock.monotonicMs();
    return held === undefined || atMs - held.lastMs > failuresKeptMs
      ? { failures: 0, lastMs: atMs }
      : held;
  };
  const keep = (key: LockKey, tries: Tries): void => {
    const known = roomOf(key);
    // Deleted first so that the map's order is the order of last failure.
    known.delete(key);
    if (tries.failures > 0) {
      known.set(key, tries);
    }
    const oldest = known.keys().next();
    if (known.size > lockedMax && oldest.done !== true) {
      known.delete(oldest.value);
    }
  };
  const takeBack = (key: LockKey, before: Tries, atMs: number): void => {
    const { failures, lastMs } = triesOf(key);
    // The wait goes on from the last attempt that did fail.
    const last = lastMs === atMs ? before.lastMs : lastMs;
    keep(key, { failures: Math.max(0, failures - 1), lastMs: last });
  };
  return {
    begin(keys) {
      const atMs = clock.monotonicMs();
      const before = keys.map((key) => ({ key, tries: triesOf(key) }));
      requireFree(Math.max(...before.map(({ tries }) => untilMs(tries) - atMs)));
      for (const { key, tries } of before) {
        keep(key, { failures: tries.failures + 1, lastMs: atMs });
      }
      const undo = (from: number): void =>
        before.slice(from).forEach(({ key, tries }) => takeBack(key, tries, atMs));
      return {
        right() {
          keys.slice(0, 1).forEach((key) => roomOf(key).delete(key));
          undo(1);
        },
        void: () => undo(0),
      };
    },
  };
}

function untilMs({ failures, lastMs }: Tries): number {
  if (failures < failuresFree) {
    return Number.NEGATIVE_INFINITY;
  }
  return lastMs + Math.min(lockMaxMs, lockFirstMs * 2 ** (failures - failuresFree));
}

function requireFree(waitMs: number): void {
  if (waitMs > 0) {
    const retryAfterSeconds = Math.ceil(waitMs / 1_000);
    throw new HansaError('LOGIN_LOCKED', 'too many logins failed: this one was not looked at', {
      fix: `retry in ${retryAfterSeconds} s`,
      facts: { retryAfterSeconds },
    });
  }
}
