// A subscription read as a stream: each key once, however often it changed while the reader was
// busy, so that a slow reader costs a set of keys and never a growing queue.

/** Ends when the signal aborts; unsubscribes when the reader leaves. */
export async function* changedKeys<K>(
  subscribe: (changed: (key: K) => void) => () => void,
  signal: AbortSignal | undefined,
): AsyncIterable<K> {
  const waiting = new Set<K>();
  let wake = (): void => undefined;
  const stop = subscribe((key) => {
    waiting.add(key);
    wake();
  });
  const aborted = (): void => wake();
  signal?.addEventListener('abort', aborted);
  try {
    while (signal?.aborted !== true) {
      const [next] = waiting;
      if (next !== undefined) {
        waiting.delete(next);
        yield next;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop();
    signal?.removeEventListener('abort', aborted);
  }
}
