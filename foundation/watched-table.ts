// A table held in memory and kept current by list and watch: what any node can rebuild at any
// moment. After a write of one's own, `reached` waits until the cache shows it.
import { toHex } from './bytes.ts';
import { cancellation } from './cancellation.ts';
import type { Clock } from './clock.ts';
import { listAndWatch, type ListAndWatchOptions } from './list-and-watch.ts';
import type { KeyValueStore, Revision } from './store.ts';
import type { Row, Table } from './table.ts';
import { unpackTuple, type TuplePart } from './tuple.ts';

export interface WatchedTable<T> {
  /** By the hex of the whole key; in no particular order. */
  readonly rows: ReadonlyMap<string, Row<T>>;
  /** Rises with every change of the table: what is derived from it can be cached against this. */
  readonly generation: number;
  find(...parts: Parameters<Table<T>['key']>): Row<T> | undefined;
  /** Resolves once everything up to the revision is in `rows`; rejects where it never will be. */
  reached(revision: Revision): Promise<void>;
  /**
   * Called after every change of a row with its key, and with undefined after the whole table was
   * read anew; until the returned function is called.
   */
  subscribe(changed: (key: readonly TuplePart[] | undefined) => void): () => void;
  /**
   * Fills the table, then keeps it current until the signal aborts; resolves when it is filled.
   * With a clock, a store that is unavailable for a while is waited for.
   */
  start(signal: AbortSignal, clock?: Clock): Promise<void>;
}

interface Waiting {
  readonly revision: Revision;
  resolve(): void;
  reject(reason: unknown): void;
}

export function watchedTable<T>(store: KeyValueStore, table: Table<T>): WatchedTable<T> {
  const rows = new Map<string, Row<T>>();
  const listeners = new Set<(key: readonly TuplePart[] | undefined) => void>();
  const waiting = new Set<Waiting>();
  let generation = 0;
  let seen: Revision = 0;
  let over: { readonly reason: unknown } | undefined;
  const changed = (
    revision: Revision,
    keys: readonly (readonly TuplePart[] | undefined)[],
  ): void => {
    generation += 1;
    seen = revision;
    for (const one of waiting) {
      if (one.revision <= revision) {
        waiting.delete(one);
        one.resolve();
      }
    }
    for (const listener of listeners) {
      for (const key of keys) {
        listener(key);
      }
    }
  };
  const follow = async (options: ListAndWatchOptions, filled: () => void): Promise<void> => {
    for await (const step of listAndWatch(store, { prefix: table.prefix() }, options)) {
      if ('list' in step) {
        rows.clear();
        for (const entry of step.list) {
          rows.set(toHex(entry.key), table.row(entry));
        }
        changed(step.revision, [undefined]);
        filled();
        continue;
      }
      for (const event of step.events) {
        if (event.entry === null) {
          rows.delete(toHex(event.key));
        } else {
          rows.set(toHex(event.key), table.row(event.entry));
        }
      }
      changed(
        step.revision,
        step.events.map((event) => unpackTuple(event.key).slice(1)),
      );
    }
  };
  // Whoever waits for a cache that follows no longer would wait for ever.
  const giveUp = (reason: unknown): void => {
    over = { reason };
    waiting.forEach(({ reject }) => reject(reason));
    waiting.clear();
  };
  return {
    rows,
    get generation() {
      return generation;
    },
    find: (...parts) => rows.get(toHex(table.key(...parts))),
    reached: (revision) =>
      new Promise((resolve, reject) => {
        if (seen >= revision) {
          resolve();
        } else if (over === undefined) {
          waiting.add({ revision, resolve, reject });
        } else {
          reject(over.reason);
        }
      }),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start: (signal, clock) =>
      new Promise((resolve, reject) => {
        const end = (reason: unknown): void => {
          giveUp(reason);
          reject(reason);
        };
        follow(clock === undefined ? { signal } : { signal, clock }, resolve).then(
          () => end(cancellation(signal)),
          end,
        );
      }),
  };
}
