// The machine's clocks and timers.
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@hansa/foundation';

// setTimeout takes a 32-bit number and fires at once on a larger one: longer sleeps are taken in
// parts.
const timerMaxMs = 2_147_483_647;

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    async sleep(ms, signal) {
      if (ms <= 0) {
        signal?.throwIfAborted();
        await turn();
        return;
      }
      const end = performance.now() + ms;
      let rest = ms;
      do {
        await nap(Math.min(Math.max(rest, 0), timerMaxMs), signal);
        rest = end - performance.now();
        // A timer may fire a fraction of a millisecond early; that is no reason for another one.
      } while (rest >= 1);
    },
  };
}

function nap(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    // What keeps a daemon alive is its listeners; nobody who sleeps may hold up its end.
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms).unref();
    signal?.addEventListener('abort', stop, { once: true });
  });
}
