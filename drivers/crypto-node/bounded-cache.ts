// A map that forgets: parsed keys are worth keeping, but a peer that shows ever new keys must not
// grow it.

export interface BoundedCache<V> {
  /** What was made for the key before, or what `make` makes now. */
  get(key: string, make: () => V): V;
}

/** Forgets the entry that was unused the longest once there are more than `entriesMax`. */
export function boundedCache<V>(entriesMax: number): BoundedCache<V> {
  const entries = new Map<string, V>();
  return {
    get(key, make) {
      const known = entries.get(key);
      const value = known ?? make();
      // A Map keeps insertion order: entering again moves the key to the young end.
      entries.delete(key);
      entries.set(key, value);
      const oldest = entries.keys().next();
      if (entries.size > entriesMax && oldest.done !== true) {
        entries.delete(oldest.value);
      }
      return value;
    },
  };
}
