// What REPLAY reads: the interface of a journal, and one in memory. A journal is opted into;
// streams, events and gestures are stored nowhere else.
import { ownBytes } from '../frames/frame-writer.ts';
import type { SignalType } from '../frames/messages.ts';
import { createFrameQueue } from './frame-queue.ts';
import { routerLimits } from './limits.ts';

export interface JournalEntry {
  readonly address: string;
  readonly signal: SignalType | undefined;
  /** Microseconds since 1970, by the server's clock. */
  readonly timestamp: number;
  /** The session that wrote it. */
  readonly author: string;
  /** As subscribers were told of it. */
  readonly frame: Uint8Array;
}

export interface JournalQuery {
  /** As it was asked; `matches` says the same of an address. */
  readonly pattern: string;
  readonly matches: (entry: JournalEntry) => boolean;
  /** Microseconds, both included. */
  readonly from: number;
  readonly to: number;
  /**
   * Asked before an entry is looked at. A promise: others have their turn first; false: nobody
   * takes what would be found. Who looks at many and waits for nothing between them has to ask.
   */
  readonly mayLook?: (() => boolean | Promise<boolean>) | undefined;
}

export interface Journal {
  /** Whether it may remember anything at addresses of the pattern. */
  keeps(pattern: string): boolean;
  /** Whether it remembers what passes at the address. */
  wants(address: string): boolean;
  append(entry: JournalEntry): void;
  /** Oldest first. It may end or fail at any entry; what is not read costs nothing. */
  entries(query: JournalQuery): AsyncIterable<JournalEntry>;
}

export interface MemoryJournalBounds {
  readonly entriesMax?: number;
  readonly bytesMax?: number;
}

/** Forgets the oldest. */
export function createMemoryJournal(bounds: MemoryJournalBounds = {}): Journal {
  const { entriesMax = routerLimits.journalEntriesMax, bytesMax = routerLimits.journalBytesMax } =
    bounds;
  const kept = createFrameQueue<JournalEntry>();
  let bytes = 0;
  let forgotten = 0;
  return {
    keeps: () => true,
    wants: () => true,
    append(entry) {
      kept.push(ownEntry(entry));
      bytes += entry.frame.length;
      while (kept.size > entriesMax || bytes > bytesMax) {
        bytes -= kept.shift()?.frame.length ?? 0;
        forgotten += 1;
      }
    },
    async *entries({ matches, from, to, mayLook = () => true }) {
      // To the end as it is now: a reader that is slow would otherwise run after the writers. What
      // is forgotten before it is read is not told: a reader would otherwise keep all of it alive.
      const end = forgotten + kept.size;
      for (let place = forgotten; place < end; place = Math.max(place + 1, forgotten)) {
        const answer = mayLook();
        if (!(typeof answer === 'boolean' ? answer : await answer)) {
          return;
        }
        const entry = kept.at(place - forgotten);
        const isInTime = entry !== undefined && entry.timestamp >= from && entry.timestamp <= to;
        if (isInTime && matches(entry)) {
          yield entry;
        }
      }
    },
  };
}

/** To be kept. */
export function ownEntry(entry: JournalEntry): JournalEntry {
  return { ...entry, frame: ownBytes(entry.frame) };
}
