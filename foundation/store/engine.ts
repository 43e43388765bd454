// The embedded store: etcd's semantics (revisions, history, transactions, leases, watches) over any
// shelf that a driver brings. Readers see what is published, and a revision is published when it is
// durable.
import type { Clock } from '../clock.ts';
import { HansaError, invariant } from '../errors.ts';
import { silentLog, type Log } from '../log.ts';
import { compactStep, entryAt, entryBefore, readCursor, scanAt } from './history.ts';
import { overLimit, ownKey, ownTransaction, ownWrite } from './rules.ts';
import type { Shelf } from './shelf.ts';
import { StoreLeases } from './leases.ts';
import { StoreOutcomes } from './outcomes.ts';
import { runTransaction, type Committed, type Outcome } from './transaction.ts';
import { Watchers, type WatchOptions, type WatchTarget } from './watchers.ts';
import {
  storeLimits,
  type Entry,
  type KeyRange,
  type KeyValueStore,
  type LeaseId,
  type Op,
  type Revision,
  type ScanOptions,
  type ScanPage,
  type StoreLimits,
  type StoreStatus,
  type Transaction,
  type TransactionResult,
  type WatchBatch,
} from './store.ts';

/** What is kept: the larger of the two. */
export interface HistoryKept {
  readonly revisions: number;
  readonly ms: number;
}

export const historyKept: HistoryKept = { revisions: 100_000, ms: 3_600_000 };
const trimEveryRevisions = 1_000; // how often old history is looked for
const catchUpRevisions = 256; // read at once for a watcher that is behind

export interface StoreEngineNeeds {
  readonly engine: string;
  readonly durability: KeyValueStore['durability'];
  readonly shelf: Shelf;
  readonly clock: Clock;
  /**
   * Runs work in one write transaction and resolves when it is durable, in the order of the calls.
   * Work that throws before it wrote fails alone; one that throws later must leave nothing behind.
   */
  readonly write: <T>(work: () => T) => Promise<T>;
  readonly sizeBytes: () => Promise<number>;
  /** Called once, after the last write. */
  readonly close: () => Promise<void>;
  readonly log?: Log;
  readonly history?: HistoryKept;
}

export function createStoreEngine(needs: StoreEngineNeeds): KeyValueStore {
  return new StoreEngine(needs);
}

class StoreEngine implements KeyValueStore {
  readonly limits: StoreLimits = storeLimits;
  readonly durability: KeyValueStore['durability'];
  readonly #needs: StoreEngineNeeds;
  readonly #shelf: Shelf;
  readonly #log: Log;
  readonly #history: HistoryKept;
  readonly #watchers: Watchers;
  readonly #leases: StoreLeases;
  readonly #outcomes: StoreOutcomes;
  // What readers see. The shelf may be ahead of both: its newest revisions are not published yet.
  #head: Revision;
  #compacted: Revision;
  #trimAt: Revision;
  #trimming: Promise<void> | undefined;
  #closed: HansaError | undefined;

  constructor(needs: StoreEngineNeeds) {
    const { shelf, clock } = needs;
    this.durability = needs.durability;
    this.#needs = needs;
    this.#shelf = shelf;
    this.#log = needs.log ?? silentLog;
    this.#history = needs.history ?? historyKept;
    this.#head = shelf.head();
    this.#compacted = shelf.compacted();
    this.#trimAt = this.#head + trimEveryRevisions;
    this.#watchers = new Watchers({
      batchesMax: storeLimits.watchBatchesMax,
      head: () => this.#head,
      assertKept: (revision) => this.#assertKept(revision),
      readAfter: (revision) => this.#readAfter(revision),
    });
    const below = {
      shelf,
      clock,
      log: needs.log ?? silentLog,
      commit: <T extends object>(work: () => T & MayCommit): Promise<T> => this.#commit(work),
    };
    this.#leases = new StoreLeases(below);
    this.#outcomes = new StoreOutcomes(below);
  }

  async get(
    key: Uint8Array,
    options: { revision?: Revision } = {},
  ): Promise<{ entry: Entry | null; revision: Revision }> {
    this.#assertOpen();
    const revision = this.#readable(options.revision);
    return { entry: entryAt(this.#shelf, this.#shelf.state(ownKey(key)), revision), revision };
  }

  async batchRead(
    keys: readonly Uint8Array[],
  ): Promise<{ entries: readonly (Entry | null)[]; revision: Revision }> {
    this.#assertOpen();
    const limit = storeLimits.scanEntriesMax;
    if (keys.length > limit) {
      throw overLimit('keys of a batch', { limit, found: keys.length });
    }
    const revision = this.#head;
    const read = (key: Uint8Array): Entry | null =>
      entryAt(this.#shelf, this.#shelf.state(ownKey(key)), revision);
    return { entries: keys.map(read), revision };
  }

  async scan(range: KeyRange, options: ScanOptions = {}): Promise<ScanPage> {
    this.#assertOpen();
    const pinned = options.cursor === undefined ? undefined : readCursor(options.cursor).revision;
    const revision = this.#readable(pinned ?? options.revision);
    return scanAt(this.#shelf, range, { ...options, revision });
  }

  async set(
    key: Uint8Array,
    value: Uint8Array,
    options: { lease?: LeaseId } = {},
  ): Promise<{ revision: Revision }> {
    const own = ownWrite(putOp(key, value, options));
    const { result } = await this.#commit(() => this.#run(own));
    return { revision: result.revision };
  }

  async delete(key: Uint8Array): Promise<{ revision: Revision; deleted: 0 | 1 }> {
    const { results, revision } = await this.transact({ if: [], then: [{ delete: { key } }] });
    const [first] = results;
    const deleted = first !== undefined && 'delete' in first && first.delete.deleted > 0;
    return { revision, deleted: deleted ? 1 : 0 };
  }

  async compareAndSet(
    key: Uint8Array,
    expect: { modRevision: Revision },
    value: Uint8Array,
    options: { lease?: LeaseId } = {},
  ): Promise<Swap> {
    return this.#swap(key, expect.modRevision, putOp(key, value, options));
  }

  async compareAndDelete(key: Uint8Array, expect: { modRevision: Revision }): Promise<Swap> {
    return this.#swap(key, expect.modRevision, { delete: { key } });
  }

  async #swap(key: Uint8Array, operand: Revision, op: Op): Promise<Swap> {
    const { succeeded, results, revision } = await this.transact({
      if: [{ key, target: 'modRevision', op: '=', operand }],
      then: [op],
      else: [{ get: { key } }],
    });
    if (succeeded) {
      return { ok: true, revision };
    }
    const [first] = results;
    const current = first !== undefined && 'get' in first ? first.get.entry : null;
    return { ok: false, current, revision };
  }

  async batchWrite(ops: readonly Op[]): Promise<{ revision: Revision }> {
    const { revision } = await this.transact({ if: [], then: ops });
    return { revision };
  }

  async transact(
    transaction: Transaction,
    options: { idempotencyKey?: string } = {},
  ): Promise<TransactionResult> {
    const own = ownTransaction(transaction);
    const run = (): Outcome => this.#run(own);
    const { idempotencyKey } = options;
    const { result } =
      idempotencyKey === undefined
        ? await this.#commit(run)
        : await this.#outcomes.once(idempotencyKey, run);
    return result;
  }

  #run(own: Required<Transaction>): Outcome {
    return runTransaction(this.#shelf, own, this.#needs.clock.now());
  }

  leaseGrant(ttlSeconds: number): Promise<{ id: LeaseId; ttlSeconds: number }> {
    return this.#leases.grant(ttlSeconds);
  }

  async leaseKeepAlive(id: LeaseId): Promise<{ ttlSeconds: number }> {
    this.#assertOpen();
    return this.#leases.keepAlive(id);
  }

  leaseRevoke(id: LeaseId): Promise<void> {
    return this.#leases.revoke(id);
  }

  async leaseTimeToLive(id: LeaseId): Promise<{ ttlSeconds: number; keys: readonly Uint8Array[] }> {
    this.#assertOpen();
    return this.#leases.timeToLive(id);
  }

  watch(target: WatchTarget, options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#watchers.watch(target, options);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    this.#assertExists(revision);
    while (this.#compacted < revision) {
      await this.#compactStep(revision, Number.POSITIVE_INFINITY);
    }
  }

  async #compactStep(target: Revision, youngestMs: number): Promise<boolean> {
    const { reached } = await this.#commit(() => {
      const before = this.#shelf.compacted();
      const step = compactStep(this.#shelf, target, youngestMs);
      // Refused from here on, before the step is durable: the log below is about to go.
      this.#compacted = Math.max(this.#compacted, step);
      return { reached: step > before };
    });
    return reached;
  }

  // Only writing makes history, so writing is what looks for too much of it; no timer is needed.
  #trim(): void {
    if (this.#head < this.#trimAt || this.#trimming !== undefined) {
      return;
    }
    this.#trimAt = this.#head + trimEveryRevisions;
    const target = this.#head - this.#history.revisions;
    if (target <= this.#compacted) {
      return;
    }
    this.#trimming = this.#trimTo(target, this.#needs.clock.now() - this.#history.ms)
      // The next thousand revisions try again.
      .catch((error: unknown) => this.#log.problem('store.trim-failed', error))
      .finally(() => {
        this.#trimming = undefined;
      });
  }

  async #trimTo(target: Revision, youngestMs: number): Promise<void> {
    let reached = true;
    while (reached && this.#compacted < target && this.#closed === undefined) {
      reached = await this.#compactStep(target, youngestMs);
    }
  }

  async status(): Promise<StoreStatus> {
    this.#assertOpen();
    return {
      engine: this.#needs.engine,
      revision: this.#head,
      compactRevision: this.#compacted,
      sizeBytes: await this.#needs.sizeBytes(),
      durability: this.durability,
    };
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) {
      return;
    }
    this.#closed = new HansaError('SHUTTING_DOWN', 'the store is closed');
    this.#leases.stop();
    this.#outcomes.stop();
    this.#watchers.close(this.#closed);
    await this.#trimming;
    await this.#needs.close();
  }

  async #commit<T extends object>(work: () => T & MayCommit): Promise<T> {
    this.#assertOpen();
    const done = await this.#needs.write(work);
    if (done.committed !== undefined) {
      invariant(done.committed.revision > this.#head, 'revisions are published in order');
      this.#head = done.committed.revision;
      this.#watchers.publish(done.committed);
      this.#trim();
    }
    return done;
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) {
      throw this.#closed;
    }
  }

  #assertExists(revision: Revision): void {
    if (!Number.isSafeInteger(revision) || revision < 0 || revision > this.#head) {
      throw new HansaError('STORE_FUTURE_REVISION', `there is no revision ${revision} yet`, {
        facts: { revision, head: this.#head },
      });
    }
  }

  #assertKept(revision: Revision): void {
    this.#assertExists(revision);
    if (revision < this.#compacted) {
      throw new HansaError('STORE_COMPACTED', `revision ${revision} is no longer kept`, {
        facts: { revision, compactRevision: this.#compacted },
      });
    }
  }

  #readable(revision: Revision | undefined): Revision {
    if (revision === undefined) {
      return this.#head;
    }
    this.#assertKept(revision);
    return revision;
  }

  #readAfter(revision: Revision): readonly Committed[] {
    const page: Committed[] = [];
    for (const logged of this.#shelf.loggedFrom(revision + 1)) {
      if (logged.revision > this.#head || page.length >= catchUpRevisions) {
        break;
      }
      const events = logged.events.map((event) => ({
        key: event.key,
        entry: event.entry,
        prev: entryBefore(this.#shelf, event),
      }));
      page.push({ revision: logged.revision, events });
    }
    return page;
  }
}

interface MayCommit {
  readonly committed?: Committed;
}

type Swap =
  | { ok: true; revision: Revision }
  | { ok: false; current: Entry | null; revision: Revision };

function putOp(key: Uint8Array, value: Uint8Array, options: { lease?: LeaseId }): Op {
  const { lease } = options;
  return { put: lease === undefined ? { key, value } : { key, value, lease } };
}
