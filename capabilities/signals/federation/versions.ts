// When and by whom each shared address was written last: what makes a change newer than another on
// every router alike, whatever revisions they count for themselves.
import { createRecent, type Recent } from '@hansa/foundation';
import type { WireValue } from '../frames/messages.ts';
import { federationLimits } from './limits.ts';

export interface StateChange {
  readonly address: string;
  readonly value: WireValue;
  readonly ttl: number | undefined;
  readonly stamp: number;
  readonly origin: string;
  readonly hops: number;
}

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

/** Of one router: what came last, in a ring in the order of the ids. */
interface Came {
  readonly ring: number[];
  /** How many came, those that are forgotten included; the greatest stands last. */
  count: number;
}

export function createSeen(): Seen {
  const origins: Recent<string, Came> = createRecent(federationLimits.routersMax);
  return {
    isNew(origin, id) {
      let known = origins.get(origin);
      if (known === undefined) {
        known = { ring: [], count: 0 };
        origins.set(origin, known);
      }
      const place = placeOf(known, id);
      if (place !== undefined) {
        insert(known, place, id);
      }
      return place !== undefined;
    },
  };
}

const { seenMax } = federationLimits;

/** Behind how many it stands; undefined where it is known, or older than all that is remembered. */
function placeOf({ ring, count }: Came, id: number): number | undefined {
  const oldest = Math.max(0, count - seenMax);
  let [low, high] = [oldest, count];
  if (count > 0 && (ring[(count - 1) % seenMax] ?? 0) < id) {
    low = count; // as nearly always: what came by one way came in order
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((ring[middle % seenMax] ?? 0) < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const isKnown = low < count && ring[low % seenMax] === id;
  return isKnown || (low === oldest && oldest > 0) ? undefined : low;
}

function insert(came: Came, place: number, id: number): void {
  const { ring, count } = came;
  for (let at = count; at > place; at -= 1) {
    ring[at % seenMax] = ring[(at - 1) % seenMax] ?? 0;
  }
  ring[place % seenMax] = id;
  came.count = count + 1;
}
