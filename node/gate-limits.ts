// How often somebody may come: a bucket for each source, filled at a steady pace, emptied by what
// they ask. For the gate.
import { HansaError, type Clock } from '@hansa/foundation';

export interface GateLimits {
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
  readonly callerRequestsPerSecond: number;
  readonly callerRequestsBurst: number;
  readonly failuresPerMinute: number;
  readonly sourcesMax: number;
}

export const gateLimits: GateLimits = {
  requestsPerSecond: 500, // a busy console and a deployment script together stay far below
  requestsBurst: 1_000, // two seconds of it at once: a page opening, a script starting
  // One caller may come from several machines, and no address is charged with what it is known for.
  callerRequestsPerSecond: 1_000,
  callerRequestsBurst: 2_000,
  failuresPerMinute: 10, // a person mistypes a few times; a guesser tries thousands
  sourcesMax: 4_096, // addresses remembered; about 1 MiB, and the oldest is forgotten first
};

export interface Buckets {
  /** 0 where it was granted, else the seconds until one more will be. */
  take(source: string): number;
}

export function createBuckets(bounds: {
  readonly clock: Clock;
  readonly perSecond: number;
  readonly burst: number;
  readonly sourcesMax: number;
}): Buckets {
  const { clock, perSecond, burst, sourcesMax } = bounds;
  const levels = new Map<string, { level: number; atMs: number }>();
  return {
    take(source) {
      const atMs = clock.monotonicMs();
      const before = levels.get(source) ?? { level: burst, atMs };
      const level = Math.min(burst, before.level + ((atMs - before.atMs) / 1_000) * perSecond);
      const granted = level >= 1;
      // Deleted first so that the map's order is the order of last use.
      levels.delete(source);
      levels.set(source, { level: granted ? level - 1 : level, atMs });
      if (levels.size > sourcesMax) {
        const oldest = levels.keys().next().value;
        levels.delete(oldest ?? source);
      }
      return granted ? 0 : (1 - level) / perSecond;
    },
  };
}

/** RATE_LIMITED with the seconds to wait. */
export function take(buckets: Buckets, source: string, sentence: string): void {
  const waitSeconds = buckets.take(source);
  if (waitSeconds > 0) {
    const retryAfterSeconds = Math.ceil(waitSeconds);
    throw new HansaError('RATE_LIMITED', sentence, {
      fix: `retry in ${retryAfterSeconds} s`,
      facts: { retryAfterSeconds },
    });
  }
}
