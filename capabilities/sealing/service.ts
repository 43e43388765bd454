// Sealing as people see it, and the work of a rotation: piece after piece, from the beginning after
// a restart, because what is sealed anew already is told apart at a glance.
import { HansaError, isHansaError } from '@hansa/foundation';
import type { Rotation, Sealing, SealStatus } from './contract.ts';
import type { Seals } from './seals.ts';

export interface SealingService {
  readonly sealing: Sealing;
  /** Ends rotations that are begun, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Without seals, nothing is sealed. */
export function createSealing(seals: Seals | undefined): SealingService {
  let progress: Rotation = { done: 0, total: 0 };
  let begun = (): void => undefined;
  const status = (): SealStatus => {
    if (seals === undefined) {
      return { sealed: false };
    }
    const { by, version, madeMs, rotating } = seals.state();
    return { sealed: true, by, version, madeMs, ...(rotating ? { rotation: progress } : {}) };
  };
  const requireSeals = (): Seals => {
    if (seals === undefined) {
      throw new HansaError('SEAL_OFF', 'nothing is sealed on this node');
    }
    return seals;
  };
  const rotate = async (on: Seals, signal: AbortSignal): Promise<void> => {
    progress = { done: 0, total: 0 };
    let after: Uint8Array | undefined;
    do {
      signal.throwIfAborted();
      const piece = await on.reseal(after);
      ({ after } = piece);
      progress = { done: progress.done + piece.looked, total: piece.records };
    } while (after !== undefined);
    await on.endRotation();
  };
  return {
    sealing: {
      status: async () => status(),
      async rewrap(to) {
        await requireSeals().rewrap(to);
        return status();
      },
      async rotate() {
        await requireSeals().beginRotation();
        begun();
        return status();
      },
    },
    async run(signal) {
      if (seals === undefined) {
        return;
      }
      for (;;) {
        const asked = new Promise<void>((resolve) => {
          begun = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        if (signal.aborted) {
          return;
        }
        if (seals.state().rotating) {
          await rotate(seals, signal).catch((error: unknown) => {
            const problem = isHansaError(error) ? error.message : 'see the node’s log';
            progress = { ...progress, problem };
            throw error;
          });
        } else {
          await asked;
        }
      }
    },
  };
}
