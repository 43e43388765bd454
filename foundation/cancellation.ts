// Ending work that may not want to end: calls that give up the moment their signal aborts, whatever
// the code behind them does. For edges and carriers; `cancellable.ts` does the same for streams.
import { HansaError } from './errors.ts';

/** Why a call ended early: the signal's own reason where it is one of ours, else CANCELLED. */
export function cancellation(signal: AbortSignal): HansaError {
  const { reason } = signal;
  return reason instanceof HansaError
    ? reason
    : new HansaError('CANCELLED', 'the caller cancelled the call', { cause: reason });
}

/** The work's outcome, or the cancellation as soon as the signal aborts; the work goes on. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return work;
  }
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(cancellation(signal));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) {
      stop();
    }
    const unhook = (): void => signal.removeEventListener('abort', stop);
    work.then(resolve, reject).finally(unhook);
  });
}

/** When the signal aborts, or at once where it has: for what runs until it is stopped. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) {
      resolve();
    }
  });
}

/**
 * A controller that aborts with `signal`; `release` unhooks it. AbortSignal.any would do, but it is
 * much slower, and a node makes one of these for every watch.
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
