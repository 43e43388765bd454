// Sessions that something goes on by, each held until it ends: by its time, by a logout, or because
// its user may no longer log in. And the sweep that takes what belongs to users who left.
import { createAlarm, HansaError, type Clock, type WatchedTable } from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { SessionRecord } from './keys.ts';
import { proofPrefix, type SessionBook } from './sessions.ts';
import type { Sessions } from './uses.ts';

export interface SessionLapsing {
  lapse: Sessions['lapse'];
  start(): void;
  stop(): void;
}

interface Held {
  readonly id: string;
  readonly ending: AbortController;
}

export function createSessionLapsing(needs: {
  readonly clock: Clock;
  readonly directories: Directories;
  readonly sessions: WatchedTable<SessionRecord>;
  readonly book: SessionBook;
}): SessionLapsing {
  const { clock, directories, sessions, book } = needs;
  const held = new Map<string, Held>();
  let last = 0;
  let unsubscribe: readonly (() => void)[] = [];
  const settle = (keys: Iterable<string>): void => {
    for (const key of keys) {
      const one = held.get(key);
      const session = one === undefined ? undefined : book.find(one.id);
      if (one !== undefined && session === undefined) {
        held.delete(key);
        alarm.delete(key);
        one.ending.abort(new HansaError('UNAUTHENTICATED', 'the session has ended'));
      } else if (session !== undefined) {
        alarm.set(key, clock.monotonicMs() + Math.max(0, book.endsMs(session) - clock.now()));
      }
    }
  };
  const alarm = createAlarm({ clock, ring: async (keys) => settle(keys) });
  const settleAll = (): void => settle([...held.keys()]);
  return {
    lapse({ proof }) {
      if (!proof.startsWith(proofPrefix)) {
        return { signal: new AbortController().signal, done: () => undefined }; // a certificate's
      }
      last += 1;
      const key = String(last);
      const ending = new AbortController();
      held.set(key, { id: proof.slice(proofPrefix.length), ending });
      // It may have ended since it was looked at; nobody would say so again.
      settle([key]);
      return {
        signal: ending.signal,
        done() {
          held.delete(key);
          alarm.delete(key);
        },
      };
    },
    start() {
      unsubscribe = [sessions.subscribe(settleAll), directories.subscribe(settleAll)];
    },
    stop() {
      unsubscribe.forEach((leave) => leave());
      alarm.stop();
    },
  };
}
