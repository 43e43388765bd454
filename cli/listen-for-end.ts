// The signals that end a node: the first asks for an ordered end, of the start as well; the second
// does not ask.
import { errorCodes, HansaError } from '@hansa/foundation';

/** The part of a process that this needs. */
export interface Signalled {
  on(signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(code: number): void;
}

export interface End {
  readonly asked: Promise<void>;
  /** Aborted with the first signal. */
  readonly signal: AbortSignal;
}

/**
 * A hangup as well: a terminal that is closed ends Node in any case, below `nohup` too, since Node
 * takes back what was ignored when it started. Heard, it is an end in order.
 */
export function listenForEnd(from: Signalled): End {
  const ending = new AbortController();
  let resolveAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    resolveAsked = resolve;
  });
  const hear = (): void => {
    if (ending.signal.aborted) {
      from.exit(errorCodes.CANCELLED.exit);
      return;
    }
    ending.abort(new HansaError('CANCELLED', 'interrupted'));
    resolveAsked();
  };
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    from.on(signal, hear);
  }
  return { asked, signal: ending.signal };
}
