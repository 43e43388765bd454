// Long looks at the state, the book or the journal, in turns: all who share one `Turns` look at so
// much together before everybody else has the event loop again, and go on one after the other.
import type { Clock, Log } from '@hansa/foundation';
import { createFrameQueue } from './frame-queue.ts';
import { routerLimits } from './limits.ts';

export interface Turns {
  /** Counts looks that are about to be made; false where this turn has had its share. */
  take(looks?: number): boolean;
  /** Calls back in a later turn, whoever waits longest first. */
  later(ready: () => void): void;
}

/** Asking the time costs about what a look does; a look may cost a whole decision of a policy. */
const looksPerClock = 4;

export function createTurns(needs: { readonly clock: Clock; readonly log: Log }): Turns {
  return new SharedTurns(needs.clock, needs.log);
}

class SharedTurns implements Turns {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting = createFrameQueue<() => void>();
  #begun = false;
  #over = false;
  #looked = 0;
  #untilMs = 0;
  #clockAt = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  take(looks = 1): boolean {
    this.#begin();
    this.#over ||= this.#looked >= routerLimits.scannedPerTurnMax || this.#isLate();
    if (!this.#over) {
      this.#looked += looks;
    }
    return !this.#over;
  }

  later(ready: () => void): void {
    this.#waiting.push(ready);
    this.#begin();
  }

  #isLate(): boolean {
    if (this.#looked < this.#clockAt) {
      return false;
    }
    this.#clockAt = this.#looked + looksPerClock;
    return this.#clock.monotonicMs() >= this.#untilMs;
  }

  #begin(): void {
    if (this.#begun) {
      return;
    }
    this.#begun = true;
    this.#over = false;
    this.#looked = 0;
    // Something is looked at in every turn, however slow the clock or the look.
    this.#clockAt = looksPerClock;
    this.#untilMs = this.#clock.monotonicMs() + routerLimits.turnMs;
    this.#clock.sleep(0).then(
      () => this.#end(),
      () => undefined,
    );
  }

  #end(): void {
    this.#begun = false;
    this.#over = false;
    // One in a turn: who is only woken by it may begin to look after we are done here.
    const ready = this.#waiting.shift();
    try {
      ready?.();
    } catch (error) {
      // One fault must not stop what all the others wait for.
      this.#log.problem('signal-turn.failed', error);
    }
    if (this.#waiting.size > 0) {
      this.#begin();
    }
  }
}
