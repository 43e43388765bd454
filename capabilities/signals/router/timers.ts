// Everything in the router that waits for a moment, on one sleeper: lapsing params, gestures,
// scheduled bundles, idle sessions. Moments are on `clock.monotonicMs`.
import type { Clock, Log } from '@hansa/foundation';

/** What waits; `cancel` may be called at any time and any number of times. */
export interface Timer {
  readonly atMs: number;
  cancel(): void;
}

export interface Timers {
  /** Runs once, at the moment or as soon after it as the clock allows; never at once. */
  at(atMs: number, run: () => void): Timer;
  /** How many wait, those that were cancelled and not yet forgotten included. */
  readonly size: number;
  stop(): void;
}

interface Entry extends Timer {
  readonly order: number;
  run: (() => void) | undefined;
}

// A heap with cancelled entries in it is tidied when they are the most of it, and more than this.
const tidyAfter = 64;

export function createTimers(needs: { readonly clock: Clock; readonly log: Log }): Timers {
  return new TimerHeap(needs.clock, needs.log);
}

class TimerHeap implements Timers {
  readonly #clock: Clock;
  readonly #log: Log;
  #heap: Entry[] = [];
  #order = 0;
  #cancelled = 0;
  #stopped = false;
  #running = false;
  #sleeper: { readonly atMs: number; readonly control: AbortController } | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  get size(): number {
    return this.#heap.length;
  }

  at(atMs: number, run: () => void): Timer {
    this.#order += 1;
    const entry: Entry = { atMs, order: this.#order, run, cancel: () => this.#cancel(entry) };
    this.#push(entry);
    if (!this.#running) {
      this.#arm();
    }
    return entry;
  }

  stop(): void {
    this.#stopped = true;
    this.#heap = [];
    this.#sleeper?.control.abort();
    this.#sleeper = undefined;
  }

  #cancel(entry: Entry): void {
    if (entry.run === undefined) {
      return;
    }
    entry.run = undefined;
    this.#cancelled += 1;
    if (this.#cancelled > tidyAfter && this.#cancelled * 2 > this.#heap.length) {
      const kept = this.#heap.filter((one) => one.run !== undefined);
      this.#heap = kept.sort(compare); // a sorted list is a heap
      this.#cancelled = 0;
    }
  }

  #arm(): void {
    const next = this.#heap[0];
    if (this.#stopped || next === undefined) {
      return;
    }
    if (this.#sleeper !== undefined && this.#sleeper.atMs <= next.atMs) {
      return;
    }
    this.#sleeper?.control.abort();
    const control = new AbortController();
    const sleeper = { atMs: next.atMs, control };
    this.#sleeper = sleeper;
    // Rounded up: a timer that fires early would only sleep again.
    const waitMs = Math.max(0, Math.ceil(next.atMs - this.#clock.monotonicMs()));
    this.#clock.sleep(waitMs, control.signal).then(
      () => this.#wake(sleeper),
      () => undefined,
    );
  }

  #wake(sleeper: object): void {
    if (this.#sleeper !== sleeper) {
      return;
    }
    this.#sleeper = undefined;
    const nowMs = this.#clock.monotonicMs();
    // What is added meanwhile waits for the next waking, even where it is due: others get a turn.
    const newest = this.#order;
    const later: Entry[] = [];
    this.#running = true;
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= nowMs; next = this.#heap[0]) {
      this.#pop();
      if (next.order > newest) {
        later.push(next);
        continue;
      }
      this.#run(next);
    }
    this.#running = false;
    if (!this.#stopped) {
      later.forEach((entry) => this.#push(entry));
      this.#arm();
    }
  }

  #run(entry: Entry): void {
    const { run } = entry;
    if (run === undefined) {
      this.#cancelled = Math.max(0, this.#cancelled - 1);
      return;
    }
    entry.run = undefined;
    try {
      run();
    } catch (error) {
      // One fault must not stop everybody's time.
      this.#log.problem('signal-timer.failed', error);
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || compare(parent, entry) <= 0) {
        break;
      }
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) {
      return;
    }
    let at = 0;
    for (;;) {
      const childAt = smallerChild(heap, at);
      const child = heap[childAt];
      if (child === undefined || compare(last, child) <= 0) {
        break;
      }
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

function smallerChild(heap: readonly Entry[], at: number): number {
  const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
  const rightFirst = left !== undefined && right !== undefined && compare(right, left) < 0;
  return rightFirst ? 2 * at + 2 : 2 * at + 1;
}

function compare(a: Entry, b: Entry): number {
  return a.atMs - b.atMs || a.order - b.order;
}
