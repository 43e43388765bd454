// Ending work that may not want to end: calls and readings that give up the moment their signal aborts
// or their reader leaves, whatever the code behind them does. For edges and carriers.
import { HansaError } from './errors.ts';

/** Why a call ended early: the signal's own reason where it is one of ours (a deadline), else CANCELLED. */
export function cancellation(signal: AbortSignal): HansaError {
  const { reason } = signal;
  return reason instanceof HansaError
    ? reason
    : new HansaError('CANCELLED', 'the caller cancelled the call', { cause: reason });
}

/** The work's outcome, or the cancellation as soon as the signal aborts; the work itself is not stopped. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return work;
  }
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(cancellation(signal));
    const settled = (): void => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) {
      stop();
    }
    work.then(resolve, reject).finally(settled);
  });
}

/**
 * A controller that aborts with `signal`; `release` unhooks it. AbortSignal.any would do, but it is an
 * order of magnitude slower, and a node makes one of these for every request.
 */
export function follow(signal: AbortSignal | undefined): {
  controller: AbortController;
  release(): void;
} {
  const controller = new AbortController();
  const pass = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) {
    pass();
  }
  signal?.addEventListener('abort', pass, { once: true });
  return { controller, release: () => signal?.removeEventListener('abort', pass) };
}

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

/** Reads a source; `return()` and the signal end it at once, and the source learns it by its signal. */
export function cancellable<T>(
  reading: Reading<T>,
  signal: AbortSignal | undefined,
): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => createIterator(reading, signal) };
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

function createIterator<T>(
  reading: Reading<T>,
  signal: AbortSignal | undefined,
): AsyncIterator<T, undefined> {
  // A set instead of Promise.race: racing every item against one long-lived promise would keep a
  // reaction per item until the end of the watch.
  const waiting = new Set<Waiting<T>>();
  const { controller, release } = follow(signal);
  let source: Promise<AsyncIterator<T>> | undefined;
  let over = false;

  const end = (failure: unknown): unknown => {
    if (over) {
      return undefined;
    }
    over = true;
    release();
    controller.signal.removeEventListener('abort', abort);
    controller.abort(failure);
    source?.then((iterator) => iterator.return?.()).catch(() => undefined);
    return reading.ended(failure);
  };
  const settleAll = (settle: (one: Waiting<T>) => void): void => {
    for (const one of waiting) {
      settle(one);
    }
    waiting.clear();
  };
  function abort(): void {
    const thrown = end(cancellation(controller.signal));
    settleAll((one) => one.reject(thrown));
  }
  const pull = async (): Promise<IteratorResult<T>> => {
    source ??= reading.open(controller.signal).then((items) => items[Symbol.asyncIterator]());
    return (await source).next();
  };
  const arrived = (one: Waiting<T>, result: IteratorResult<T>): void => {
    if (!waiting.delete(one)) {
      return;
    }
    if (result.done === true) {
      end(undefined);
      one.resolve({ done: true, value: undefined });
      settleAll((other) => other.resolve({ done: true, value: undefined }));
    } else {
      one.resolve(result);
    }
  };
  const broke = (one: Waiting<T>, error: unknown): void => {
    if (waiting.delete(one)) {
      one.reject(end(error));
      settleAll((other) => other.resolve({ done: true, value: undefined }));
    }
  };

  controller.signal.addEventListener('abort', abort, { once: true });
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (over) {
          resolve({ done: true, value: undefined });
          return;
        }
        const one = { resolve, reject };
        waiting.add(one);
        if (controller.signal.aborted) {
          abort();
          return;
        }
        pull().then(
          (result) => arrived(one, result),
          (error: unknown) => broke(one, error),
        );
      }),
    return: async () => {
      end(new HansaError('CANCELLED', 'the reader left'));
      settleAll((one) => one.resolve({ done: true, value: undefined }));
      return { done: true, value: undefined };
    },
  };
}

/**
 * The items, each through `map`; where `map` throws, the source is left. Not a generator: a generator
 * that waits for an item hears `return()` only when the item is there, and a quiet watch could never
 * be left.
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
