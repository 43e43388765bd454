// Streams to clients with real back-pressure: nothing is pulled while the socket is full, and a
// client that is gone or stays stalled ends the pulling.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { abortable, deadline, HansaError, type Clock } from '@hansa/foundation';

export interface StreamNeeds {
  readonly clock: Clock;
  readonly stalledReaderMs: number;
  readonly signal: AbortSignal;
}

/** Writes one piece; resolves when the next is welcome. */
export async function write(
  response: ServerResponse,
  piece: Uint8Array | string,
  needs: StreamNeeds,
): Promise<void> {
  if (response.destroyed) {
    throw new HansaError('CANCELLED', 'the client went away');
  }
  if (response.write(piece)) {
    return;
  }
  const stalled = (): HansaError => new HansaError('TIMED_OUT', 'the client stopped reading');
  const { signal, done } = deadline(needs.clock, needs.stalledReaderMs, {
    reason: stalled,
    signal: needs.signal,
  });
  const waiting = new AbortController();
  try {
    await abortable(once(response, 'drain', { signal: waiting.signal }), signal);
  } finally {
    waiting.abort();
    done();
  }
}

/** Pulls every item and hands it to `take`; the source hears of it when the pulling ends early. */
export async function pull<T>(
  items: AsyncIterator<T>,
  signal: AbortSignal,
  take: (item: T) => Promise<void>,
): Promise<void> {
  try {
    for (;;) {
      const result = await abortable(items.next(), signal);
      if (result.done === true) {
        return;
      }
      await take(result.value);
    }
  } catch (error) {
    // Not awaited: a source that waits for its next item may answer this only then.
    items.return?.().catch(() => undefined);
    throw error;
  }
}

/** Ends the answer; a client that does not take what is left of it is cut off. */
export async function end(response: ServerResponse, needs: StreamNeeds): Promise<void> {
  if (response.destroyed) {
    return;
  }
  const { signal, done } = deadline(needs.clock, needs.stalledReaderMs, {
    reason: () => new Error('stalled'),
  });
  const ended = new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.end(resolve);
  });
  await abortable(ended, signal).catch(() => response.destroy());
  done();
}
