// Time that passes only when a test says so. Sleepers wait in a heap; advancing lets everything
// that can run, run, then jumps to the next deadline. All drivers of a simulation work in
// microtasks alone, so one turn of the event loop empties them, and one seed gives one order.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@hansa/foundation';

export interface ClockTraits {
  /** Added to the wall time of everybody else. */
  readonly skewMs?: number;
  /** 0.0001 gains a tenth of a millisecond each second; deadlines run at this pace as well. */
  readonly drift?: number;
}

/** One machine's own idea of the same time. */
export interface ClockView extends Clock {
  /** Sets the wall clock, as an operator or a bad time server would; monotonic time goes on. */
  setSkew(skewMs: number): void;
  /** What is asleep on this view, and whoever sleeps on it later, never wakes: its process died. */
  stop(): void;
  /** How many sleep on this view. */
  readonly sleepers: number;
}

export interface VirtualClock extends Clock {
  view(traits?: ClockTraits): ClockView;
  /** Lets `ms` pass; every sleeper wakes at its moment, equal deadlines in the order asked. */
  advance(ms: number): Promise<void>;
  /** Lets everything run that waits for no time. */
  settle(): Promise<void>;
}

/** Wakings at one moment; more is a loop that waits for nothing. */
const wakingsPerMomentMax = 100_000;
/**
 * Where every simulation begins: 2026-01-01T00:00:00Z, a date that certificates can be valid at.
 */
export const simulationStartMs = 1_767_225_600_000;

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it has woken or left. */
  wake: (() => void) | undefined;
}

interface Asleep {
  readonly sleeper: Sleeper;
  /** Lets go of the signal: the runtime keeps combined signals alive for as long as one listens. */
  unhook(): void;
}

export function createVirtualClock(startMs: number = simulationStartMs): VirtualClock {
  const heap = createHeap();
  let nowMs = 0;
  let order = 0;
  const sleepUntil: SleepUntil = (atMs, wake) => {
    order += 1;
    const sleeper: Sleeper = { atMs: Math.max(atMs, nowMs), order, wake };
    heap.push(sleeper);
    return sleeper;
  };
  const view = (traits: ClockTraits = {}): ClockView =>
    createView({ startMs, nowMs: () => nowMs, sleepUntil }, traits);
  return {
    ...view(),
    view,
    async settle() {
      await nextTurn();
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      let wakings = 0;
      await nextTurn();
      for (let next = heap.first(); next !== undefined; next = heap.first()) {
        if (next.atMs > untilMs) {
          break;
        }
        wakings = next.atMs > nowMs ? 0 : wakings + 1;
        if (wakings > wakingsPerMomentMax) {
          throw new Error(`time stands still at ${nowMs} ms: something waits for nothing, again`);
        }
        nowMs = next.atMs;
        heap.shift();
        const { wake } = next;
        next.wake = undefined;
        wake?.();
        await nextTurn();
      }
      nowMs = untilMs;
    },
  };
}

type SleepUntil = (atMs: number, wake: () => void) => Sleeper;

function createView(
  time: { readonly startMs: number; nowMs(): number; readonly sleepUntil: SleepUntil },
  traits: ClockTraits,
): ClockView {
  const pace = 1 + (traits.drift ?? 0);
  const asleep = new Set<Asleep>();
  let skewMs = traits.skewMs ?? 0;
  let stopped = false;
  return {
    now: () => Math.floor(time.startMs + skewMs + time.nowMs() * pace),
    monotonicMs: () => time.nowMs() * pace,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        if (stopped) {
          return;
        }
        const leave = (): void => {
          sleeper.wake = undefined;
          asleep.delete(one);
          reject(signal?.reason);
        };
        const unhook = (): void => signal?.removeEventListener('abort', leave);
        const sleeper = time.sleepUntil(time.nowMs() + Math.max(0, ms) / pace, () => {
          unhook();
          asleep.delete(one);
          resolve();
        });
        const one = { sleeper, unhook };
        asleep.add(one);
        signal?.addEventListener('abort', leave, { once: true });
      }),
    setSkew(ms) {
      skewMs = ms;
    },
    get sleepers() {
      return asleep.size;
    },
    stop() {
      stopped = true;
      for (const { sleeper, unhook } of asleep) {
        sleeper.wake = undefined;
        unhook();
      }
      asleep.clear();
    },
  };
}

interface Heap {
  push(sleeper: Sleeper): void;
  /** The earliest that has not left; undefined where nobody sleeps. */
  first(): Sleeper | undefined;
  shift(): void;
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

function createHeap(): Heap {
  const items: Sleeper[] = [];
  const swap = (a: number, b: number): void => {
    const [one, other] = [items[a], items[b]];
    if (one !== undefined && other !== undefined) {
      items[a] = other;
      items[b] = one;
    }
  };
  const wakesBefore = (a: number, b: number): boolean => {
    const [one, other] = [items[a], items[b]];
    return one !== undefined && other !== undefined && isBefore(one, other);
  };
  const lift = (from: number): void => {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (wakesBefore(parent, at)) {
        return;
      }
      swap(at, parent);
      at = parent;
    }
  };
  const sink = (): void => {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        least = wakesBefore(child, least) ? child : least;
      }
      if (least === at) {
        return;
      }
      swap(at, least);
      at = least;
    }
  };
  const shift = (): void => {
    swap(0, items.length - 1);
    items.pop();
    sink();
  };
  return {
    push(sleeper) {
      items.push(sleeper);
      lift(items.length - 1);
    },
    first() {
      while (items[0] !== undefined && items[0].wake === undefined) {
        shift();
      }
      return items[0];
    },
    shift,
  };
}
