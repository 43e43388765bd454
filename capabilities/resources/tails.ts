// The newest changes of every resource in memory, as this node appended them: the digest trie takes
// them from here, and reads from the store only what it missed.
import type { LocalId } from '@hansa/foundation';
import type { Appended } from './appending.ts';

// With this many operations, the trie is brought up to date though nobody asked for a head: in one
// go, they share most of the branches above them.
export const tailOpsDue = 16_384;
const tailBytesMax = 16 * 1_024 * 1_024; // of all tails; what does not fit is read again

export interface Tails {
  /** True where the tail is long enough to be taken in. */
  add(id: LocalId, appended: Appended): boolean;
  /** Taken out: what follows that point without a gap, or nothing. */
  take(id: LocalId, point: { readonly epoch: number; readonly sequence: number }): Appended[];
  forget(id: LocalId): void;
}

interface Tail {
  changes: Appended[];
  ops: number;
  bytes: number;
}

export function createTails(): Tails {
  const tails = new Map<LocalId, Tail>();
  let bytes = 0;
  const forget = (id: LocalId): void => {
    bytes -= tails.get(id)?.bytes ?? 0;
    tails.delete(id);
  };
  return {
    add(id, appended) {
      const last = tails.get(id)?.changes.at(-1)?.point;
      const { epoch } = appended.point;
      if (last !== undefined && (last.epoch !== epoch || last.sequence !== appended.previous)) {
        forget(id); // another node's change lies between
      }
      if (bytes + appended.bytes > tailBytesMax) {
        forget(id);
        return true;
      }
      const tail = tails.get(id) ?? { changes: [], ops: 0, bytes: 0 };
      tails.set(id, tail);
      const before = tail.ops;
      tail.changes.push(appended);
      tail.ops += appended.ops.length;
      tail.bytes += appended.bytes;
      bytes += appended.bytes;
      return Math.floor(tail.ops / tailOpsDue) > Math.floor(before / tailOpsDue);
    },
    take(id, { epoch, sequence }) {
      const { changes = [] } = tails.get(id) ?? {};
      forget(id);
      const isOfEpoch = changes[0]?.point.epoch === epoch;
      const first = changes.findIndex(({ previous }) => previous >= sequence);
      // Where nothing was taken in yet, the first change follows whatever made the resource.
      const follows = sequence === 0 ? false : changes[first]?.previous === sequence;
      return isOfEpoch && follows ? changes.slice(first) : [];
    },
    forget,
  };
}
