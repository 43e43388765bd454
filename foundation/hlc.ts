// Hybrid logical clock: wall time that never goes back and counts within a millisecond.
// Kulkarni, Demirbas et al., "Logical Physical Clocks" (2014): a timestamp is (wall ms, counter).
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { HansaError } from './errors.ts';

/** `[wall milliseconds, counter]`, ordered lexicographically. */
export type Hlc = readonly [wallMs: number, counter: number];

export const hlcAheadMaxMs = 60_000; // a peer further ahead would win every later comparison

export const hlcSchema: z.ZodType<Hlc> = z.tuple([
  z.number().int().nonnegative(),
  z.number().int().nonnegative().max(0xffff),
]);

export function compareHlc(a: Hlc, b: Hlc): number {
  return a[0] === b[0] ? a[1] - b[1] : a[0] - b[0];
}

export interface HybridClock {
  /** A timestamp after every one given or seen before. */
  tick(): Hlc;
  /**
   * Takes a remote timestamp in; CLOCK_AHEAD where it is more than 60 s ahead of this wall clock.
   */
  observe(remote: Hlc): void;
}

export function createHybridClock(clock: Clock): HybridClock {
  let last: Hlc = [0, 0];
  return {
    tick() {
      const wall = clock.now();
      last = wall > last[0] ? [wall, 0] : nextCounter(last);
      return last;
    },
    observe(remote) {
      const ahead = remote[0] - clock.now();
      if (ahead > hlcAheadMaxMs) {
        throw new HansaError('CLOCK_AHEAD', `the sender's clock is ${ahead} ms ahead of ours`, {
          fix: 'set both clocks by NTP',
        });
      }
      if (compareHlc(remote, last) > 0) {
        last = remote;
      }
    },
  };
}

function nextCounter([wall, counter]: Hlc): Hlc {
  return counter < 0xffff ? [wall, counter + 1] : [wall + 1, 0];
}
