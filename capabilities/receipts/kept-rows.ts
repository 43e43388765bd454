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
  /** Undefined deletes the row; the same value changes nothing. */
  change(key: readonly TuplePart[], next: (now: T | undefined) => T | undefined): Promise<void>;
}

export function keptRows<T>(store: KeyValueStore, table: Table<T>): KeptRows<T> {
  const watched = watchedTable(store, table);
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
