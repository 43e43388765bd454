// When and by whom each shared address was written last: what makes a change newer than another on
// every router alike, whatever revisions they count for themselves.
import { createRecent, type Recent } from '@hansa/foundation';
import { federationLimits } from './limits.ts';

export interface Version {
  /** Microseconds since 1970, and always above the one before. */
  readonly stamp: number;
  /** The router that judged the write. */
  readonly origin: string;
  readonly hops: number;
  /** The link that it came over; undefined where it was made here. */
  readonly via: string | undefined;
}

export function isNewer(
  one: { readonly stamp: number; readonly origin: string },
  other: Version | undefined,
): boolean {
  if (other === undefined || one.stamp !== other.stamp) {
    return one.stamp > (other?.stamp ?? 0);
  }
  return one.origin > other.origin;
}

/**
 * Two routers that judge in one millisecond (they should not, and may while one changes hands) are
 * kept apart by the last three digits.
 */
export function stampOf(nowMs: number, origin: string, known: Version | undefined): number {
  let salt = 0;
  for (let i = 0; i < origin.length; i += 1) {
    salt = (salt * 31 + origin.charCodeAt(i)) % 1_000;
  }
  const stamp = Math.floor(nowMs) * 1_000 + salt;
  return known === undefined || stamp > known.stamp ? stamp : known.stamp + 1;
}

/** Which publications of which routers came already. */
export interface Seen {
  /** True the first time. What is older than all that is remembered counts as seen. */
  isNew(origin: string, id: number): boolean;
}

/** Of one router: a ring of what came, and the greatest that the ring has lost. */
interface Came {
  readonly ids: Set<number>;
  readonly ring: number[];
  at: number;
  forgotten: number;
}

export function createSeen(): Seen {
  const { routersMax, seenMax } = federationLimits;
  const origins: Recent<string, Came> = createRecent(routersMax);
  return {
    isNew(origin, id) {
      let known = origins.get(origin);
      if (known === undefined) {
        known = { ids: new Set(), ring: [], at: 0, forgotten: 0 };
        origins.set(origin, known);
      }
      if (id <= known.forgotten || known.ids.has(id)) {
        return false;
      }
      const first = known.ring[known.at];
      if (first !== undefined) {
        known.ids.delete(first);
        known.forgotten = Math.max(known.forgotten, first);
      }
      known.ids.add(id);
      known.ring[known.at] = id;
      known.at = (known.at + 1) % seenMax;
      return true;
    },
  };
}
