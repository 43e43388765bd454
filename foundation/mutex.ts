// One at a time, in the order asked: for steps of one process that read, decide and write.

export interface Mutex {
  /** Runs the work when all work asked for before it has ended, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** A mutex for every key, which exists only while somebody holds it or waits for it. */
export interface KeyedMutex<K> {
  run<T>(key: K, work: () => Promise<T>): Promise<T>;
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

export function createKeyedMutex<K>(): KeyedMutex<K> {
  const inUse = new Map<K, { readonly mutex: Mutex; users: number }>();
  return {
    async run(key, work) {
      const one = inUse.get(key) ?? { mutex: createMutex(), users: 0 };
      inUse.set(key, one);
      one.users += 1;
      try {
        return await one.mutex.run(work);
      } finally {
        one.users -= 1;
        if (one.users === 0) {
          inUse.delete(key);
        }
      }
    },
  };
}
