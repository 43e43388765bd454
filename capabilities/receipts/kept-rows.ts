// Rows that are held in memory and changed one at a time by what they are now, whoever else writes.
import {
  HansaError,
  watchedTable,
  type KeyValueStore,
  type Table,
  type TuplePart,
  type WatchedTable,
} from '@hansa/foundation';

const attemptsMax = 16; // somebody else came first this often: then it is no accident

export interface KeptRows<T> {
  readonly watched: WatchedTable<T>;
  find(...key: readonly TuplePart[]): T | undefined;
  all(): readonly T[];
  /** The rows whose keys begin with the part. */
  under(part: TuplePart): readonly T[];
  /** Undefined deletes the row; the same value changes nothing. */
  change(key: readonly TuplePart[], next: (now: T | undefined) => T | undefined): Promise<void>;
}

export function keptRows<T>(store: KeyValueStore, table: Table<T>): KeptRows<T> {
  const watched = watchedTable(store, table);
  let groups:
    | { readonly generation: number; readonly rows: ReadonlyMap<TuplePart, readonly T[]> }
    | undefined;
  const attempt = async (
    key: readonly TuplePart[],
    next: (now: T | undefined) => T | undefined,
  ): Promise<boolean> => {
    const row = await table.get(...key);
    const value = next(row?.value);
    if (value === row?.value) {
      return true;
    }
    const operand = row?.modRevision ?? 0;
    const { succeeded, revision } = await store.transact({
      if: [{ key: table.key(...key), target: 'modRevision', op: '=', operand }],
      then: [value === undefined ? table.delete(key) : table.put(key, value)],
    });
    await (succeeded ? watched.reached(revision) : undefined);
    return succeeded;
  };
  return {
    watched,
    find: (...key) => watched.find(...key)?.value,
    all: () => [...watched.rows.values()].map(({ value }) => value),
    under(part) {
      if (groups?.generation !== watched.generation) {
        groups = { generation: watched.generation, rows: grouped(watched) };
      }
      return groups.rows.get(part) ?? [];
    },
    async change(key, next) {
      for (let tried = 0; tried < attemptsMax; tried += 1) {
        if (await attempt(key, next)) {
          return;
        }
      }
      throw new HansaError('CONFLICT', 'somebody else is changing the same row');
    },
  };
}

/** By the first part of their keys, so that one peer's rows are found without all others'. */
function grouped<T>({ rows }: WatchedTable<T>): ReadonlyMap<TuplePart, readonly T[]> {
  const groups = new Map<TuplePart, T[]>();
  for (const { key, value } of rows.values()) {
    const [first = ''] = key;
    const group = groups.get(first);
    if (group === undefined) {
      groups.set(first, [value]);
    } else {
      group.push(value);
    }
  }
  return groups;
}
