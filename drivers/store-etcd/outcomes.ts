// Transactions that carry an idempotency key leave a mark in the same step, for ten minutes. Who
// finds the mark does nothing, and reads what the first one came to from the history around it.
import {
  byteRange,
  compareBytes,
  idempotencyKeyBytesMax,
  idempotencyMs,
  fromUtf8,
  HansaError,
  overLimit,
  startsWith,
  storeLimits,
  utf8,
  type Entry,
  type LeaseId,
  type Op,
  type OpResult,
  type Revision,
  type Transaction,
  type TransactionResult,
} from '@hansa/foundation';
import type { Answered } from './batch.ts';
import { footprintOf, type Footprint } from './footprint.ts';
import type { Keyspace } from './keyspace.ts';
import type { Leases } from './leases.ts';
import { compareResult, compareTarget, type KeyValue, type TxnRequest } from './messages-kv.ts';
import type { Reads } from './reads.ts';
import { pageOf, resultsOf, txnOf } from './translation.ts';

const thenMark = utf8('then');
const elseMark = utf8('else');
const leaseKeptMs = 60_000; // marks of one minute share a lease, which lives that much longer
// as long as both promises together
const leaseSeconds: number = (idempotencyMs + leaseKeptMs) / 1_000;

export interface Marked {
  readonly request: TxnRequest;
  readonly footprint: Footprint;
}

export class Outcomes {
  readonly #keys: Keyspace;
  readonly #leases: Leases;
  readonly #reads: Reads;
  readonly #nowMs: () => number;
  #lease: { readonly id: Promise<LeaseId>; readonly overMs: number } | undefined;

  constructor(needs: {
    readonly keys: Keyspace;
    readonly leases: Leases;
    readonly reads: Reads;
    readonly nowMs: () => number;
  }) {
    this.#keys = needs.keys;
    this.#leases = needs.leases;
    this.#reads = needs.reads;
    this.#nowMs = needs.nowMs;
  }

  /** The transaction that is done once, whoever sends it how often. */
  async mark(transaction: Required<Transaction>, idempotencyKey: string): Promise<Marked> {
    const found = utf8(idempotencyKey).length;
    if (found > idempotencyKeyBytesMax) {
      throw overLimit('bytes of an idempotency key', { limit: idempotencyKeyBytesMax, found });
    }
    const key = this.#keys.outcomeKey(idempotencyKey);
    const inner = txnOf(this.#keys, transaction);
    const lease = await this.#currentLease();
    const put = (value: Uint8Array) => ({ put: { key, value, lease } });
    const absent = {
      key,
      target: compareTarget.version,
      result: compareResult['='],
      version: 0,
    };
    const footprint = footprintOf(transaction);
    footprint.writesMark(key);
    return {
      request: {
        compare: [absent],
        success: [
          {
            txn: {
              compare: inner.compare,
              success: [...inner.success, put(thenMark)],
              failure: [...inner.failure, put(elseMark)],
            },
          },
        ],
        failure: [{ range: { key } }],
      },
      footprint,
    };
  }

  /** After etcd said that a lease is gone: perhaps it was that of the mark. */
  dropLease(): void {
    this.#lease = undefined;
  }

  async read(
    transaction: Required<Transaction>,
    { succeeded, responses, revision }: Answered,
  ): Promise<TransactionResult> {
    const [first] = responses;
    if (succeeded && first?.txn !== undefined) {
      const done = first.txn;
      const ops = done.succeeded ? transaction.then : transaction.else;
      const results = resultsOf(this.#keys, ops, done.responses);
      return { succeeded: done.succeeded, results, revision };
    }
    const mark = first?.range?.kvs[0];
    if (mark === undefined) {
      throw new HansaError('OUTPUT_INVALID', 'etcd answered without the mark that it found');
    }
    return this.#told(transaction, mark);
  }

  async #told(transaction: Required<Transaction>, mark: KeyValue): Promise<TransactionResult> {
    const succeeded = fromUtf8(mark.value) === fromUtf8(thenMark);
    const revision = mark.modRevision;
    const past = new Past(this.#reads, revision);
    const results: OpResult[] = [];
    for (const op of succeeded ? transaction.then : transaction.else) {
      results.push(await past.repeat(op));
    }
    return { succeeded, results, revision };
  }

  #currentLease(): Promise<LeaseId> {
    const nowMs = this.#nowMs();
    if (this.#lease === undefined || this.#lease.overMs <= nowMs) {
      const id = this.#leases.grant(leaseSeconds).then((granted) => granted.id);
      const lease = { id, overMs: nowMs + leaseKeptMs };
      this.#lease = lease;
      id.catch(() => {
        if (this.#lease === lease) {
          this.#lease = undefined;
        }
      });
    }
    return this.#lease.id;
  }
}

/**
 * What each operation of a transaction saw: the revision before it, and of what the transaction had
 * written itself until then, its own.
 */
class Past {
  readonly #reads: Reads;
  readonly #revision: Revision;
  readonly #written: ((key: Uint8Array) => boolean)[] = [];

  constructor(reads: Reads, revision: Revision) {
    this.#reads = reads;
    this.#revision = revision;
  }

  async repeat(op: Op): Promise<OpResult> {
    if ('put' in op) {
      const { key } = op.put;
      this.#written.push((other) => compareBytes(key, other) === 0);
      return { put: {} };
    }
    if ('get' in op) {
      const { key } = op.get;
      const at = this.#isWritten(key) ? this.#revision : this.#revision - 1;
      return { get: { entry: (await this.#reads.get(key, at)).entry } };
    }
    if ('scan' in op) {
      return { scan: { entries: await this.#scan(op.scan) } };
    }
    const target = op.delete;
    const range =
      'key' in target
        ? { start: target.key, end: afterKey(target.key) }
        : { prefix: target.prefix };
    this.#written.push((other) =>
      'key' in target ? compareBytes(target.key, other) === 0 : startsWith(other, target.prefix),
    );
    return { delete: { deleted: await this.#reads.count(range, this.#revision - 1) } };
  }

  #isWritten(key: Uint8Array): boolean {
    return this.#written.some((covers) => covers(key));
  }

  async #scan(scan: Extract<Op, { scan: unknown }>['scan']): Promise<readonly Entry[]> {
    const limit = scan.limit ?? storeLimits.scanEntriesMax;
    const older = await this.#collect(scan, this.#revision - 1, {
      limit,
      keeps: (key) => !this.#isWritten(key),
    });
    const newer = await this.#collect(scan, this.#revision, {
      limit,
      keeps: (key) => this.#isWritten(key),
    });
    const all = [...older, ...newer].toSorted((a, b) => compareBytes(a.key, b.key));
    return pageOf(all.slice(0, limit)).entries;
  }

  async #collect(
    scan: Extract<Op, { scan: unknown }>['scan'],
    revision: Revision,
    wanted: { readonly limit: number; readonly keeps: (key: Uint8Array) => boolean },
  ): Promise<Entry[]> {
    const { start, end } = byteRange(scan);
    const kept: Entry[] = [];
    let from: Uint8Array | undefined = start;
    while (from !== undefined && kept.length < wanted.limit) {
      const page = await this.#reads.page({ start: from, end }, { revision });
      kept.push(...page.entries.filter(({ key }) => wanted.keeps(key)));
      const last = page.entries.at(-1);
      from = page.isCut && last !== undefined ? afterKey(last.key) : undefined;
    }
    return kept.slice(0, wanted.limit);
  }
}

function afterKey(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}
