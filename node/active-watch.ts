// How a node that stands by learns that the active node's process is gone, before its lease has
// ended: the machine it ran on answers that nobody listens there any more. Silence proves nothing:
// then the lease decides.
import type { Socket } from 'node:net';
import { isHansaError, type Clock, type KeyValueStore, type NodeAddress } from '@hansa/foundation';
import type { NodePort } from '@hansa/plane-tls';

const dialMs = 2_000; // within one site
const againMs = 100; // between two proofs, and after a dial that proved nothing
const tellAgainMs = 100; // the store elects a leader of its own within two seconds
const proofs = 2; // one refusal may be a moment's: a port that is being opened

/** Resolves when it is proven to be gone; rejects with the signal's reason. */
export async function untilProcessGone(
  needs: { readonly port: NodePort; readonly clock: Clock; readonly active: NodeAddress },
  signal: AbortSignal,
): Promise<void> {
  const { port, clock, active } = needs;
  let refused = 0;
  while (refused < proofs) {
    signal.throwIfAborted();
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(dialMs)]);
      await untilClosed(await port.dial(active, ['watch', '-'], within), signal);
      refused = 0;
    } catch (error) {
      signal.throwIfAborted();
      refused = isRefused(error) ? refused + 1 : 0;
    }
    if (refused < proofs) {
      await clock.sleep(againMs, signal);
    }
  }
}

/**
 * Takes the key of a term away, unless it is another's by now. Tried until the store has answered:
 * what took the active node away may have taken the store's leader, and where it was done already,
 * doing it again changes nothing.
 */
export async function endTerm(
  {
    store,
    clock,
  }: { readonly store: Pick<KeyValueStore, 'compareAndDelete'>; readonly clock: Clock },
  { key, modRevision }: { readonly key: Uint8Array; readonly modRevision: number },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await store.compareAndDelete(key, { modRevision });
      return;
    } catch (error) {
      if (!mayBeAskedAgain(error)) {
        throw error;
      }
    }
    await clock.sleep(tellAgainMs, signal);
  }
}

function mayBeAskedAgain(error: unknown): boolean {
  return isHansaError(error, 'STORE_UNKNOWN_OUTCOME') || isHansaError(error, 'STORE_UNAVAILABLE');
}

function untilClosed(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const leave = (): void => void socket.destroy();
    socket.once('close', () => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
    signal.addEventListener('abort', leave, { once: true });
    socket.resume();
  });
}

/** At every address it has told: where one is only silent, it may live there. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const failures: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return failures.every(
    (each) => each instanceof Error && 'code' in each && each.code === 'ECONNREFUSED',
  );
}
