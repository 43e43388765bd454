// One at a time, in the order asked: for steps of one process that read, decide and write.

export interface Mutex {
  /** Runs the work when all work asked for before it has ended, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run<T>(work: () => Promise<T>): Promise<T> {
      const result = last.then(work);
      last = result.catch(() => undefined);
      return result;
    },
  };
}
