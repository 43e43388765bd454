// How much may be heard: buckets that refill with time, one per cluster and one for all. Whoever is
// refused by one has taken nothing from the other.
import type { Clock } from '@hansa/foundation';

export interface Rate {
  readonly perMinute: number;
  readonly burst: number;
}

// a cluster speaks twice an hour, and some more while it moves
export const perClusterRate: Rate = { perMinute: 12, burst: 5 };
export const overallRate: Rate = { perMinute: 600, burst: 100 }; // ten signatures a second at most
// what one linked peer may hand over, before its signatures are looked at: the peer pays, not
// whoever it names; a peer that comes back tells a hundred and more at once
export const perDelivererRate: Rate = { perMinute: 240, burst: 256 };
export const bucketsMax = 512; // clusters whose bucket is remembered; the idlest is forgotten

export interface Budgets<K> {
  /** Takes one from the key's bucket and one from the common one, or nothing from either. */
  take(key: K): boolean;
}

interface Bucket {
  level: number;
  atMs: number;
}

export function createBudgets<K>(needs: {
  readonly clock: Clock;
  readonly each: Rate;
  readonly all: Rate;
}): Budgets<K> {
  const { clock, each, all } = needs;
  const full = (rate: Rate): Bucket => ({ level: rate.burst, atMs: clock.monotonicMs() });
  const buckets = new Map<K, Bucket>();
  const common = full(all);
  return {
    take(key) {
      const own = buckets.get(key) ?? full(each);
      refill(own, each, clock.monotonicMs());
      refill(common, all, clock.monotonicMs());
      if (own.level < 1 || common.level < 1) {
        return false;
      }
      own.level -= 1;
      common.level -= 1;
      // Deleted first: the map's order is the order of last use.
      buckets.delete(key);
      buckets.set(key, own);
      const [idlest] = buckets.keys();
      if (buckets.size > bucketsMax && idlest !== undefined) {
        buckets.delete(idlest);
      }
      return true;
    },
  };
}

function refill(bucket: Bucket, { perMinute, burst }: Rate, nowMs: number): void {
  const gained = ((nowMs - bucket.atMs) * perMinute) / 60_000;
  bucket.level = Math.min(burst, bucket.level + gained);
  bucket.atMs = nowMs;
}
