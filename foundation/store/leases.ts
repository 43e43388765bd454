// Leases of an embedded store. That a lease exists is on the shelf; when it ends is only in memory,
// measured on the monotonic clock: a wall clock may jump, and no restart can shorten a lease.
import { createAlarm, type Alarm } from '../alarm.ts';
import type { Clock } from '../clock.ts';
import { HansaError, isHansaError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Shelf } from './shelf.ts';
import { leaseNotFound, runLeaseEnd, type Committed } from './transaction.ts';
import { storeLimits, type LeaseId } from './store.ts';

/** What the parts of the store engine that act by themselves are handed. */
export interface StoreDuties {
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly log: Log;
  readonly commit: <T extends object>(
    work: () => T & { readonly committed?: Committed },
  ) => Promise<T>;
}

/**
 * Writes down why work that nobody waits for failed; the error still goes to the alarm, which
 * retries.
 */
export async function noted(log: Log, name: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isHansaError(error, 'SHUTTING_DOWN')) {
      log.problem(name, error);
    }
    throw error;
  }
}

export class StoreLeases {
  readonly #needs: StoreDuties;
  readonly #alarm: Alarm;

  // Nobody could renew while the process was away, so every lease gets its whole time again. A
  // stored deadline could only be later than that if the wall clock was set back, and then it would
  // be wrong.
  constructor(needs: StoreDuties) {
    this.#needs = needs;
    this.#alarm = createAlarm({ clock: needs.clock, ring: (ids) => this.#end(ids) });
    for (const { id, ttlSeconds } of needs.shelf.leases()) {
      this.#extend(id, ttlSeconds);
    }
  }

  #extend(id: LeaseId, ttlSeconds: number): void {
    this.#alarm.set(id, this.#needs.clock.monotonicMs() + ttlSeconds * 1_000);
  }

  async grant(ttlSeconds: number): Promise<{ id: LeaseId; ttlSeconds: number }> {
    const min = storeLimits.leaseTtlSecondsMin;
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < min) {
      const sentence = `a lease lives a whole number of seconds from ${min} up, not ${ttlSeconds}`;
      throw new HansaError('STORE_LIMIT', sentence, { facts: { limit: min, found: ttlSeconds } });
    }
    const { shelf, commit } = this.#needs;
    const { id } = await commit(() => {
      const granted = shelf.newLease();
      shelf.putLease(granted, ttlSeconds);
      return { id: granted };
    });
    this.#extend(id, ttlSeconds);
    return { id, ttlSeconds };
  }

  /** Not written down: after a restart every lease has its whole time anyway. */
  keepAlive(id: LeaseId): { ttlSeconds: number } {
    const { ttlSeconds } = this.#living(id);
    this.#extend(id, ttlSeconds);
    return { ttlSeconds };
  }

  async revoke(id: LeaseId): Promise<void> {
    const { shelf, clock, commit } = this.#needs;
    const { found } = await commit(() => runLeaseEnd(shelf, id, clock.now()));
    this.#alarm.delete(id);
    if (!found) {
      throw leaseNotFound(id);
    }
  }

  timeToLive(id: LeaseId): { ttlSeconds: number; keys: readonly Uint8Array[] } {
    const { leftMs } = this.#living(id);
    return { ttlSeconds: Math.ceil(leftMs / 1_000), keys: this.#needs.shelf.leaseKeys(id) };
  }

  #living(id: LeaseId): { ttlSeconds: number; leftMs: number } {
    const ttlSeconds = this.#needs.shelf.lease(id);
    const leftMs = (this.#alarm.deadline(id) ?? 0) - this.#needs.clock.monotonicMs();
    if (ttlSeconds === undefined || leftMs <= 0) {
      throw leaseNotFound(id);
    }
    return { ttlSeconds, leftMs };
  }

  async #end(ids: readonly LeaseId[]): Promise<void> {
    const { shelf, clock, log, commit } = this.#needs;
    const ends = ids.map((id) => commit(() => runLeaseEnd(shelf, id, clock.now())));
    await noted(log, 'store.lease-expiry-failed', Promise.all(ends));
  }

  stop(): void {
    this.#alarm.stop();
  }
}
