// Leases that many share: what is to go after so many seconds goes with all that was written within
// the same second. A lease of its own for each would be one more write for every pull.
import { isHansaError, type Clock, type KeyValueStore, type LeaseId } from '@hansa/foundation';

export interface LeaseSlots {
  /** Work under a lease that ends after `seconds`, up to two seconds later, never earlier. */
  under<T>(seconds: number, work: (lease: LeaseId) => Promise<T>): Promise<T>;
}

const slotMs = 1_000; // a lease is handed out for so long
const slotSeconds: number = slotMs / 1_000; // and lasts so much longer
const lengthsMax = 64; // different lengths in use; more are not remembered

interface Slot {
  readonly lease: Promise<LeaseId>;
  readonly untilMs: number;
}

export function createLeaseSlots(store: KeyValueStore, clock: Clock): LeaseSlots {
  const slots = new Map<number, Slot>();
  const current = (seconds: number): Promise<LeaseId> => {
    const nowMs = clock.monotonicMs();
    const kept = slots.get(seconds);
    if (kept !== undefined && nowMs < kept.untilMs) {
      return kept.lease;
    }
    if (slots.size >= lengthsMax) {
      slots.clear();
    }
    const lease = store.leaseGrant(seconds + slotSeconds).then(({ id }) => id);
    slots.set(seconds, { lease, untilMs: nowMs + slotMs });
    lease.catch(() => slots.delete(seconds));
    return lease;
  };
  return {
    async under(seconds, work) {
      try {
        return await work(await current(seconds));
      } catch (error) {
        if (!isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
          throw error;
        }
        // The process stood still between its look at the clock and the write.
        slots.delete(seconds);
        return work(await current(seconds));
      }
    },
  };
}
