// Time as services see it: handed in, so that a simulation can own it.

export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01T00:00:00Z; may jump. */
  now(): number;
  /**
   * Milliseconds from an arbitrary start; never goes back. Deadlines and silence are measured with
   * it.
   */
  monotonicMs(): number;
  /**
   * Resolves after `ms`, with 0 when others had their turn; rejects with the signal's reason as
   * soon as it aborts.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** `length` bytes fit for keys and nonces. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1): for jitter, never for secrets. */
  fraction(): number;
}

export interface DeadlineOptions {
  /** What the signal aborts with when the time is over. */
  readonly reason: () => Error;
  /** Fires early with this one. */
  readonly signal?: AbortSignal | undefined;
}

/** An AbortSignal that fires after `ms` on the given clock; `done` frees the timer. */
export function deadline(
  clock: Clock,
  ms: number,
  { reason, signal }: DeadlineOptions,
): { signal: AbortSignal; done(): void } {
  const expiry = new AbortController();
  const timer = new AbortController();
  const stop = signal === undefined ? timer.signal : AbortSignal.any([timer.signal, signal]);
  clock.sleep(ms, stop).then(
    () => expiry.abort(reason()),
    () => undefined,
  );
  return {
    signal: signal === undefined ? expiry.signal : AbortSignal.any([expiry.signal, signal]),
    done: () => timer.abort(),
  };
}
