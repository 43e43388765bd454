// Transactions that wait at the same time go to etcd as one: each keeps its own comparisons and its
// own branch, as a transaction within the transaction. Nobody is held back to make a batch: what
// comes while the calls in flight are under way is the next one.
import { HansaError, type Clock } from '@hansa/foundation';
import { Footprint } from './footprint.ts';
import type { RequestOp, ResponseOp, TxnRequest } from './messages-kv.ts';

/** What one transaction came to. */
export interface Answered {
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
  readonly revision: number;
}

export interface Job {
  readonly request: TxnRequest;
  readonly footprint: Footprint;
  readonly bytes: number;
  /** On the monotonic clock: who still waits then is told that nothing was done. */
  readonly overMs: number;
  /** May be sent again although it may have been done: it finds its own mark. */
  readonly isMarked: boolean;
  resolve(answer: Answered): void;
  reject(error: unknown): void;
}

interface Queued extends Job {
  /** Refused within a batch, it goes alone, so that the blame falls on one. */
  isAlone: boolean;
}

export interface BatchesNeeds {
  readonly clock: Clock;
  /** Rejects with a Doubt where the outcome is not known, with what it was refused for otherwise. */
  readonly send: (request: TxnRequest, overMs: number) => Promise<Answered>;
}

/** Nobody knows whether it was done. */
export class Doubt extends Error {
  readonly inner: HansaError;

  constructor(inner: HansaError) {
    super(inner.message, { cause: inner });
    this.inner = inner;
  }
}

// Two: while one is being written by the members, the next is on its way. More in flight makes
// smaller batches.
export const inFlightMax = 2;
const etcdOpsMax = 128; // of a transaction and the deepest one within it together
export const batchOpsMax = 100;
export const batchBytesMax: number = 1_024 * 1_024; // etcd's default request is 1.5 MiB
const passedMax = 256; // of those that must wait, while a batch is made: each costs a comparison

export class Batches {
  readonly #needs: BatchesNeeds;
  readonly #flying = new Set<Footprint>();
  #waiting: Queued[] = [];
  #isWoken = false;
  #drained: (() => void)[] = [];

  constructor(needs: BatchesNeeds) {
    this.#needs = needs;
  }

  add(job: Job): void {
    this.#waiting.push({ ...job, isAlone: false });
    this.#wake();
  }

  /** Resolves when nothing waits and nothing is in flight. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#wake();
    });
  }

  /** Those in flight end by themselves. */
  rejectWaiting(error: HansaError): void {
    this.#waiting.splice(0).forEach((job) => job.reject(error));
  }

  /** After everybody who was just answered had a turn: they are the ones who call next. */
  #wake(): void {
    if (!this.#isWoken) {
      this.#isWoken = true;
      process.nextTick(() => {
        this.#isWoken = false;
        this.#pump();
      });
    }
  }

  #pump(): void {
    this.#dropOver();
    while (this.#flying.size < inFlightMax && this.#waiting.length > 0) {
      const batch = this.#take();
      if (batch === undefined) {
        break;
      }
      void this.#fly(batch);
    }
    if (this.#flying.size === 0 && this.#waiting.length === 0) {
      this.#drained.splice(0).forEach((resolve) => resolve());
    }
  }

  #dropOver(): void {
    const nowMs = this.#needs.clock.monotonicMs();
    if (!this.#waiting.some(({ overMs }) => overMs <= nowMs)) {
      return;
    }
    const late = this.#waiting.filter(({ overMs }) => overMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ overMs }) => overMs > nowMs);
    const error = new HansaError('STORE_UNAVAILABLE', 'etcd took nothing for too long');
    late.forEach((job) => job.reject(error));
  }

  /** The next batch in the order of calls; who must wait for another lets nobody who must wait pass. */
  #take(): Batch | undefined {
    const batch = new Batch();
    const before = new Footprint();
    this.#flying.forEach((footprint) => before.add(footprint));
    const left: Queued[] = [];
    let looked = 0;
    for (const job of this.#waiting) {
      if (left.length >= passedMax || batch.isFull) {
        break;
      }
      looked += 1;
      const mustWait = job.footprint.conflictsWith(before);
      if (mustWait || job.footprint.conflictsWith(batch.footprint) || !batch.take(job)) {
        before.add(job.footprint);
        left.push(job);
      }
    }
    if (batch.jobs.length === 0) {
      return undefined;
    }
    this.#waiting = left.concat(this.#waiting.slice(looked));
    return batch;
  }

  async #fly(batch: Batch): Promise<void> {
    const { jobs, footprint } = batch;
    this.#flying.add(footprint);
    try {
      const overMs = Math.max(...jobs.map((job) => job.overMs));
      const answer = await this.#needs.send(batch.request(), overMs);
      batch.answer(answer);
    } catch (error) {
      this.#failed(jobs, error);
    } finally {
      this.#flying.delete(footprint);
      this.#wake();
    }
  }

  #failed(jobs: readonly Queued[], error: unknown): void {
    const again: Queued[] = [];
    for (const job of jobs) {
      if (error instanceof Doubt) {
        if (job.isMarked && this.#needs.clock.monotonicMs() < job.overMs) {
          again.push(job);
        } else {
          job.reject(error.inner);
        }
      } else if (jobs.length > 1 && !isEverybodys(error)) {
        job.isAlone = true;
        again.push(job);
      } else {
        job.reject(error);
      }
    }
    this.#waiting.unshift(...again);
  }
}

/** What no transaction can help: all of the batch are told at once. */
function isEverybodys(error: unknown): boolean {
  const codes: readonly string[] = ['STORE_UNAVAILABLE', 'STORE_REFUSED', 'SHUTTING_DOWN'];
  return !(error instanceof HansaError) || codes.includes(error.code);
}

class Batch {
  readonly jobs: Queued[] = [];
  readonly footprint = new Footprint();
  #ops = 0;
  #deepest = 0;
  #bytes = 0;

  get isFull(): boolean {
    return this.jobs[0]?.isAlone === true || this.#ops >= batchOpsMax;
  }

  /** False where there is no room for it. */
  take(job: Queued): boolean {
    const { ops, depth } = sizeOf(job.request);
    const fits =
      this.#ops + ops <= batchOpsMax &&
      this.#ops + ops + Math.max(this.#deepest, depth) <= etcdOpsMax &&
      this.#bytes + job.bytes <= batchBytesMax &&
      !job.isAlone;
    if (this.jobs.length > 0 && !fits) {
      return false;
    }
    this.jobs.push(job);
    this.footprint.add(job.footprint);
    this.#ops += ops;
    this.#deepest = Math.max(this.#deepest, depth);
    this.#bytes += job.bytes;
    return true;
  }

  request(): TxnRequest {
    const [only] = this.jobs;
    if (only !== undefined && this.jobs.length === 1) {
      return only.request;
    }
    const success = this.jobs.flatMap(({ request }): readonly RequestOp[] =>
      isFlat(request) ? request.success : [{ txn: request }],
    );
    return { compare: [], success, failure: [] };
  }

  answer({ succeeded, responses, revision }: Answered): void {
    const [only] = this.jobs;
    if (only !== undefined && this.jobs.length === 1) {
      only.resolve({ succeeded, responses, revision });
      return;
    }
    let at = 0;
    for (const { request, resolve } of this.jobs) {
      const count = isFlat(request) ? request.success.length : 1;
      const part = responses.slice(at, at + count);
      at += count;
      const inner = part[0]?.txn;
      if (isFlat(request) || inner === undefined) {
        resolve({ succeeded: true, responses: part, revision });
      } else {
        resolve({ succeeded: inner.succeeded, responses: inner.responses, revision });
      }
    }
  }
}

/** Without comparisons there is nothing to decide: its operations stand in the batch themselves. */
function isFlat({ compare }: TxnRequest): boolean {
  return compare.length === 0;
}

function sizeOf(request: TxnRequest): { readonly ops: number; readonly depth: number } {
  return isFlat(request)
    ? { ops: request.success.length, depth: 0 }
    : { ops: 1, depth: depthOf(request) };
}

/** As etcd counts: the largest of its lists, and below it the deepest of what is within. */
function depthOf({ compare, success, failure }: TxnRequest): number {
  const within = [...success, ...failure].map(({ txn }) => (txn === undefined ? 0 : depthOf(txn)));
  return Math.max(compare.length, success.length, failure.length) + Math.max(0, ...within);
}
