// A journal in the store: of patterns whose rule asks for it, the newest entries, so many and of so
// many bytes. What passes is gathered for a moment and stored together; REPLAY answers from it, and
// after a restart too.
import type { Clock, Codec, Crypto, KeyValueStore, Log } from '@hansa/foundation';
import { overlaps } from '../patterns/covering.ts';
import { ownEntry, type Journal, type JournalEntry, type JournalQuery } from '../router/journal.ts';
import type { AddressRule, RuleBook } from '../router/rules.ts';
import {
  bytesOf,
  journalTable,
  type Chunk,
  type JournalTable,
  type OrderedEntry,
} from './journal-rows.ts';
import { keyPartOf } from './rows.ts';

export const storedJournalLimits = {
  /** Of a rule that says nothing else: as the journal in memory. */
  bytesDefault: 16_777_216,
  /** Entries are gathered so long; storing them has the rest of the tenth of a second. */
  gatherMs: 50,
  /** One row: four of the largest frames, and half of what a value of the store may have. */
  rowBytesMax: 262_144,
  /** As many as one transaction of any store takes. */
  opsMax: 100,
  /** Under the 1 MiB of a transaction, which keys count in as well. */
  transactionBytesMax: 786_432,
  /** A store that fails is asked again after this. */
  retryMs: 1_000,
} as const;

export interface StoredJournalNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Log;
  readonly ruleOf: RuleBook;
  /** All of them, as they are now. */
  readonly rules: () => readonly AddressRule[];
  /** What remembers where no rule asks for it. */
  readonly otherwise?: Journal | undefined;
}

export interface StoredJournal extends Journal {
  /** Finds what is there; what no rule asks for any more is deleted. */
  load(): Promise<void>;
  /** Rules have changed. */
  review(): void;
  /** Resolves when all that came so far is stored; rejects where the store fails. */
  flush(): Promise<void>;
  /** Stores what waits, then takes nothing more. */
  stop(): Promise<void>;
}

interface Bounds {
  readonly entries: number;
  readonly bytes: number;
}

/** What is remembered of one rule's addresses. */
interface Book {
  readonly name: string;
  /** What is stored, the oldest first. */
  readonly chunks: Chunk[];
  entries: number;
  bytes: number;
  /** What is not stored yet. */
  pending: OrderedEntry[];
  pendingBytes: number;
}

const nothing: Bounds = { entries: 0, bytes: 0 };

export function createStoredJournal(needs: StoredJournalNeeds): StoredJournal {
  return new JournalShelf(needs);
}

class JournalShelf implements StoredJournal {
  readonly #needs: StoredJournalNeeds;
  readonly #table: JournalTable;
  readonly #books = new Map<string, Book>();
  readonly #stopping = new AbortController();
  #order = 0;
  #gathering = false;
  #writing: Promise<void> | undefined;

  constructor(needs: StoredJournalNeeds) {
    this.#needs = needs;
    this.#table = journalTable(needs.store, needs.codec);
  }

  async load(): Promise<void> {
    for await (const [name, chunk] of this.#table.keys()) {
      shelve(this.#book(name), chunk);
      this.#order = Math.max(this.#order, chunk.order);
    }
    if (this.#books.size > 0) {
      this.review();
    }
  }

  keeps(pattern: string): boolean {
    const { otherwise } = this.#needs;
    return otherwise?.keeps(pattern) === true || this.#bookRules(pattern).length > 0;
  }

  wants(address: string): boolean {
    const { ruleOf, otherwise } = this.#needs;
    return otherwise?.wants(address) === true || boundsOf(ruleOf(address)).entries > 0;
  }

  append(entry: JournalEntry): void {
    const { ruleOf, otherwise } = this.#needs;
    const rule = ruleOf(entry.address);
    const bounds = boundsOf(rule);
    if (rule === undefined || bounds.entries === 0) {
      otherwise?.append(entry);
      return;
    }
    this.#order = Math.max(this.#order + 1, entry.timestamp);
    const book = this.#book(this.#nameOf(rule));
    const ordered = { ...ownEntry(entry), order: this.#order };
    book.pending.push(ordered);
    book.pendingBytes += bytesOf(ordered);
    forgetOldest(book, bounds);
    this.#gather();
  }

  async *entries(query: JournalQuery): AsyncIterable<JournalEntry> {
    await this.flush();
    const last = this.#order; // whoever reads slowly would otherwise run after the writers
    const sources: AsyncIterator<JournalEntry>[] = [];
    for (const rule of this.#bookRules(query.pattern)) {
      const book = this.#books.get(this.#nameOf(rule));
      if (book !== undefined) {
        sources.push(this.#read(book, { bounds: boundsOf(rule), last, query }));
      }
    }
    const others = this.#needs.otherwise?.entries(query)[Symbol.asyncIterator]();
    yield* merged(others === undefined ? sources : [...sources, others]);
  }

  review(): void {
    this.#gather();
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) {
      await this.#writing; // it may have begun before the last entry came
    }
    const writing = this.#write();
    this.#writing = writing;
    try {
      await writing;
    } finally {
      this.#writing = undefined;
    }
  }

  async stop(): Promise<void> {
    await this.flush().catch(() => undefined); // it has been told; nothing of it was promised
    this.#stopping.abort();
  }

  #bookRules(pattern: string): readonly AddressRule[] {
    const rules = this.#needs.rules();
    return rules.filter((rule) => boundsOf(rule).entries > 0 && overlaps(rule.pattern, pattern));
  }

  async *#read(book: Book, reading: Reading): AsyncGenerator<OrderedEntry, undefined> {
    const { bounds, last, query } = reading;
    // The oldest row may hold more than the bounds allow.
    let [entriesOver, bytesOver] = [book.entries - bounds.entries, book.bytes - bounds.bytes];
    for (let after = -1; ;) {
      const rows = await this.#table.page(book.name, after);
      if (rows.length === 0) {
        return undefined;
      }
      for (const entry of rows.flat()) {
        after = entry.order;
        const mayLook = query.mayLook?.() ?? true;
        const isWanted = typeof mayLook === 'boolean' ? mayLook : await mayLook;
        if (after > last || !isWanted) {
          return undefined;
        }
        const isOver = entriesOver > 0 || bytesOver > 0;
        entriesOver -= 1;
        bytesOver -= bytesOf(entry);
        if (!isOver && isAsked(entry, query)) {
          yield entry;
        }
      }
    }
  }

  #gather(): void {
    if (this.#gathering) {
      return;
    }
    this.#gathering = true;
    const { clock } = this.#needs;
    const { gatherMs, retryMs } = storedJournalLimits;
    const flushed = async (): Promise<void> => {
      await clock.sleep(gatherMs, this.#stopping.signal);
      this.#gathering = false;
      await this.flush();
    };
    const again = async (): Promise<void> => {
      await clock.sleep(retryMs, this.#stopping.signal);
      this.#gather();
    };
    flushed()
      .catch(again)
      .catch(() => undefined); // only a stop ends the waiting
  }

  async #write(): Promise<void> {
    try {
      const bounds = this.#bounds();
      for (const book of this.#books.values()) {
        await this.#writeBook(book, bounds.get(book.name) ?? nothing);
      }
    } catch (error) {
      this.#needs.log.problem('signal-journal.not-stored', error);
      throw error;
    }
  }

  async #writeBook(book: Book, bounds: Bounds): Promise<void> {
    let waiting = bounds.entries === 0 ? [] : book.pending;
    [book.pending, book.pendingBytes] = [[], 0];
    try {
      for (;;) {
        const made = firstRows(waiting).map((row) => this.#table.put(book.name, row));
        const chunks = made.map(({ chunk }) => chunk);
        const over = overflowing(book, chunks, bounds);
        if (made.length + over.length === 0) {
          break;
        }
        const deletes = over.map((chunk) => this.#table.delete(book.name, chunk));
        const then = [...made.map(({ op }) => op), ...deletes];
        await this.#needs.store.transact({ if: [], then });
        waiting = waiting.slice(chunks.reduce((sum, { count }) => sum + count, 0));
        book.chunks.splice(0, over.length);
        over.forEach(({ count, bytes }) => {
          book.entries -= count;
          book.bytes -= bytes;
        });
        chunks.forEach((chunk) => shelve(book, chunk));
      }
    } finally {
      // What could not be stored waits before what has come meanwhile.
      book.pending = [...waiting, ...book.pending];
      book.pendingBytes = book.pending.reduce((sum, entry) => sum + bytesOf(entry), 0);
      forgetOldest(book, bounds);
    }
    if (book.chunks.length === 0 && book.pending.length === 0) {
      this.#books.delete(book.name);
    }
  }

  #bounds(): ReadonlyMap<string, Bounds> {
    const bounds = new Map<string, Bounds>();
    for (const rule of this.#needs.rules()) {
      const name = this.#nameOf(rule);
      bounds.set(name, bounds.get(name) ?? boundsOf(rule)); // the first counts
    }
    return bounds;
  }

  #book(name: string): Book {
    const known = this.#books.get(name);
    if (known !== undefined) {
      return known;
    }
    const book = { name, chunks: [], entries: 0, bytes: 0, pending: [], pendingBytes: 0 };
    this.#books.set(name, book);
    return book;
  }

  #nameOf({ pattern }: AddressRule): string {
    return keyPartOf(pattern, this.#needs.crypto);
  }
}

interface Reading {
  readonly bounds: Bounds;
  /** The order of the last entry that is read. */
  readonly last: number;
  readonly query: JournalQuery;
}

function boundsOf(rule: AddressRule | undefined): Bounds {
  const { bytesDefault } = storedJournalLimits;
  return { entries: rule?.journalEntries ?? 0, bytes: rule?.journalBytes ?? bytesDefault };
}

function isAsked(entry: JournalEntry, { from, to, matches }: JournalQuery): boolean {
  return entry.timestamp >= from && entry.timestamp <= to && matches(entry);
}

function shelve(book: Book, chunk: Chunk): void {
  book.chunks.push(chunk);
  book.entries += chunk.count;
  book.bytes += chunk.bytes;
}

/** A store that is slow or fails must not cost more memory than the journal's own bounds. */
function forgetOldest(book: Book, { entries, bytes }: Bounds): void {
  let over = 0;
  for (const entry of book.pending) {
    if (book.pending.length - over <= entries && book.pendingBytes <= bytes) {
      break;
    }
    over += 1;
    book.pendingBytes -= bytesOf(entry);
  }
  if (over > 0) {
    book.pending.splice(0, over);
  }
}

/** As many as one transaction puts beside as many deletes. */
function firstRows(entries: readonly OrderedEntry[]): readonly (readonly OrderedEntry[])[] {
  const { opsMax, rowBytesMax, transactionBytesMax } = storedJournalLimits;
  const rows: OrderedEntry[][] = [];
  let row: OrderedEntry[] = [];
  let [rowBytes, bytes] = [0, 0];
  for (const entry of entries) {
    const more = bytesOf(entry);
    if (bytes + more > transactionBytesMax) {
      break;
    }
    if (row.length === 0 || rowBytes + more > rowBytesMax) {
      if (rows.length >= opsMax / 2) {
        break;
      }
      [row, rowBytes] = [[], 0];
      rows.push(row);
    }
    row.push(entry);
    rowBytes += more;
    bytes += more;
  }
  return rows;
}

/** Rows without which there is as much as there may be, the oldest first. */
function overflowing(book: Book, made: readonly Chunk[], bounds: Bounds): readonly Chunk[] {
  let entries = made.reduce((sum, { count }) => sum + count, book.entries);
  let bytes = made.reduce((sum, chunk) => sum + chunk.bytes, book.bytes);
  let over = 0;
  for (const chunk of book.chunks) {
    const isNeeded = entries - chunk.count < bounds.entries && bytes - chunk.bytes < bounds.bytes;
    if (isNeeded || over >= storedJournalLimits.opsMax / 2) {
      break;
    }
    over += 1;
    entries -= chunk.count;
    bytes -= chunk.bytes;
  }
  return book.chunks.slice(0, over);
}

/** The oldest of all first. */
async function* merged(
  sources: readonly AsyncIterator<JournalEntry>[],
): AsyncGenerator<JournalEntry, undefined> {
  try {
    const heads = await Promise.all(sources.map((source) => source.next()));
    for (;;) {
      let first = -1;
      heads.forEach((head, at) => {
        const least = heads[first];
        if (head.done === true) {
          return;
        }
        const isFirst = least?.done !== false || head.value.timestamp < least.value.timestamp;
        first = isFirst ? at : first;
      });
      const [head, source] = [heads[first], sources[first]];
      if (head?.done !== false || source === undefined) {
        return undefined;
      }
      yield head.value;
      heads[first] = await source.next();
    }
  } finally {
    await Promise.all(sources.map(async (source) => source.return?.()));
  }
}
