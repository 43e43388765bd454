// A journal as it stands in the store: by the pattern of its rule, rows of entries that came
// together. A row's key tells how much is in it, so that a start reads keys alone.
import {
  bytesSchema,
  table,
  unpackKey,
  type Codec,
  type KeyValueStore,
  type Op,
  type TuplePart,
} from '@hansa/foundation';
import { z } from 'zod';
import { signalTypes, type SignalType } from '../frames/messages.ts';
import type { JournalEntry } from '../router/journal.ts';

export interface OrderedEntry extends JournalEntry {
  /** Rises from entry to entry, over all patterns and all lives. */
  readonly order: number;
}

/** A row, as its key tells of it. */
export interface Chunk {
  /** Of its last entry. */
  readonly order: number;
  readonly count: number;
  readonly bytes: number;
}

type StoredEntry = Omit<OrderedEntry, 'signal'> & { readonly signal?: SignalType | undefined };

const chunkSchema: z.ZodType<readonly StoredEntry[]> = z.array(
  z.object({
    order: z.number().int().nonnegative(),
    address: z.string(),
    signal: z.enum(signalTypes).optional(),
    timestamp: z.number().int().nonnegative(),
    author: z.string(),
    frame: bytesSchema,
  }),
);

/** What an entry takes beside its frame, its address and its author. */
const entryOverheadBytes = 64;

export function bytesOf({ address, author, frame }: JournalEntry): number {
  return frame.length + 3 * address.length + author.length + entryOverheadBytes;
}

export interface JournalTable {
  put(book: string, entries: readonly OrderedEntry[]): { readonly op: Op; readonly chunk: Chunk };
  delete(book: string, chunk: Chunk): Op;
  /** Each pattern's key part with each of its rows, in order. */
  keys(): AsyncIterable<readonly [book: string, chunk: Chunk]>;
  /** Rows after the one that ends with `after`, some of them; none where there are no more. */
  page(book: string, after: number): Promise<readonly (readonly OrderedEntry[])[]>;
}

/** Rows that are read at once while somebody replays. */
const pageRows = 16;

export function journalTable(store: KeyValueStore, codec: Codec): JournalTable {
  const rows = table({ store, codec, name: 'signal-journal', schema: chunkSchema });
  return {
    put(book, entries) {
      const bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
      const chunk = { order: entries.at(-1)?.order ?? 0, count: entries.length, bytes };
      return { op: rows.put(keyOf(book, chunk), entries.map(stored)), chunk };
    },
    delete: (book, chunk) => rows.delete(keyOf(book, chunk)),
    async *keys() {
      let cursor: string | undefined;
      do {
        const more = cursor === undefined ? {} : { cursor };
        const page = await store.scan({ prefix: rows.prefix() }, { keysOnly: true, ...more });
        for (const { key } of page.entries) {
          const [, book, order, count, bytes] = unpackKey(key);
          yield [String(book), { order: whole(order), count: whole(count), bytes: whole(bytes) }];
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
    async page(book, after) {
      // Not pinned to a revision: who replays slowly outlasts what the store remembers.
      const [start, end] = [rows.key(book, after + 1), rows.key(book, Number.MAX_SAFE_INTEGER)];
      const { entries } = await store.scan({ start, end }, { limit: pageRows });
      return entries.map((entry) => rows.row(entry).value.map(readBack));
    },
  };
}

function stored({ signal, ...entry }: OrderedEntry): StoredEntry {
  return signal === undefined ? entry : { ...entry, signal };
}

function readBack({ signal, ...entry }: StoredEntry): OrderedEntry {
  return { ...entry, signal };
}

function keyOf(book: string, { order, count, bytes }: Chunk): readonly TuplePart[] {
  return [book, order, count, bytes];
}

function whole(part: TuplePart | undefined): number {
  return typeof part === 'number' ? part : 0;
}
