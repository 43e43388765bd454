// How many params there may be, how much they may hold, and how much of both one subject makes:
// whose token floods the state leaves room for those of others.
import { routerLimits } from './limits.ts';
import type { Param } from './param.ts';

/** A record and its places in maps, as measured on a heap of a million. */
const recordBytes = 400;

export interface RoomBounds {
  readonly paramsMax: number;
  readonly paramBytesMax: number;
}

/** So many more records, and so many more bytes in all. */
export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

export interface Room {
  /**
   * Why so much more may not be made, in the words of an ERROR; for undefined, by nobody's share.
   */
  refusal(maker: string | undefined, more: Amount): string | undefined;
  /** Negative amounts give back. */
  take(maker: string | undefined, more: Amount): void;
}

/** No place for anybody: only what goes makes some. */
export const noRoom = 'AtCapacity';
const noShare = 'AtCapacity: one token has taken its share of all places';

export function createRoom({ paramsMax, paramBytesMax }: RoomBounds): Room {
  const none = { count: 0, bytes: 0 };
  const all = { count: 0, bytes: 0 };
  const made = new Map<string, { count: number; bytes: number }>();
  const { subjectShare } = routerLimits;
  const exceeds = (held: Amount, more: Amount, share: number): boolean =>
    held.count + more.count > Math.ceil(paramsMax * share) ||
    held.bytes + more.bytes > paramBytesMax * share;
  return {
    refusal(maker, more) {
      const held = maker === undefined ? undefined : made.get(maker);
      if (maker !== undefined && exceeds(held ?? none, more, subjectShare)) {
        return noShare;
      }
      return exceeds(all, more, 1) ? noRoom : undefined;
    },
    take(maker, more) {
      all.count += more.count;
      all.bytes += more.bytes;
      if (maker === undefined) {
        return;
      }
      const held = made.get(maker) ?? { count: 0, bytes: 0 };
      held.count += more.count;
      held.bytes += more.bytes;
      if (held.count > 0) {
        made.set(maker, held);
      } else {
        made.delete(maker);
      }
    },
  };
}

/** What it takes of `paramBytesMax`. */
export function weightOf({ address, value }: Pick<Param, 'address' | 'value'>): number {
  return 2 * address.length + value.data.length + recordBytes;
}
