// Wakes a duty that sleeps until its next deadline, as soon as something has changed.
import type { Clock } from '@hansa/foundation';

export interface Bell {
  ring(): void;
  /** Resolves after `ms`, when it is rung, when it was rung since the last wait, or at the end. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(clock: Clock): Bell {
  let rung = false;
  let sleeper: AbortController | undefined;
  return {
    ring() {
      rung = true;
      sleeper?.abort();
    },
    async wait(ms, signal) {
      if (!rung && !signal.aborted) {
        const here = new AbortController();
        const end = (): void => here.abort();
        sleeper = here;
        signal.addEventListener('abort', end, { once: true });
        await clock.sleep(ms, here.signal).catch(() => undefined);
        signal.removeEventListener('abort', end);
        sleeper = undefined;
      }
      rung = false;
    },
  };
}
