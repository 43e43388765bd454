// Params behind the router, in a store: newest value per address, many of them in one transaction.
// What is not durable is written within a tenth of a second; what is, at once, and whoever wrote it
// is told when it is there. A crash loses nothing durable, and at most that tenth of the rest.
import {
  HansaError,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Op,
  type Table,
} from '@hansa/foundation';
import type { Keeper } from '../router/core.ts';
import type { Param } from '../router/param.ts';
import type { StoredParam } from '../router/params.ts';
import { claimBlock, keyPartOf, paramTable, storedParam, type ParamRow } from './rows.ts';

export const keepingLimits = {
  /** Relaxed params are gathered so long; writing them has the rest of the tenth of a second. */
  gatherMs: 50,
  /** As many as one transaction of any store takes. */
  batchMax: 100,
  /** Under the 1 MiB of a transaction, which keys and revisions count in as well. */
  batchBytesMax: 786_432,
  /** Transactions under way at once: a store brings them to its disk together. */
  batchesMax: 8,
  /** A store that fails is asked again after this. */
  retryMs: 1_000,
  /** What has waited for longer is written before what somebody waits for. */
  lateMs: 100,
  /** Acknowledgements that wait; beyond, a write is taken and told that it is not stored. */
  waitersMax: 100_000,
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

/** The router, as what was stored is put back into it. */
export interface Restoring {
  revisionsAbove(floor: number): void;
  restore(stored: StoredParam): boolean;
}

export interface Keeping extends Keeper {
  /**
   * Begins a life of the router, above all revisions of earlier ones, and puts back what is stored;
   * a row whose param is not wanted back is deleted.
   */
  load(router: Restoring): Promise<number>;
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
interface Waiting {
  readonly param: Param | undefined;
  /** On `clock.monotonicMs`: since then something there is not stored. */
  readonly sinceMs: number;
}

type Batch = readonly (readonly [string, Waiting])[];

export function createKeeping(needs: KeepingNeeds): Keeping {
  return new StoreKeeping(needs);
}

class StoreKeeping implements Keeping {
  readonly #needs: KeepingNeeds;
  readonly #params: Table<ParamRow>;
  readonly #dirty = new Map<string, Waiting>();
  /** By address, who is told when it is stored. */
  readonly #waiters = new Map<string, Waiter[]>();
  /** Addresses of transactions under way: what comes at one meanwhile waits for their end. */
  readonly #underWay = new Map<string, Waiting>();
  readonly #stopping = new AbortController();
  readonly #awaitedUnderWay = new Set<string>();
  #waitersCount = 0;
  #writing: Idling | undefined;
  #beginning = false;
  #gathering = false;
  /** How many transactions are under way. */
  #batches = 0;
  /** Until it is asked again, the store is left alone. */
  #failing = false;
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
    const waits = this.#needs.isDurable(address) || this.#isAwaited(address);
    this.#mark(address, param);
    if (!waits) {
      this.#gather();
      return undefined;
    }
    if (this.#waitersCount >= keepingLimits.waitersMax) {
      this.#gather();
      return Promise.reject(new HansaError('RATE_LIMITED', 'too many writes wait for the store'));
    }
    this.#waitersCount += 1;
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
    this.#mark(address, undefined);
    this.#gather();
  }

  async load(router: Restoring): Promise<number> {
    router.revisionsAbove(await claimBlock(this.#needs.store, this.#needs.codec));
    let count = 0;
    for await (const { value } of this.#params.rows()) {
      if (router.restore(storedParam(value))) {
        count += 1;
      } else {
        this.removed(value.address);
      }
    }
    return count;
  }

  async flush(): Promise<void> {
    await (this.#dirty.size === 0 ? this.#writing?.ended : this.#write());
  }

  async stop(): Promise<void> {
    this.#ending = true;
    this.#failing = false; // it is asked once more
    await this.flush();
    this.#stopping.abort();
  }

  /** Of one address acknowledgements go in the order of its writes. */
  #isAwaited(address: string): boolean {
    return this.#waiters.has(address) || this.#awaitedUnderWay.has(address);
  }

  #mark(address: string, param: Param | undefined): void {
    const sinceMs = this.#dirty.get(address)?.sinceMs ?? this.#needs.clock.monotonicMs();
    this.#dirty.set(address, { param, sinceMs });
  }

  /** What came first is first in either map. */
  #isLate(): boolean {
    const lateMs = this.#needs.clock.monotonicMs() - keepingLimits.lateMs;
    for (const waiting of [this.#underWay, this.#dirty]) {
      for (const { sinceMs } of waiting.values()) {
        if (sinceMs < lateMs) {
          return true;
        }
        break;
      }
    }
    return false;
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
    this.#writing ??= idling();
    if (!this.#beginning) {
      this.#beginning = true;
      void Promise.resolve().then(() => {
        this.#beginning = false;
        this.#begin();
      });
    }
    return this.#writing.ended;
  }

  /** What waits, in as many transactions as may be under way. */
  #begin(): void {
    while (!this.#failing && this.#batches < keepingLimits.batchesMax) {
      const batch = this.#nextBatch();
      if (batch.length === 0) {
        break;
      }
      this.#batches += 1;
      void this.#writeBatch(batch).then(() => {
        this.#batches -= 1;
        this.#begin();
      });
    }
    // What fails while we stop stays unwritten, and was promised to nobody.
    if (this.#batches === 0 && (!this.#failing || this.#ending)) {
      this.#writing?.end();
      this.#writing = undefined;
    }
  }

  async #writeBatch(batch: Batch): Promise<void> {
    const { store, log } = this.#needs;
    const told: Waiter[] = [];
    const ops: Op[] = [];
    for (const [address, waiting] of batch) {
      ops.push(this.#opOf(address, waiting.param));
      this.#dirty.delete(address);
      this.#underWay.set(address, waiting);
      this.#waiters.get(address)?.forEach((waiter) => told.push(waiter));
      if (this.#waiters.delete(address)) {
        this.#awaitedUnderWay.add(address);
      }
    }
    this.#waitersCount -= told.length;
    try {
      await store.transact({ if: [], then: ops });
      told.forEach((waiter) => waiter.stored());
    } catch (error) {
      this.#takeBack(batch);
      told.forEach((waiter) => waiter.failed(error));
      log.problem('signal-keeping.failed', error, { params: batch.length });
      this.#pause();
    } finally {
      for (const [address] of batch) {
        this.#underWay.delete(address);
        this.#awaitedUnderWay.delete(address);
      }
    }
  }

  /** It waits longest, so it is first again; what was changed meanwhile is newer. */
  #takeBack(batch: Batch): void {
    const since = [...this.#dirty];
    this.#dirty.clear();
    batch.forEach(([address, waiting]) => this.#dirty.set(address, waiting));
    since.forEach(([address, { param, sinceMs }]) => {
      const known = this.#dirty.get(address);
      this.#dirty.set(address, { param, sinceMs: known?.sinceMs ?? sinceMs });
    });
  }

  #pause(): void {
    if (this.#failing) {
      return;
    }
    this.#failing = true;
    if (this.#ending) {
      return;
    }
    this.#needs.clock.sleep(keepingLimits.retryMs, this.#stopping.signal).then(
      () => {
        this.#failing = false;
        this.#begin();
      },
      () => undefined,
    );
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

  /** Those first that somebody waits for, unless something is late; then as they came. */
  #nextBatch(): Batch {
    const batch = new Map<string, Waiting>();
    let bytes = 0;
    for (const address of this.#inOrder()) {
      const waiting = this.#dirty.get(address);
      if (waiting === undefined || batch.has(address) || this.#underWay.has(address)) {
        continue;
      }
      const { param } = waiting;
      const more = param === undefined ? 0 : param.value.data.length + param.writer.length;
      bytes += more + 3 * address.length + rowOverheadBytes;
      if (batch.size > 0 && bytes > keepingLimits.batchBytesMax) {
        break;
      }
      batch.set(address, waiting);
      if (batch.size >= keepingLimits.batchMax) {
        break;
      }
    }
    return [...batch];
  }

  *#inOrder(): Generator<string, undefined> {
    if (!this.#isLate()) {
      yield* this.#waiters.keys();
    }
    yield* this.#dirty.keys();
    return undefined;
  }
}

interface Idling {
  readonly ended: Promise<void>;
  end(): void;
}

function idling(): Idling {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { ended, end: () => end() };
}
