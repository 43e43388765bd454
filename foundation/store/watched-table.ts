// A table held in memory and kept current by list and watch: what any node can rebuild at any
// moment. After a write of one's own, `reached` waits until the cache shows it.
import { toHex } from '../bytes.ts';
import { cancellation } from '../cancellation.ts';
import type { Clock } from '../clock.ts';
import { HansaError } from '../errors.ts';
import { listAndWatch, type ListAndWatchOptions } from './list-and-watch.ts';
import { RowTree } from './row-tree.ts';
import type { Entry, KeyValueStore, Revision, WatchEvent } from './store.ts';
import type { Row, Table } from './table.ts';
import { unpackKey, type TuplePart } from './tuple.ts';

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
  return new CachedTable(store, table);
}

class CachedTable<T> implements WatchedTable<T> {
  readonly rows = new Map<string, Row<T>>();
  readonly #store: KeyValueStore;
  readonly #table: Table<T>;
  readonly #tree = new RowTree<T>();
  readonly #listeners = new Set<(key: readonly TuplePart[] | undefined) => void>();
  readonly #waiting = new Set<Waiting>();
  #generation = 0;
  #seen: Revision = 0;
  #over: { readonly reason: unknown } | undefined;

  constructor(store: KeyValueStore, table: Table<T>) {
    this.#store = store;
    this.#table = table;
  }

  get generation(): number {
    return this.#generation;
  }

  find(...parts: Parameters<Table<T>['key']>): Row<T> | undefined {
    return RowTree.holds(parts)
      ? this.#tree.find(parts)
      : this.rows.get(toHex(this.#table.key(...parts)));
  }

  reached(revision: Revision): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#seen >= revision) {
        resolve();
      } else if (this.#over === undefined) {
        this.#waiting.add({ revision, resolve, reject });
      } else {
        reject(this.#over.reason);
      }
    });
  }

  subscribe(listener: (key: readonly TuplePart[] | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(signal: AbortSignal, clock?: Clock): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (reason: unknown): void => {
        this.#giveUp(signal.aborted ? stopped() : reason);
        reject(reason);
      };
      this.#follow(clock === undefined ? { signal } : { signal, clock }, resolve).then(
        () => end(cancellation(signal)),
        end,
      );
    });
  }

  async #follow(options: ListAndWatchOptions, filled: () => void): Promise<void> {
    const target = { prefix: this.#table.prefix() };
    for await (const step of listAndWatch(this.#store, target, options)) {
      if ('list' in step) {
        this.#fill(step.list);
        this.#changed(step.revision, [undefined]);
        filled();
      } else {
        this.#changed(step.revision, this.#apply(step.events));
      }
    }
  }

  #fill(list: readonly Entry[]): void {
    this.rows.clear();
    this.#tree.clear();
    for (const entry of list) {
      this.#set(entry);
    }
  }

  /** The keys of what changed. */
  #apply(events: readonly WatchEvent[]): readonly (readonly TuplePart[])[] {
    return events.map(({ key, entry }) => {
      if (entry !== null) {
        return this.#set(entry);
      }
      const parts = unpackKey(key).slice(1);
      this.rows.delete(toHex(key));
      if (RowTree.holds(parts)) {
        this.#tree.delete(parts);
      }
      return parts;
    });
  }

  #set(entry: Entry): readonly TuplePart[] {
    const row = this.#table.row(entry);
    this.rows.set(toHex(entry.key), row);
    if (RowTree.holds(row.key)) {
      this.#tree.set(row);
    }
    return row.key;
  }

  #changed(revision: Revision, keys: readonly (readonly TuplePart[] | undefined)[]): void {
    this.#generation += 1;
    this.#seen = revision;
    for (const one of this.#waiting) {
      if (one.revision <= revision) {
        this.#waiting.delete(one);
        one.resolve();
      }
    }
    for (const listener of this.#listeners) {
      keys.forEach((key) => listener(key));
    }
  }

  /** Whoever waits for a cache that follows no longer would wait for ever. */
  #giveUp(reason: unknown): void {
    this.#over = { reason };
    this.#waiting.forEach(({ reject }) => reject(reason));
    this.#waiting.clear();
  }
}

/** For who waits: it is written, and this node will not come to enforce what it says. */
function stopped(): HansaError {
  const message = 'the node stopped before it could show what was written';
  return new HansaError('STORE_UNKNOWN_OUTCOME', message);
}
