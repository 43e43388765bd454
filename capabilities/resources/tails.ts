// The newest changes of every resource in memory, as this node appended them: the digest trie takes
// them from here, and reads from the store only what it missed.
import type { LocalId, TrieChange } from '@hansa/foundation';
import type { Appended } from './appending.ts';

// With this many leaves, the trie is brought up to date though nobody asked for a head: in one
// go, they share most of the branches above them.
export const tailLeavesDue = 65_536;
const tailBytesMax = 24 * 1_024 * 1_024; // of all tails; what does not fit is read again
const leafBytes = 160; // of a leaf with its path and hash, beside its key

/** A change as the trie takes it in. */
export interface TailChange extends Pick<Appended, 'point' | 'previous' | 'afterCheckpoint'> {
  readonly leaves: readonly TrieChange[];
}

export interface TailSpan {
  readonly epoch: number;
  /** Where the trie stands. */
  readonly sequence: number;
  readonly until: number;
}

export interface Tails {
  /** True where the tail is long enough to be taken in. */
  add(id: LocalId, change: TailChange): boolean;
  /**
   * Taken out: what follows that point without a gap up to a sequence, or nothing. What lies beyond
   * stays: it may have been appended since the sequence was looked up.
   */
  take(id: LocalId, span: TailSpan): TailChange[];
  forget(id: LocalId): void;
}

interface Tail {
  changes: TailChange[];
  leaves: number;
  bytes: number;
}

export function createTails(): Tails {
  const tails = new Map<LocalId, Tail>();
  let bytes = 0;
  const forget = (id: LocalId): void => {
    bytes -= tails.get(id)?.bytes ?? 0;
    tails.delete(id);
  };
  const add = (id: LocalId, change: TailChange): boolean => {
    const last = tails.get(id)?.changes.at(-1)?.point;
    const { epoch } = change.point;
    const added = change.leaves.reduce((sum, { key }) => sum + leafBytes + key.length, 0);
    if (last !== undefined && (last.epoch !== epoch || last.sequence !== change.previous)) {
      forget(id); // another node's change lies between
    }
    if (bytes + added > tailBytesMax) {
      forget(id);
      return true;
    }
    const tail = tails.get(id) ?? { changes: [], leaves: 0, bytes: 0 };
    tails.set(id, tail);
    const before = tail.leaves;
    tail.changes.push(change);
    tail.leaves += change.leaves.length;
    tail.bytes += added;
    bytes += added;
    return Math.floor(tail.leaves / tailLeavesDue) > Math.floor(before / tailLeavesDue);
  };
  return {
    add,
    take(id, { epoch, sequence, until }) {
      const { changes = [] } = tails.get(id) ?? {};
      forget(id);
      const due = changes.filter(({ point }) => point.sequence <= until);
      changes.slice(due.length).forEach((change) => add(id, change));
      const isOfEpoch = due[0]?.point.epoch === epoch;
      const first = due.findIndex(({ previous }) => previous >= sequence);
      // Where nothing was taken in yet, the first change follows whatever made the resource.
      const follows = sequence === 0 ? false : due[first]?.previous === sequence;
      return isOfEpoch && follows ? due.slice(first) : [];
    },
    forget,
  };
}
