// How fast a round may read: as much as it likes where somebody waits for it, a little in each
// second where it goes on by itself.
import type { Clock } from '@hansa/foundation';

// By itself a node reads a tebibyte in three days, and leaves a disk of 100 MB/s nine tenths.
export const scrubBytesPerSecond: number = 4 * 1_024 * 1_024;
const restEveryBytes = 256 * 1_024; // whoever waits for an answer is let in between

export interface Budget {
  spend(bytes: number): Promise<void>;
}

/** Without a limit it only lets others in between. */
export function createBudget(
  clock: Clock,
  { bytesPerSecond, signal }: { readonly bytesPerSecond?: number; readonly signal: AbortSignal },
): Budget {
  const startedMs = clock.monotonicMs();
  let [spent, restedAt] = [0, 0];
  return {
    async spend(bytes) {
      spent += bytes;
      if (spent - restedAt < restEveryBytes) {
        return;
      }
      restedAt = spent;
      const due = bytesPerSecond === undefined ? 0 : (spent / bytesPerSecond) * 1_000;
      const waitMs = Math.max(0, startedMs + due - clock.monotonicMs());
      await clock.sleep(waitMs, signal);
    },
  };
}
