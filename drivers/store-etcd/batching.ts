// Transactions that wait at the same time go to etcd as one: each keeps its own comparisons and its
// own branch, as a transaction within the transaction. Nobody is held back to make a batch: what
// comes while the calls in flight are under way is the next one.
import { HansaError, type Clock } from '@hansa/foundation';
import { Batch, guardOf, scans, type Answered, type Job, type Queued } from './batch.ts';
import { Footprint } from './footprint.ts';
import type { TxnRequest } from './messages-kv.ts';

export interface BatchesNeeds {
  readonly clock: Clock;
  /**
   * Rejects with a Doubt where the outcome is not known, with what it was refused for otherwise.
   */
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
    this.#waiting.push({ ...job, ...guardOf(job.request), isAlone: scans(job.request) });
    this.#wake();
  }

  /** Resolves when nothing waits and nothing is in flight. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#wake();
    });
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

  /**
   * The next batch in the order of calls; who must wait for another lets nobody who must wait pass.
   */
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
