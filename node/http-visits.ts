// The requests under way: each has a signal that aborts when its client leaves or the node stops.
import type { ServerResponse } from 'node:http';
import { HansaError, type Clock } from '@hansa/foundation';

export type VisitKind = 'call' | 'stream';

export interface Visits {
  /** True from the moment `end` was called: new requests are turned away. */
  readonly closing: boolean;
  open(response: ServerResponse, kind: VisitKind): AbortSignal;
  /**
   * Ends streams at once and calls after the grace; resolves when none is left or the grace is
   * over.
   */
  end(graceMs: number): Promise<void>;
}

export function createVisits(clock: Clock): Visits {
  const visits = new Map<AbortController, VisitKind>();
  let closing = false;
  let emptied: (() => void) | undefined;

  const stop = (kind: VisitKind): void => {
    for (const [controller, its] of visits) {
      if (its === kind) {
        controller.abort(new HansaError('SHUTTING_DOWN', 'the node is stopping'));
      }
    }
  };
  return {
    get closing() {
      return closing;
    },
    open(response, kind) {
      const controller = new AbortController();
      visits.set(controller, kind);
      response.once('close', () => {
        visits.delete(controller);
        if (!response.writableFinished) {
          controller.abort(new HansaError('CANCELLED', 'the client went away'));
        }
        if (visits.size === 0) {
          emptied?.();
        }
      });
      return controller.signal;
    },
    async end(graceMs) {
      closing = true;
      stop('stream');
      if (visits.size === 0) {
        return;
      }
      const timer = new AbortController();
      const over = clock.sleep(graceMs, timer.signal).catch(() => undefined);
      await Promise.race([over, new Promise<void>((resolve) => (emptied = resolve))]);
      timer.abort();
      stop('call');
    },
  };
}
