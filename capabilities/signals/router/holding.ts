// A router of which there is to be one in a cluster, and which may have been replaced.
import { signalErrors } from '../frames/messages.ts';
import type { Router } from './router.ts';

/**
 * A router that was replaced and does not know it yet takes no write: whoever judges them now would
 * never hear of it. `requireHeld` throws where it may not answer any more.
 */
export function guardWhileHeld(router: Pick<Router, 'guard'>, requireHeld: () => void): () => void {
  return router.guard((_session, _verb, address) => {
    try {
      requireHeld();
      return undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { code: signalErrors.internal, message, address };
    }
  });
}
