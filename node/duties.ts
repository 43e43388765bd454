// Runs the duties of capabilities: each until the node stops, again with backoff where one throws.
// All of them are the active node’s.
import type { Capability, Clock, Duty, Log } from '@hansa/foundation';

const againMinMs = 200; // a duty that failed once is back before anybody looks
const againMaxMs = 30_000; // a duty that cannot work is tried twice a minute, and logged each time

export function runDuties(
  needs: { readonly clock: Clock; readonly log: Log },
  capabilities: readonly Capability[],
  signal: AbortSignal,
): Promise<unknown> {
  const duties = capabilities.flatMap((each) => each.duties);
  return Promise.all(duties.map((duty) => keepRunning(needs, duty, signal)));
}

async function keepRunning(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  duty: Duty,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = againMinMs;
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs();
    try {
      await duty.run(signal);
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      log.problem('duty.failed', error, { duty: duty.name });
    }
    const lasted = clock.monotonicMs() - startedMs > againMaxMs;
    waitMs = lasted ? againMinMs : Math.min(waitMs * 2, againMaxMs);
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}
