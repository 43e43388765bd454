// The store of a cluster of many nodes: etcd's own semantics behind the same interface as LMDB.
// Every write that is acknowledged is on the disks of a majority of etcd's members.
import { randomBytes } from 'node:crypto';
import {
  HansaError,
  isHansaError,
  ownTransaction,
  ownWrite,
  silentLog,
  storeLimits,
  utf8,
  type Clock,
  type Entry,
  type FencedStore,
  type HistoryKept,
  type KeyRange,
  type KeyValueStore,
  type LeaseId,
  type Log,
  type Op,
  type Random,
  type Revision,
  type ScanOptions,
  type ScanPage,
  type StoreFence,
  type StoreLimits,
  type StoreStatus,
  type Transaction,
  type TransactionResult,
  type WatchBatch,
} from '@hansa/foundation';
import type { Answered } from './batch.ts';
import { Batches } from './batching.ts';
import { Calls, callTimes, type CallTimes, type Credentials } from './calls.ts';
import type { EtcdTls } from './connection.ts';
import { behind, withinFence } from './fencing.ts';
import { footprintOf } from './footprint.ts';
import { Keyspace } from './keyspace.ts';
import { Leases } from './leases.ts';
import { Maintenance, type Defragmented } from './maintenance.ts';
import type { TxnRequest } from './messages-kv.ts';
import { Outcomes } from './outcomes.ts';
import { Reads } from './reads.ts';
import { bytesOf, sendTo } from './sending.ts';
import { isReadOnly, resultsOf, txnOf } from './translation.ts';
import { Watches } from './watching.ts';

const defaultPrefix = 'hansa/';

export interface EtcdStoreNeeds {
  /** `host:port` of the members, or of some; with `http://` or `https://` before it if one likes. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly random?: Random;
  readonly log?: Log;
  /** All keys lie under it; `hansa/` where none is given. */
  readonly prefix?: Uint8Array;
  readonly tls?: EtcdTls;
  readonly auth?: Credentials;
  readonly times?: Partial<CallTimes>;
  /** Tests of compaction keep less than a store does. */
  readonly history?: HistoryKept;
}

/** The store, and what one node of the cluster does for it. */
export interface EtcdStore {
  readonly store: FencedStore;
  /** Forgets history beyond its bounds, until the signal aborts. */
  keepCompacting(signal: AbortSignal): Promise<void>;
  /** Gives back the room that was compacted, one member after the other. */
  defragment(): Promise<readonly Defragmented[]>;
  /** Ends the alarm of a full quota. */
  disarm(): Promise<void>;
}

export async function openEtcdStore(needs: EtcdStoreNeeds): Promise<KeyValueStore> {
  return (await openEtcd(needs)).store;
}

/** Rejects where no member answers, or etcd refuses the node. */
export async function openEtcd(needs: EtcdStoreNeeds): Promise<EtcdStore> {
  const { clock, log = silentLog, random = systemRandom, prefix = utf8(defaultPrefix) } = needs;
  // Loaded here, because it brings the library for gRPC.
  const { membersOf } = await import('./connection.ts');
  const members = membersOf(needs.endpoints, needs.tls);
  const calls = new Calls({
    members,
    clock,
    log,
    times: { ...callTimes, ...needs.times },
    auth: needs.auth,
    // Nodes of one cluster should not all ask the same member.
    first: Math.floor(random.fraction() * members.length),
  });
  const keys = new Keyspace(prefix);
  const reads = new Reads(calls, keys);
  try {
    await reads.currentRevision();
  } catch (error) {
    calls.close(closed());
    throw error;
  }
  const maintenance = new Maintenance({ calls, keys, reads, history: needs.history });
  const store = new RemoteStore(shareOf({ calls, keys, reads, maintenance, random }));
  return {
    store,
    keepCompacting: (signal) => maintenance.keepCompacting(signal),
    defragment: () => maintenance.defragment(),
    disarm: () => maintenance.disarm(),
  };
}

const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomBytes(4).readUInt32LE() / 2 ** 32,
};

function closed(): HansaError {
  return new HansaError('SHUTTING_DOWN', 'the store is closed');
}

type Swap =
  | { ok: true; revision: Revision }
  | { ok: false; current: Entry | null; revision: Revision };

/** What every view of one store shares. */
interface Shared {
  readonly calls: Calls;
  readonly keys: Keyspace;
  readonly reads: Reads;
  readonly maintenance: Maintenance;
  readonly leases: Leases;
  readonly outcomes: Outcomes;
  readonly watches: Watches;
  readonly batches: Batches;
}

function shareOf(needs: {
  readonly calls: Calls;
  readonly keys: Keyspace;
  readonly reads: Reads;
  readonly maintenance: Maintenance;
  readonly random: Random;
}): Shared {
  const { calls, keys, reads, maintenance, random } = needs;
  const leases = new Leases(calls, keys, random);
  const nowMs = (): number => calls.clock.monotonicMs();
  const outcomes = new Outcomes({ keys, leases, reads, nowMs });
  const watches = new Watches({ calls, keys, reads });
  const batches = new Batches({
    clock: calls.clock,
    send: (request, overMs) => sendTo(calls, request, overMs),
  });
  return { calls, keys, reads, maintenance, leases, outcomes, watches, batches };
}

class RemoteStore implements FencedStore {
  readonly limits: StoreLimits = storeLimits;
  readonly durability = 'quorum-fsync';
  readonly #shared: Shared;
  readonly #fence: StoreFence | undefined;
  readonly #calls: Calls;
  readonly #keys: Keyspace;
  readonly #reads: Reads;
  readonly #maintenance: Maintenance;
  readonly #leases: Leases;
  readonly #outcomes: Outcomes;
  readonly #watches: Watches;
  readonly #batches: Batches;
  #closing: Promise<void> | undefined;

  constructor(shared: Shared, fence?: StoreFence) {
    this.#shared = shared;
    this.#fence = fence;
    this.#calls = shared.calls;
    this.#keys = shared.keys;
    this.#reads = shared.reads;
    this.#maintenance = shared.maintenance;
    this.#leases = shared.leases;
    this.#outcomes = shared.outcomes;
    this.#watches = shared.watches;
    this.#batches = shared.batches;
  }

  fenced(fence: StoreFence): KeyValueStore {
    return new RemoteStore(this.#shared, fence);
  }

  async get(
    key: Uint8Array,
    options: { revision?: Revision } = {},
  ): Promise<{ entry: Entry | null; revision: Revision }> {
    this.#assertOpen();
    return this.#reads.get(key, options.revision);
  }

  async batchRead(
    keys: readonly Uint8Array[],
  ): Promise<{ entries: readonly (Entry | null)[]; revision: Revision }> {
    this.#assertOpen();
    return this.#reads.many(keys);
  }

  async scan(range: KeyRange, options: ScanOptions = {}): Promise<ScanPage> {
    this.#assertOpen();
    return this.#reads.scan(range, options);
  }

  async set(
    key: Uint8Array,
    value: Uint8Array,
    options: { lease?: LeaseId } = {},
  ): Promise<{ revision: Revision }> {
    const { revision } = await this.#write(ownWrite(putOp(key, value, options)));
    return { revision };
  }

  async delete(key: Uint8Array): Promise<{ revision: Revision; deleted: 0 | 1 }> {
    const { results, revision } = await this.#write(ownWrite({ delete: { key } }));
    const [first] = results;
    const deleted = first !== undefined && 'delete' in first && first.delete.deleted > 0;
    return { revision, deleted: deleted ? 1 : 0 };
  }

  async compareAndSet(
    key: Uint8Array,
    expect: { modRevision: Revision },
    ...[value, options = {}]: [value: Uint8Array, options?: { lease?: LeaseId }]
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
    const { idempotencyKey } = options;
    if (idempotencyKey !== undefined) {
      return this.#writeOnce(own, idempotencyKey);
    }
    return isReadOnly(own) ? this.#read(own) : this.#write(own);
  }

  async #read(own: Required<Transaction>): Promise<TransactionResult> {
    this.#assertOpen();
    const answer = await this.#reads.transact(txnOf(this.#keys, own));
    return this.#result(own, { ...answer, revision: answer.header?.revision ?? 0 });
  }

  async #write(own: Required<Transaction>): Promise<TransactionResult> {
    this.#assertOpen();
    const request = txnOf(this.#keys, own);
    const answer = await this.#batched(request, { footprint: footprintOf(own), isMarked: false });
    return this.#result(own, answer);
  }

  async #writeOnce(own: Required<Transaction>, idempotencyKey: string): Promise<TransactionResult> {
    this.#assertOpen();
    const attempt = async (): Promise<TransactionResult> => {
      const { request, footprint } = await this.#outcomes.mark(own, idempotencyKey);
      const answer = await this.#batched(request, { footprint, isMarked: true });
      return this.#outcomes.read(own, answer);
    };
    try {
      return await attempt();
    } catch (error) {
      if (!isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
        throw error;
      }
      // The mark's lease may have ended; where it was the caller's, the same is said again.
      this.#outcomes.dropLease();
      return attempt();
    }
  }

  #batched(
    request: TxnRequest,
    job: Pick<Parameters<Batches['add']>[0], 'footprint' | 'isMarked'>,
  ): Promise<Answered> {
    const overMs = this.#calls.clock.monotonicMs() + this.#calls.times.callMs;
    const fence = this.#fence;
    if (fence === undefined) {
      return this.#added({ ...job, request, overMs });
    }
    job.footprint.reads(fence.key);
    const guarded = this.#added({ ...job, request: behind(this.#keys, fence, request), overMs });
    return guarded.then(withinFence);
  }

  #added(
    job: Pick<Parameters<Batches['add']>[0], 'footprint' | 'isMarked' | 'request' | 'overMs'>,
  ): Promise<Answered> {
    const bytes = bytesOf(job.request);
    return new Promise((resolve, reject) => {
      this.#batches.add({ ...job, bytes, resolve, reject });
    });
  }

  #result(own: Required<Transaction>, answer: Answered): TransactionResult {
    const { succeeded, responses, revision } = answer;
    const results = resultsOf(this.#keys, succeeded ? own.then : own.else, responses);
    return { succeeded, results, revision };
  }

  async leaseGrant(ttlSeconds: number): Promise<{ id: LeaseId; ttlSeconds: number }> {
    this.#assertOpen();
    return this.#leases.grant(ttlSeconds);
  }

  async leaseKeepAlive(id: LeaseId): Promise<{ ttlSeconds: number }> {
    this.#assertOpen();
    return this.#leases.keepAlive(id);
  }

  async leaseRevoke(id: LeaseId): Promise<void> {
    this.#assertOpen();
    return this.#leases.revoke(id);
  }

  async leaseTimeToLive(id: LeaseId): Promise<{ ttlSeconds: number; keys: readonly Uint8Array[] }> {
    this.#assertOpen();
    return this.#leases.timeToLive(id);
  }

  watch(
    target: Parameters<KeyValueStore['watch']>[0],
    options: Parameters<KeyValueStore['watch']>[1],
  ): AsyncIterable<WatchBatch> {
    return this.#watches.watch(target, options);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    await this.#maintenance.compact(revision);
  }

  async status(): Promise<StoreStatus> {
    this.#assertOpen();
    const compactRevision = await this.#reads.compactRevision();
    const size = await this.#maintenance.size();
    const revision = await this.#reads.currentRevision();
    return { engine: 'etcd', revision, compactRevision, durability: this.durability, ...size };
  }

  /** What was asked for is done first, as far as etcd answers. */
  close(): Promise<void> {
    if (this.#fence !== undefined) {
      return Promise.resolve(); // a view: the store is its opener's
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#watches.close(closed());
    await this.#batches.drained();
    this.#calls.close(closed());
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw closed();
    }
  }
}

function putOp(key: Uint8Array, value: Uint8Array, options: { lease?: LeaseId }): Op {
  const { lease } = options;
  return { put: lease === undefined ? { key, value } : { key, value, lease } };
}
