// Rows of a table as they were at one revision of the store: however many reads that takes, nothing
// that is written meanwhile is seen.
import { compareBytes, prefixEnd } from '../bytes.ts';
import { invariant } from '../errors.ts';
import type { Entry, KeyValueStore, Revision, ScanOptions } from './store.ts';
import type { Table } from './table.ts';
import type { TuplePart } from './tuple.ts';

export interface RowAt<T> {
  /** The last part of the row's key. */
  readonly key: Uint8Array;
  readonly value: T;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
}

/** By the last part of the rows' keys; without an end, to the last. */
export interface RowRange {
  readonly start?: Uint8Array | undefined;
  /** The first that is no part of it. */
  readonly end?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
  /** How many are read at once, where few are wanted. */
  readonly readAtOnce?: number | undefined;
}

export interface RowsAt<T> {
  row(key: Uint8Array): Promise<RowAt<T> | undefined>;
  /** STORE_COMPACTED where the revision is no longer kept, here as everywhere. */
  rows(range?: RowRange): AsyncIterable<RowAt<T>>;
}

/** Of rows whose keys are these parts and a last one of bytes. */
export function rowsAt<T>(
  store: KeyValueStore,
  table: Table<T>,
  under: { readonly parts: readonly TuplePart[]; readonly revision: Revision },
): RowsAt<T> {
  const { parts, revision } = under;
  const read = (entry: Entry): RowAt<T> => {
    const { key, value } = table.row(entry);
    const last = key.at(-1);
    invariant(last instanceof Uint8Array, 'the last part of a row’s key is bytes');
    const { createRevision, modRevision } = entry;
    return { key: last, value, createRevision, modRevision };
  };
  return {
    async row(key) {
      const { entry } = await store.get(table.key(...parts, key), { revision });
      return entry === null ? undefined : read(entry);
    },
    async *rows({ start, end, reverse, readAtOnce } = {}) {
      const first = start === undefined ? table.key(...parts) : table.key(...parts, start);
      const last = end === undefined ? prefixEnd(table.key(...parts)) : table.key(...parts, end);
      invariant(last !== undefined, 'a key begins with the name of its table');
      if (compareBytes(first, last) >= 0) {
        return;
      }
      const options: ScanOptions = {
        ...(reverse === undefined ? {} : { reverse }),
        ...(readAtOnce === undefined ? {} : { limit: readAtOnce }),
      };
      let page = await store.scan({ start: first, end: last }, { ...options, revision });
      for (;;) {
        yield* page.entries.map(read);
        if (page.cursor === undefined) {
          return;
        }
        page = await store.scan({ start: first, end: last }, { ...options, cursor: page.cursor });
      }
    },
  };
}
