// Streams that end when their reader wants them to: at `return()` and at the signal, at once, even
// where the source behind them is waiting for something that never comes.
import { cancellation, follow } from './cancellation.ts';
import { HansaError } from './errors.ts';

/** What a cancellable reading is made of. */
export interface Reading<T> {
  /** Called at the first `next`; its signal aborts when the reading is over for any reason. */
  open(signal: AbortSignal): Promise<AsyncIterable<T>>;
  /**
   * Called once, when it is over: with undefined where the source finished, else with the reason.
   * What it returns is thrown at the reader.
   */
  ended(failure: unknown): unknown;
}

/** Reads a source; `return()` and the signal end it, and the source learns it by its signal. */
export function cancellable<T>(
  reading: Reading<T>,
  signal: AbortSignal | undefined,
): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => new CancellableReader(reading, signal) };
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

class CancellableReader<T> implements AsyncIterator<T, undefined> {
  readonly #reading: Reading<T>;
  // A set instead of Promise.race: racing every item against one long-lived promise would keep a
  // reaction per item until the end of the watch.
  readonly #waiting = new Set<Waiting<T>>();
  readonly #controller: AbortController;
  readonly #release: () => void;
  #source: Promise<AsyncIterator<T>> | undefined;
  #over = false;

  constructor(reading: Reading<T>, signal: AbortSignal | undefined) {
    const { controller, release } = follow(signal);
    this.#reading = reading;
    this.#controller = controller;
    this.#release = release;
    controller.signal.addEventListener('abort', this.#abort, { once: true });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#over) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      const one = { resolve, reject };
      this.#waiting.add(one);
      if (this.#controller.signal.aborted) {
        this.#abort();
        return;
      }
      this.#pull().then(
        (result) => this.#arrived(one, result),
        (error: unknown) => this.#broke(one, error),
      );
    });
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end(new HansaError('CANCELLED', 'the reader left'));
    this.#finishAll();
    return { done: true, value: undefined };
  }

  async #pull(): Promise<IteratorResult<T>> {
    this.#source ??= this.#reading
      .open(this.#controller.signal)
      .then((items) => items[Symbol.asyncIterator]());
    return (await this.#source).next();
  }

  #arrived(one: Waiting<T>, result: IteratorResult<T>): void {
    if (!this.#waiting.delete(one)) {
      return;
    }
    if (result.done === true) {
      const thrown = this.#end(undefined);
      if (thrown === undefined) {
        one.resolve({ done: true, value: undefined });
      } else {
        one.reject(thrown);
      }
      this.#finishAll();
    } else {
      one.resolve(result);
    }
  }

  #broke(one: Waiting<T>, error: unknown): void {
    if (this.#waiting.delete(one)) {
      one.reject(this.#end(error));
      this.#finishAll();
    }
  }

  readonly #abort = (): void => {
    const thrown = this.#end(cancellation(this.#controller.signal));
    for (const one of this.#waiting) {
      one.reject(thrown);
    }
    this.#waiting.clear();
  };

  #finishAll(): void {
    for (const one of this.#waiting) {
      one.resolve({ done: true, value: undefined });
    }
    this.#waiting.clear();
  }

  #end(failure: unknown): unknown {
    if (this.#over) {
      return undefined;
    }
    this.#over = true;
    this.#release();
    this.#controller.signal.removeEventListener('abort', this.#abort);
    this.#controller.abort(failure);
    // Not awaited: a source that hangs must not hold its reader.
    this.#source?.then((iterator) => iterator.return?.()).catch(() => undefined);
    return this.#reading.ended(failure);
  }
}

/**
 * The items, each through `map`; where `map` throws, the source is left. Not a generator: one that
 * waits for an item hears `return()` only when the item is there, and a quiet watch could never be
 * left.
 */
export function mapItems<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncIterable<U> {
  return {
    [Symbol.asyncIterator]() {
      const source = items[Symbol.asyncIterator]();
      const leave = async (): Promise<IteratorResult<U>> => {
        await source.return?.();
        return { done: true, value: undefined };
      };
      return {
        async next() {
          const result = await source.next();
          if (result.done === true) {
            return { done: true, value: undefined };
          }
          try {
            return { done: false, value: map(result.value) };
          } catch (error) {
            await leave();
            throw error;
          }
        },
        return: leave,
      };
    },
  };
}
