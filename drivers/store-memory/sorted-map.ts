// A map in the byte order of its keys. Keys are kept as text of one character per byte, whose order
// is the order of the bytes, in runs short enough that inserting into one costs next to nothing.

const runKeysMax = 512; // a run is split in two when it grows longer

export function byteText(bytes: Uint8Array): string {
  // Spread, the bytes would be walked by an iterator, in four times the time.
  return Reflect.apply(String.fromCharCode, undefined, bytes);
}

export class SortedMap<T> {
  #values = new Map<string, T>();
  /** Never empty; every key of a run is below every key of the next. */
  #runs: string[][] = [[]];

  copy(): SortedMap<T> {
    const copy = new SortedMap<T>();
    copy.#values = new Map(this.#values);
    copy.#runs = this.#runs.map((run) => [...run]);
    return copy;
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: T): void {
    const fresh = !this.#values.has(key);
    this.#values.set(key, value);
    if (fresh) {
      this.#insert(key);
    }
  }

  #insert(key: string): void {
    const at = this.#runOf(key);
    const run = this.#runs[at] ?? [];
    run.splice(firstAtLeast(run, key), 0, key);
    if (run.length > runKeysMax) {
      this.#runs.splice(at + 1, 0, run.splice(runKeysMax >> 1));
    }
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) {
      return;
    }
    const at = this.#runOf(key);
    const run = this.#runs[at] ?? [];
    run.splice(firstAtLeast(run, key), 1);
    if (run.length === 0 && this.#runs.length > 1) {
      this.#runs.splice(at, 1);
    }
  }

  /** The last run whose first key is not above the key; the first run where there is none. */
  #runOf(key: string): number {
    let low = 0;
    let high = this.#runs.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.[0] ?? '') <= key) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Values of `[start, end)` in order; the map must not change meanwhile. */
  *ascending(start: string, end: string | undefined): Generator<T, void, undefined> {
    const first = this.#runOf(start);
    for (let at = first; at < this.#runs.length; at += 1) {
      const run = this.#runs[at] ?? [];
      for (let i = at === first ? firstAtLeast(run, start) : 0; i < run.length; i += 1) {
        const key = run[i] ?? '';
        if (end !== undefined && key >= end) {
          return;
        }
        yield this.#value(key);
      }
    }
  }

  /** The same, from the end. */
  *descending(start: string, end: string | undefined): Generator<T, void, undefined> {
    const last = end === undefined ? this.#runs.length - 1 : this.#runOf(end);
    for (let at = last; at >= 0; at -= 1) {
      const run = this.#runs[at] ?? [];
      const from = at === last && end !== undefined ? firstAtLeast(run, end) : run.length;
      for (let i = from - 1; i >= 0; i -= 1) {
        const key = run[i] ?? '';
        if (key < start) {
          return;
        }
        yield this.#value(key);
      }
    }
  }

  #value(key: string): T {
    const value = this.#values.get(key);
    if (value === undefined) {
      throw new Error('broken invariant: the sorted map changed while it was read');
    }
    return value;
  }
}

function firstAtLeast(run: readonly string[], key: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((run[middle] ?? '') < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
