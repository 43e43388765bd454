// A subscription read as a stream: each key once, however often it changed while the reader was
// busy, so that a slow reader costs a set of keys and never a growing queue.

/**
 * Subscribes at once, so that nothing between the call and the first read is missed. Ends, and
 * unsubscribes, when the signal aborts or the reader leaves.
 */
export function changedKeys<K>(
  subscribe: (changed: (key: K) => void) => () => void,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<K> {
  const waiting = new Set<K>();
  let ended = false;
  let wake = (): void => undefined;
  const unsubscribe = subscribe((key) => {
    waiting.add(key);
    wake();
  });
  const end = (): void => {
    ended = true;
    unsubscribe();
    signal?.removeEventListener('abort', end);
    wake();
  };
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) {
    end(); // its event was before us
  }
  const next = async (): Promise<IteratorResult<K>> => {
    while (!ended) {
      const [key] = waiting;
      if (key !== undefined) {
        waiting.delete(key);
        return { done: false, value: key };
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return { done: true, value: undefined };
  };
  const keys: AsyncIterableIterator<K> = {
    next,
    async return() {
      end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => keys,
  };
  return keys;
}
