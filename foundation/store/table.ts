// A typed view of one kind of record in a store: keys are tuples, values are checked on the way
// out, because a disk can lie. A capability's `keys.ts` is a list of these.
import type { z } from 'zod';
import { prefixEnd } from '../bytes.ts';
import type { Codec } from '../codec.ts';
import { HansaError, invariant } from '../errors.ts';
import type { Entry, KeyRange, KeyValueStore, Op, Revision } from './store.ts';
import { packKey, unpackKey, type TuplePart } from './tuple.ts';

export interface Row<T> {
  readonly key: readonly TuplePart[];
  readonly value: T;
  readonly modRevision: Revision;
}

export interface Table<T> {
  key(...parts: TuplePart[]): Uint8Array;
  /** The key without its last part's terminator is never needed: a prefix is whole parts. */
  prefix(...parts: TuplePart[]): Uint8Array;
  put(parts: readonly TuplePart[], value: T): Op;
  delete(parts: readonly TuplePart[]): Op;
  /** STORE_DAMAGED where the stored bytes do not fit the schema. */
  row(entry: Entry): Row<T>;
  get(...parts: TuplePart[]): Promise<Row<T> | undefined>;
  /** Every row under the parts, in key order, read in pages pinned to one revision. */
  rows(...parts: TuplePart[]): AsyncIterable<Row<T>>;
  /** Like `rows`, from the row whose next part is `from`, or the first after it. */
  rowsFrom(parts: readonly TuplePart[], from: TuplePart): AsyncIterable<Row<T>>;
}

export function table<T>(needs: {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  /** First part of every key of this table; unique within its store. */
  readonly name: string;
  readonly schema: z.ZodType<T>;
}): Table<T> {
  const { store, codec, name, schema } = needs;
  const key = (...parts: TuplePart[]): Uint8Array => packKey([name, ...parts]);
  const row = (entry: Entry): Row<T> => {
    const parsed = schema.safeParse(codec.decode(entry.value));
    if (!parsed.success) {
      throw new HansaError('STORE_DAMAGED', `a record of "${name}" does not fit its schema`, {
        cause: parsed.error,
      });
    }
    return {
      key: unpackKey(entry.key).slice(1),
      value: parsed.data,
      modRevision: entry.modRevision,
    };
  };
  const pages = async function* (range: KeyRange): AsyncIterable<Row<T>> {
    let cursor: string | undefined;
    do {
      const page = await store.scan(range, cursor === undefined ? {} : { cursor });
      yield* page.entries.map(row);
      cursor = page.cursor;
    } while (cursor !== undefined);
  };
  return {
    key,
    prefix: key,
    put: (parts, value) => ({ put: { key: key(...parts), value: codec.encode(value) } }),
    delete: (parts) => ({ delete: { key: key(...parts) } }),
    row,
    async get(...parts) {
      const { entry } = await store.get(key(...parts));
      return entry === null ? undefined : row(entry);
    },
    rows: (...parts) => pages({ prefix: key(...parts) }),
    rowsFrom(parts, from) {
      const end = prefixEnd(key(...parts));
      invariant(end !== undefined, 'a key begins with the name of its table');
      return pages({ start: key(...parts, from), end });
    },
  };
}
