// How many messages a session may still send: a second's worth at once, refilled as time passes. A
// bundle counts as many as it holds and may borrow from the seconds to come, so that a large one
// is taken and pays for itself.
import type { Clock } from '@hansa/foundation';
import { routerLimits } from './limits.ts';

export interface Bucket {
  /** False where the message is too many. */
  take(messages: number): boolean;
  /** Whether the session is to be told of it: a few times a second. */
  tells(): boolean;
}

export function createBucket(clock: Clock, perSecondMax: number): Bucket {
  if (perSecondMax <= 0) {
    return { take: () => true, tells: () => false };
  }
  let left = perSecondMax;
  let filledMs = clock.monotonicMs();
  let told = 0;
  let windowMs = filledMs;
  return {
    take(messages) {
      const nowMs = clock.monotonicMs();
      left = Math.min(perSecondMax, left + ((nowMs - filledMs) * perSecondMax) / 1_000);
      filledMs = nowMs;
      if (left < 1) {
        return false;
      }
      left -= messages;
      return true;
    },
    tells() {
      const nowMs = clock.monotonicMs();
      if (nowMs - windowMs >= 1_000) {
        windowMs = nowMs;
        told = 0;
      }
      told += 1;
      return told <= routerLimits.rateErrorsPerSecondMax;
    },
  };
}
