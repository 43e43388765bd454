// Many callers, one commit: whatever has queued up when a transaction begins is done in it, and
// everybody is answered when it is on the disk. At most one transaction is under way.
import { HansaError, type Log } from '@hansa/foundation';
import type { RootDatabase } from 'lmdb';
import type { LmdbShelf } from './lmdb-shelf.ts';

const batchWorksMax = 1_024; // keeps the event loop free: this many small writes take about 10 ms
const batchBytesMax = 16 * 1_024 * 1_024; // dirty pages live in memory until the commit
const queueMax = 100_000; // callers that wait; more than a second's work

/** One caller's work, from its call to its answer. */
class Queued<T> {
  readonly #work: () => T;
  readonly #resolve: (value: T) => void;
  readonly fail: (error: unknown) => void;
  #value: { readonly of: T } | undefined;

  constructor(work: () => T, resolve: (value: T) => void, reject: (error: unknown) => void) {
    this.#work = work;
    this.#resolve = resolve;
    this.fail = reject;
  }

  run(): void {
    this.#value = { of: this.#work() };
  }

  done(): void {
    if (this.#value !== undefined) {
      this.#resolve(this.#value.of);
    }
  }
}

type AnyQueued = Pick<Queued<unknown>, 'run' | 'done' | 'fail'>;

interface Batch {
  readonly committed: AnyQueued[];
  readonly refused: { readonly queued: AnyQueued; readonly error: unknown }[];
}

export interface GroupCommitNeeds {
  readonly db: Pick<RootDatabase<Buffer, Buffer>, 'childTransaction' | 'resetReadTxn'>;
  readonly shelf: Pick<LmdbShelf, 'begin' | 'finish' | 'written'>;
  readonly log: Log;
  /** What a failed commit means to callers; STORE_UNKNOWN_OUTCOME ends all writing. */
  readonly explain: (error: unknown) => Promise<HansaError>;
}

export class GroupCommit {
  readonly #needs: GroupCommitNeeds;
  #queue: AnyQueued[] = [];
  #pumping: Promise<void> | undefined;
  #broken: HansaError | undefined;

  constructor(needs: GroupCommitNeeds) {
    this.#needs = needs;
  }

  write<T>(work: () => T): Promise<T> {
    if (this.#broken !== undefined) {
      return Promise.reject(this.#broken);
    }
    if (this.#queue.length >= queueMax) {
      const sentence = `${queueMax} writes are waiting for the disk already`;
      return Promise.reject(new HansaError('STORE_UNAVAILABLE', sentence));
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push(new Queued(work, resolve, reject));
      this.#pumping ??= this.#pump();
    });
  }

  /** Resolves when everything queued is answered. */
  async drained(): Promise<void> {
    await this.#pumping;
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#commitOnce();
    }
    this.#pumping = undefined;
  }

  async #commitOnce(): Promise<void> {
    const { db, log, explain } = this.#needs;
    const taken: AnyQueued[] = [];
    try {
      // Only a child transaction is rolled back when its callback throws.
      const batch = await db.childTransaction(() => this.#runBatch(taken));
      db.resetReadTxn(); // whoever is answered now must see what was committed
      this.#queue = this.#queue.slice(taken.length);
      batch.refused.forEach(({ queued, error }) => queued.fail(error));
      batch.committed.forEach((queued) => queued.done());
    } catch (error) {
      const failure = await explain(error);
      log.problem('store.commit-failed', error, { writes: taken.length, code: failure.code });
      this.#fail(taken.length, failure);
    }
  }

  /** Runs in the write transaction. What it throws takes the whole batch back. */
  #runBatch(taken: AnyQueued[]): Batch {
    const { shelf } = this.#needs;
    const batch: Batch = { committed: [], refused: [] };
    shelf.begin();
    while (taken.length < batchWorksMax && shelf.written < batchBytesMax) {
      const queued = this.#queue[taken.length];
      if (queued === undefined) {
        break;
      }
      taken.push(queued);
      const writtenBefore = shelf.written;
      try {
        queued.run();
        batch.committed.push(queued);
      } catch (error) {
        if (shelf.written !== writtenBefore) {
          throw error;
        }
        batch.refused.push({ queued, error });
      }
    }
    shelf.finish();
    return batch;
  }

  // After a failure of the disk nobody knows what it holds, and a second try may seem to succeed:
  // so nothing more is written until the store was closed and what is there was read again.
  #fail(taken: number, failure: HansaError): void {
    const isLast = failure.code === 'STORE_UNKNOWN_OUTCOME';
    const failed = this.#queue.slice(0, Math.max(1, taken));
    this.#queue = this.#queue.slice(failed.length);
    failed.forEach((queued) => queued.fail(failure));
    if (isLast) {
      const sentence = 'the disk failed; the store must be closed and opened again';
      const broken = new HansaError('STORE_UNAVAILABLE', sentence, { cause: failure });
      this.#broken = broken;
      this.#queue.splice(0).forEach((queued) => queued.fail(broken));
    }
  }
}
