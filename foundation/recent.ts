// What was used last of something that can be made again: a cache in memory with a bound.

export interface Recent<K, V> {
  /** Undefined where it never was, or was forgotten. */
  get(key: K): V | undefined;
  /** Forgets what was not used for longest, where there is one too many. */
  set(key: K, value: V): void;
  delete(key: K): void;
}

export function createRecent<K, V>(max: number): Recent<K, V> {
  // A Map keeps the order of insertion: what is used moves to its end.
  const kept = new Map<K, V>();
  const put = (key: K, value: V): void => {
    kept.delete(key);
    kept.set(key, value);
  };
  return {
    get(key) {
      const value = kept.get(key);
      if (value !== undefined) {
        put(key, value);
      }
      return value;
    },
    set(key, value) {
      put(key, value);
      const [oldest] = kept.keys();
      if (kept.size > max && oldest !== undefined) {
        kept.delete(oldest);
      }
    },
    delete: (key) => void kept.delete(key),
  };
}
