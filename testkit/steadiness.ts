// Since when a simulated cluster runs on a clock that gives nobody a reason to doubt it.
import type { VirtualClock } from './virtual-clock.ts';

// half of what peers tolerate: two such clocks are within a minute of each other
const skewToleratedMs = 30_000;

export interface Steadiness {
  skewMs(): number;
  started(): void;
  set(skewMs: number): void;
  sinceMs(): number | undefined;
}

export function createSteadiness(time: VirtualClock, firstSkewMs: number): Steadiness {
  let skewMs = firstSkewMs;
  let sinceMs = 0;
  return {
    skewMs: () => skewMs,
    started() {
      sinceMs = Math.max(sinceMs, time.monotonicMs());
    },
    set(ms) {
      // What a clock ahead has stamped is not taken before time has caught up.
      const aheadMs = skewMs > skewToleratedMs ? Math.max(0, skewMs - ms) : 0;
      sinceMs = Math.max(sinceMs, time.monotonicMs() + aheadMs);
      skewMs = ms;
    },
    sinceMs: () => (Math.abs(skewMs) <= skewToleratedMs ? sinceMs : undefined),
  };
}
