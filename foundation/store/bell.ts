// Wakes whoever waits for a change in a store: one watch for all of them, open only while somebody
// waits. A ring says "look again" and never what has changed, so that a ring too many does no harm.
import { compareBytes, startsWith } from '../bytes.ts';
import { follow } from '../cancellation.ts';
import type { Clock } from '../clock.ts';
import type { KeyValueStore, Revision } from './store.ts';

export interface StoreBell {
  /** When it resolves, every later change under one of the prefixes rings until `leave`. */
  attend(prefixes: readonly Uint8Array[]): Promise<Attendance>;
}

export interface Attendance {
  /** Only these keys ring from now on; all under the prefixes where undefined. */
  narrow(keys: readonly Uint8Array[] | undefined): void;
  /** Forgets what rang until now: called before a look. */
  hush(): void;
  /** Resolves when something rang since `hush`, after `ms`, or when the signal aborts. */
  rung(ms: number, signal?: AbortSignal): Promise<void>;
  leave(): void;
}

const retryMs = 250; // a store that fails over is back within seconds

export function createStoreBell(needs: {
  /** A scope: all of it is watched. */
  readonly store: KeyValueStore;
  readonly clock: Clock;
}): StoreBell {
  return new Bell(needs.store, needs.clock);
}

class Bell implements StoreBell {
  readonly #store: KeyValueStore;
  readonly #clock: Clock;
  readonly #seats = new Set<Seat>();
  #watch: { readonly control: AbortController; readonly open: Promise<void> } | undefined;

  constructor(store: KeyValueStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async attend(prefixes: readonly Uint8Array[]): Promise<Attendance> {
    const seat = new Seat(prefixes, this.#clock, () => this.#left(seat));
    this.#seats.add(seat);
    this.#watch ??= this.#begin();
    await this.#watch.open;
    return seat;
  }

  #begin(): { readonly control: AbortController; readonly open: Promise<void> } {
    const control = new AbortController();
    const begun = this.#now();
    const open = begun.then(() => undefined).catch(() => undefined);
    begun
      .catch(() => undefined)
      .then((from) => this.#follow(from, control.signal))
      .catch(() => undefined); // it ends by its signal alone
    return { control, open };
  }

  async #now(): Promise<Revision> {
    return (await this.#store.get(anyKey)).revision;
  }

  // Whatever fails, everybody looks again and the watch begins anew: nothing depends on its memory.
  async #follow(begun: Revision | undefined, signal: AbortSignal): Promise<void> {
    let from = begun;
    while (!signal.aborted) {
      try {
        const start: Revision = from ?? (await this.#now());
        this.#ringWhereLost(from);
        const batches = this.#store.watch({ prefix: everything }, { from: start, signal });
        for await (const batch of batches) {
          if ('events' in batch) {
            this.#seats.forEach((seat) => seat.hear(batch.events));
          }
        }
      } catch {
        await this.#clock.sleep(retryMs, signal).catch(() => undefined);
      }
      from = undefined;
    }
  }

  #ringWhereLost(from: Revision | undefined): void {
    if (from === undefined) {
      this.#seats.forEach((seat) => seat.ring());
    }
  }

  #left(seat: Seat): void {
    this.#seats.delete(seat);
    if (this.#seats.size === 0) {
      this.#watch?.control.abort();
      this.#watch = undefined;
    }
  }
}

const everything = new Uint8Array(0);
const anyKey = new Uint8Array([0]); // nothing is stored there; what counts is the revision

class Seat implements Attendance {
  readonly #prefixes: readonly Uint8Array[];
  readonly #clock: Clock;
  readonly #left: () => void;
  #keys: readonly Uint8Array[] | undefined;
  #rang = false;
  #wake: (() => void) | undefined;

  constructor(prefixes: readonly Uint8Array[], clock: Clock, left: () => void) {
    this.#prefixes = prefixes;
    this.#clock = clock;
    this.#left = left;
  }

  narrow(keys: readonly Uint8Array[] | undefined): void {
    this.#keys = keys;
  }

  hush(): void {
    this.#rang = false;
  }

  hear(events: readonly { readonly key: Uint8Array }[]): void {
    if (!this.#rang && events.some(({ key }) => this.#concerns(key))) {
      this.ring();
    }
  }

  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  #concerns(key: Uint8Array): boolean {
    return this.#keys === undefined
      ? this.#prefixes.some((prefix) => startsWith(key, prefix))
      : this.#keys.some((each) => compareBytes(each, key) === 0);
  }

  async rung(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#rang || ms <= 0 || signal?.aborted === true) {
      return;
    }
    const { controller, release } = follow(signal);
    this.#wake = () => controller.abort();
    await this.#clock.sleep(ms, controller.signal).catch(() => undefined);
    this.#wake = undefined;
    release();
  }

  leave(): void {
    this.#left();
  }
}
