// What was used last of something that can be made again: a cache in memory with a bound.

export interface Recent<K, V> {
  /** Undefined where it never was, or was forgotten. */
  get(key: K): V | undefined;
  /** Forgets what was not used for longest, until what is left is within the bound. */
  set(key: K, value: V): void;
  delete(key: K): void;
}

/** As many as `max`, or as weigh that much together. */
export function createRecent<K, V>(
  max: number,
  weigh: (value: V) => number = () => 1,
): Recent<K, V> {
  // A Map keeps the order of insertion: what is used moves to its end.
  const kept = new Map<K, V>();
  let weight = 0;
  const remove = (key: K): void => {
    const value = kept.get(key);
    if (value !== undefined) {
      weight -= weigh(value);
      kept.delete(key);
    }
  };
  return {
    get(key) {
      const value = kept.get(key);
      if (value !== undefined) {
        kept.delete(key);
        kept.set(key, value);
      }
      return value;
    },
    set(key, value) {
      remove(key);
      kept.set(key, value);
      weight += weigh(value);
      for (const oldest of kept.keys()) {
        if (weight <= max) {
          return;
        }
        remove(oldest);
      }
    },
    delete: remove,
  };
}
