// Params behind the router, in a store: newest value per address, many of them in one transaction.
// What is not durable is written within a tenth of a second; what is, at once, and whoever wrote it
// is told when it is there. A crash loses nothing durable, and at most that tenth of the rest.
import type { Clock, Codec, Crypto, KeyValueStore, Log, Op, Table } from '@hansa/foundation';
import type { Keeper } from '../router/core.ts';
import type { Param } from '../router/param.ts';
import type { StoredParam } from '../router/params.ts';
import { keyPartOf, paramTable, storedParam, type ParamRow } from './rows.ts';

export const keepingLimits = {
  /** Relaxed params are gathered so long; writing them has the rest of the tenth of a second. */
  gatherMs: 50,
  /** As many as one transaction of any store takes. */
  batchMax: 100,
  /** Under the 1 MiB of a transaction, which keys and revisions count in as well. */
  batchBytesMax: 786_432,
  /** A store that fails is asked again after this. */
  retryMs: 1_000,
  /**
   * What a crash may have cost of revisions that others have seen: more than anybody writes at one
   * address in a tenth of a second. A restored param goes on above it.
   */
  revisionGap: 1_000_000,
} as const;

/** Of a row beside address, writer and value. */
const rowOverheadBytes = 200;

export interface KeepingNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Log;
  readonly isDurable: (address: string) => boolean;
}

export interface Keeping extends Keeper {
  /** What is stored, each to be put back; a row whose param is not wanted back is deleted. */
  load(restore: (stored: StoredParam) => boolean): Promise<number>;
  /** Resolves when everything that was kept so far is stored. */
  flush(): Promise<void>;
  /** Stores what waits, then takes nothing more. */
  stop(): Promise<void>;
  /** How many addresses wait. */
  readonly waiting: number;
}

interface Waiter {
  stored(): void;
  failed(error: unknown): void;
}

/** What waits at an address: a param to be stored as it then is, or undefined to be deleted. */
type Dirty = Map<string, Param | undefined>;

export function createKeeping(needs: KeepingNeeds): Keeping {
  return new StoreKeeping(needs);
}

class StoreKeeping implements Keeping {
  readonly #needs: KeepingNeeds;
  readonly #params: Table<ParamRow>;
  readonly #dirty: Dirty = new Map();
  /** By address, who is told when it is stored. */
  readonly #waiters = new Map<string, Waiter[]>();
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;
  #gathering = false;
  #ending = false;

  constructor(needs: KeepingNeeds) {
    this.#needs = needs;
    this.#params = paramTable(needs.store, needs.codec);
  }

  get waiting(): number {
    return this.#dirty.size;
  }

  kept(param: Param): Promise<void> | undefined {
    const { address } = param;
    this.#dirty.set(address, param);
    if (!this.#needs.isDurable(address)) {
      this.#gather();
      return undefined;
    }
    const stored = new Promise<void>((resolve, reject) => {
      const waiter = { stored: resolve, failed: reject };
      const others = this.#waiters.get(address);
      if (others === undefined) {
        this.#waiters.set(address, [waiter]);
      } else {
        others.push(waiter);
      }
    });
    void this.#write();
    return stored;
  }

  removed(address: string): void {
    this.#dirty.set(address, undefined);
    this.#gather();
  }

  async load(restore: (stored: StoredParam) => boolean): Promise<number> {
    let count = 0;
    for await (const { value } of this.#params.rows()) {
      const stored = storedParam(value);
      const revision = stored.revision + keepingLimits.revisionGap;
      if (restore({ ...stored, revision })) {
        count += 1;
      } else {
        this.removed(value.address);
      }
    }
    return count;
  }

  async flush(): Promise<void> {
    await (this.#dirty.size === 0 ? this.#writing : this.#write());
  }

  async stop(): Promise<void> {
    this.#ending = true;
    await this.flush();
    this.#stopping.abort();
  }

  #gather(): void {
    if (this.#gathering || this.#writing !== undefined) {
      return; // whoever writes takes what has come meanwhile
    }
    this.#gathering = true;
    this.#needs.clock.sleep(keepingLimits.gatherMs, this.#stopping.signal).then(
      () => {
        this.#gathering = false;
        void this.#write();
      },
      () => undefined,
    );
  }

  /** In the next microtask, so that what comes in one turn is written together. */
  #write(): Promise<void> {
    this.#writing ??= Promise.resolve().then(() => this.#writeAll());
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#dirty.size > 0) {
        await this.#writeBatch();
      }
    } catch {
      // The store fails while we stop: what waits stays unwritten, and was promised to nobody.
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeBatch(): Promise<void> {
    const { store, log, clock } = this.#needs;
    const batch = batchOf(this.#dirty, this.#waiters);
    const told: Waiter[] = [];
    const ops: Op[] = [];
    for (const [address, param] of batch) {
      ops.push(this.#opOf(address, param));
      this.#dirty.delete(address);
      this.#waiters.get(address)?.forEach((waiter) => told.push(waiter));
      this.#waiters.delete(address);
    }
    try {
      await store.transact({ if: [], then: ops });
      told.forEach((waiter) => waiter.stored());
    } catch (error) {
      // What was changed meanwhile is newer than what failed.
      batch.forEach(([address, param]) => {
        if (!this.#dirty.has(address)) {
          this.#dirty.set(address, param);
        }
      });
      told.forEach((waiter) => waiter.failed(error));
      log.problem('signal-keeping.failed', error, { params: batch.length });
      if (this.#ending) {
        throw error;
      }
      await clock.sleep(keepingLimits.retryMs, this.#stopping.signal);
    }
  }

  #opOf(address: string, param: Param | undefined): Op {
    const key = [keyPartOf(address, this.#needs.crypto)];
    if (param === undefined) {
      return this.#params.delete(key);
    }
    const { value, revision, writer, timestamp, ttl } = param;
    const row = { address, type: value.type, data: value.data, revision, writer, timestamp };
    return this.#params.put(key, ttl === undefined ? row : { ...row, ttl });
  }
}

/** Those first that somebody waits for; then as they came. */
function batchOf(
  dirty: Dirty,
  waiters: ReadonlyMap<string, unknown>,
): (readonly [string, Param | undefined])[] {
  const batch: (readonly [string, Param | undefined])[] = [];
  const taken = new Set<string>();
  let bytes = 0;
  const take = (address: string): boolean => {
    const param = dirty.get(address);
    const more = param === undefined ? 0 : param.value.data.length + param.writer.length;
    bytes += more + 3 * address.length + rowOverheadBytes;
    if (batch.length > 0 && bytes > keepingLimits.batchBytesMax) {
      return false;
    }
    taken.add(address);
    batch.push([address, param]);
    return batch.length < keepingLimits.batchMax;
  };
  for (const address of waiters.keys()) {
    if (dirty.has(address) && !take(address)) {
      return batch;
    }
  }
  for (const address of dirty.keys()) {
    if (!taken.has(address) && !take(address)) {
      return batch;
    }
  }
  return batch;
}
