// Params behind the router, in a store: newest value per address, many of them in one transaction.
// What is not durable is written within a tenth of a second; what is, at once, and whoever wrote it
// is told when it is there. A crash loses nothing durable, and at most that tenth of the rest.
import type { Clock, Codec, Crypto, KeyValueStore, Log, Op } from '@hansa/foundation';
import type { Keeper } from '../router/core.ts';
import type { Param } from '../router/param.ts';
import type { StoredParam } from '../router/params.ts';
import { keyPartOf, paramTable, storedParam } from './rows.ts';

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
  const { store, codec, crypto, clock, log, isDurable } = needs;
  const params = paramTable(store, codec);
  const dirty: Dirty = new Map();
  /** By address, who is told when it is stored. */
  const waiters = new Map<string, Waiter[]>();
  const stopping = new AbortController();
  let writing: Promise<void> | undefined;
  let gathering = false;
  let ending = false;

  const opOf = (address: string, param: Param | undefined): Op => {
    const key = [keyPartOf(address, crypto)];
    if (param === undefined) {
      return params.delete(key);
    }
    const { value, revision, writer, timestamp, ttl } = param;
    const row = { address, type: value.type, data: value.data, revision, writer, timestamp };
    return params.put(key, ttl === undefined ? row : { ...row, ttl });
  };
  const writeBatch = async (): Promise<void> => {
    const batch = batchOf(dirty, waiters);
    const told: Waiter[] = [];
    const ops: Op[] = [];
    for (const [address, param] of batch) {
      ops.push(opOf(address, param));
      dirty.delete(address);
      told.push(...(waiters.get(address) ?? []));
      waiters.delete(address);
    }
    try {
      await store.transact({ if: [], then: ops });
      told.forEach((waiter) => waiter.stored());
    } catch (error) {
      // What was changed meanwhile is newer than what failed.
      batch.forEach(([address, param]) => dirty.has(address) || dirty.set(address, param));
      told.forEach((waiter) => waiter.failed(error));
      log.problem('signal-keeping.failed', error, { params: batch.length });
      if (ending) {
        throw error;
      }
      await clock.sleep(keepingLimits.retryMs, stopping.signal);
    }
  };
  const writeAll = async (): Promise<void> => {
    try {
      while (dirty.size > 0) {
        await writeBatch();
      }
    } catch {
      // The store fails while we stop: what waits stays unwritten, and was promised to nobody.
    } finally {
      writing = undefined;
    }
  };
  const write = (): Promise<void> => {
    writing ??= Promise.resolve().then(writeAll);
    return writing;
  };
  const gather = (): void => {
    if (gathering || writing !== undefined) {
      return; // whoever writes takes what has come meanwhile
    }
    gathering = true;
    clock.sleep(keepingLimits.gatherMs, stopping.signal).then(
      () => {
        gathering = false;
        void write();
      },
      () => undefined,
    );
  };
  return {
    kept(param) {
      const { address } = param;
      dirty.set(address, param);
      if (!isDurable(address)) {
        gather();
        return undefined;
      }
      const stored = new Promise<void>((resolve, reject) => {
        const others = waiters.get(address);
        const waiter = { stored: resolve, failed: reject };
        if (others === undefined) {
          waiters.set(address, [waiter]);
        } else {
          others.push(waiter);
        }
      });
      void write();
      return stored;
    },
    removed(address) {
      dirty.set(address, undefined);
      gather();
    },
    async load(restore) {
      let count = 0;
      const lapsed: string[] = [];
      for await (const { value } of params.rows()) {
        const stored = storedParam(value);
        const revision = stored.revision + keepingLimits.revisionGap;
        if (restore({ ...stored, revision })) {
          count += 1;
        } else {
          lapsed.push(value.address);
        }
      }
      lapsed.forEach((address) => dirty.set(address, undefined));
      gather();
      return count;
    },
    flush: () => (dirty.size === 0 ? (writing ?? Promise.resolve()) : write()),
    async stop() {
      ending = true;
      await (dirty.size === 0 ? writing : write());
      stopping.abort();
    },
    get waiting() {
      return dirty.size;
    },
  };
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
