// Tokens that something goes on by, each held until it ends: by its time, by a revocation, or
// because its root is honoured no more.
import { createAlarm, type Clock } from '@hansa/foundation';
import type { VerifiedToken } from './contract.ts';
import type { Judge } from './judge.ts';

export interface Lapsing {
  /** Calls back once, with the reason, when the token is good no longer, which may be at once. */
  hold(token: VerifiedToken, lapsed: (reason: unknown) => void): () => void;
  start(): void;
  stop(): void;
}

interface Held {
  readonly token: VerifiedToken;
  lapsed(reason: unknown): void;
}

export function createLapsing({ clock, judge }: { clock: Clock; judge: Judge }): Lapsing {
  const held = new Map<string, Held>();
  let last = 0;
  let unsubscribe = (): void => undefined;
  const settle = (ids: Iterable<string>): void => {
    for (const id of ids) {
      const one = held.get(id);
      if (one === undefined) {
        continue;
      }
      try {
        judge.requireStill(one.token);
        set(id, one.token);
      } catch (error) {
        held.delete(id);
        alarm.delete(id);
        one.lapsed(error);
      }
    }
  };
  const alarm = createAlarm({ clock, ring: async (ids) => settle(ids) });
  const set = (id: string, { endsMs }: VerifiedToken): void =>
    alarm.set(id, clock.monotonicMs() + Math.max(0, endsMs - clock.now()));
  return {
    hold(token, lapsed) {
      last += 1;
      const id = String(last);
      held.set(id, { token, lapsed });
      // It may have been revoked since it was judged; nobody would say so again.
      settle([id]);
      return () => {
        held.delete(id);
        alarm.delete(id);
      };
    },
    start() {
      unsubscribe = judge.subscribe(() => settle([...held.keys()]));
    },
    stop() {
      unsubscribe();
      alarm.stop();
    },
  };
}
