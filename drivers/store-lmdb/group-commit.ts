// Many callers, one commit: whatever has queued up when a transaction begins is done in it, and everybody
// is answered when it is on the disk. At most one transaction is under way.
import { HansaError, type Log } from '@hansa/foundation';
import type { RootDatabase } from 'lmdb';
import { commitFailure } from './lmdb-failure.ts';
import type { LmdbShelf } from './lmdb-shelf.ts';

const batchWorksMax = 1_024; // keeps the event loop free: this many small writes take about 10 ms
const batchBytesMax = 16 * 1_024 * 1_024; // dirty pages live in memory until the commit
const queueMax = 100_000; // callers that wait; more than a second's work

interface Queued {
  /** Runs the work and keeps its value; says what failed, where it did. */
  readonly run: () => void;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

export interface GroupCommit {
  write<T>(work: () => T): Promise<T>;
  /** Resolves when everything queued is answered. */
  drained(): Promise<void>;
}

interface Batch {
  readonly committed: Queued[];
  readonly refused: { readonly queued: Queued; readonly error: unknown }[];
}

export function createGroupCommit(needs: {
  readonly db: RootDatabase<Buffer, Buffer>;
  readonly shelf: LmdbShelf;
  readonly log: Log;
}): GroupCommit {
  const { db, shelf, log } = needs;
  let queue: Queued[] = [];
  let pumping: Promise<void> | undefined;
  let broken: HansaError | undefined;

  // Runs in the write transaction. What it throws takes the whole batch back.
  const runBatch = (taken: Queued[]): Batch => {
    const batch: Batch = { committed: [], refused: [] };
    shelf.begin();
    while (taken.length < batchWorksMax && shelf.written < batchBytesMax) {
      const queued = queue[taken.length];
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
  };

  const commitOnce = async (): Promise<void> => {
    const taken: Queued[] = [];
    try {
      // Only a child transaction is rolled back when its callback throws.
      const batch = await db.childTransaction(() => runBatch(taken));
      db.resetReadTxn(); // whoever is answered now must see what was committed
      queue = queue.slice(taken.length);
      batch.refused.forEach(({ queued, error }) => queued.fail(error));
      batch.committed.forEach((queued) => queued.done());
    } catch (error) {
      const failure = commitFailure(error);
      if (failure.code === 'STORE_UNKNOWN_OUTCOME') {
        broken = new HansaError('STORE_UNAVAILABLE', 'the store failed and must be opened again', {
          cause: error,
        });
      }
      log.problem('store.commit-failed', error, { writes: taken.length });
      const failed = broken === undefined ? queue.slice(0, Math.max(1, taken.length)) : queue;
      queue = queue.slice(failed.length);
      failed.forEach((queued) => queued.fail(failure));
    }
  };

  const pump = async (): Promise<void> => {
    while (queue.length > 0) {
      await commitOnce();
    }
    pumping = undefined;
  };

  return {
    write<T>(work: () => T): Promise<T> {
      if (broken !== undefined) {
        return Promise.reject(broken);
      }
      if (queue.length >= queueMax) {
        const sentence = `${queueMax} writes are waiting for the disk already`;
        return Promise.reject(new HansaError('STORE_UNAVAILABLE', sentence));
      }
      return new Promise<T>((resolve, reject) => {
        let value: { readonly of: T } | undefined;
        const queued: Queued = {
          run: () => {
            value = { of: work() };
          },
          done: () => value !== undefined && resolve(value.of),
          fail: reject,
        };
        queue.push(queued);
        pumping ??= pump();
      });
    },
    drained: async () => pumping,
  };
}
