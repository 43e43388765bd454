// Rings when deadlines pass: one sleeper for any number of them, so that leases cost no timer each.
import type { Clock } from './clock.ts';

const sleepMaxMs = 3_600_000; // timers beyond 24 days overflow in some runtimes; hourly is as good
const ringGapMs = 1_000; // passing deadlines are gathered: a ring is at most this late

export interface Alarm {
  /** On `clock.monotonicMs`. */
  set(id: string, deadlineMs: number): void;
  delete(id: string): void;
  deadline(id: string): number | undefined;
  stop(): void;
}

/**
 * `ring` is told ids that are due; they are forgotten first, and set again for later where it
 * throws.
 */
export function createAlarm(needs: {
  readonly clock: Clock;
  readonly ring: (ids: readonly string[]) => Promise<void>;
}): Alarm {
  const { clock, ring } = needs;
  const deadlines = new Map<string, number>();
  let sleeper: { readonly wakeMs: number; readonly control: AbortController } | undefined;
  let lastRingMs = Number.NEGATIVE_INFINITY;
  let stopped = false;

  const arm = (deadlineMs: number): void => {
    const nowMs = clock.monotonicMs();
    const wakeMs = Math.min(Math.max(deadlineMs, lastRingMs + ringGapMs), nowMs + sleepMaxMs);
    if (stopped || (sleeper !== undefined && sleeper.wakeMs <= wakeMs)) {
      return;
    }
    sleeper?.control.abort();
    const control = new AbortController();
    sleeper = { wakeMs, control };
    clock.sleep(Math.max(0, wakeMs - nowMs), control.signal).then(wake, () => undefined);
  };
  const wake = (): void => {
    sleeper = undefined;
    const nowMs = clock.monotonicMs();
    const due: string[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [id, deadlineMs] of deadlines) {
      if (deadlineMs <= nowMs) {
        due.push(id);
        deadlines.delete(id);
      } else {
        nextMs = Math.min(nextMs, deadlineMs);
      }
    }
    if (due.length > 0) {
      lastRingMs = nowMs;
      ring(due).catch(() => due.forEach((id) => set(id, nowMs + ringGapMs)));
    }
    if (nextMs < Number.POSITIVE_INFINITY) {
      arm(nextMs);
    }
  };
  const set = (id: string, deadlineMs: number): void => {
    deadlines.set(id, deadlineMs);
    arm(deadlineMs);
  };
  return {
    set,
    delete: (id) => void deadlines.delete(id),
    deadline: (id) => deadlines.get(id),
    stop: () => {
      stopped = true;
      sleeper?.control.abort();
      deadlines.clear();
    },
  };
}
