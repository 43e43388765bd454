// Counts what a router looks at between two moments when others had their turn.
import type { Clock } from '@hansa/foundation';
import { createVirtualClock, type VirtualClock } from '../../../testkit/virtual-clock.ts';
import type { SignalAccess, SignalVerb } from './access.ts';
import { createRig, type Rig } from './router-rig.suite.ts';

export const unbounded = { messagesPerSecondMax: 0, sessionIdleMs: 0 };

/** Looks, and how many there were at most between two moments when others had their turn. */
export class Looks {
  readonly base: VirtualClock = createVirtualClock();
  count = 0;
  perTurn = 0;
  /** What one look costs on this clock. */
  costMs = 0;
  #spentMs = 0;
  #atTurn = 0;

  readonly clock: Clock = {
    now: () => this.base.now(),
    monotonicMs: () => this.base.monotonicMs() + this.#spentMs,
    sleep: async (ms, signal) => {
      await this.base.sleep(ms, signal);
      this.#turn();
    },
  };

  look(): void {
    this.count += 1;
    this.#spentMs += this.costMs;
  }

  /** Everything that waits for no time happens. */
  async pass(): Promise<void> {
    await this.base.settle();
    this.#turn();
    await this.base.advance(0);
    this.#turn();
  }

  #turn(): void {
    this.perTurn = Math.max(this.perTurn, this.count - this.#atTurn);
    this.#atTurn = this.count;
  }
}

/** Everybody may do everything; each address that is told is looked at. */
const watchedAccess = (looks: Looks): SignalAccess => ({
  subject: 'anyone',
  allows(verb: SignalVerb) {
    if (verb === 'read') {
      looks.look();
    }
    return true;
  },
});

export function createWatched(looks: Looks): Rig {
  const doorkeeper = { admit: () => watchedAccess(looks) };
  return createRig({ clock: looks.clock, doorkeeper, options: unbounded });
}
