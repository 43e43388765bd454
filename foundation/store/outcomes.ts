// Outcomes of transactions that carried an idempotency key: written in the same transaction, kept
// for ten minutes, so that a caller which never heard the answer may ask again without doing it
// twice.
import { createAlarm, type Alarm } from '../alarm.ts';
import { utf8 } from '../bytes.ts';
import { noted, type StoreDuties } from './leases.ts';
import { overLimit } from './rules.ts';
import type { Outcome } from './transaction.ts';

export const idempotencyMs = 600_000; // a caller that retries later than this has given up
export const idempotencyKeyBytesMax = 1_024; // it becomes part of an engine's key

export class StoreOutcomes {
  readonly #needs: StoreDuties;
  readonly #alarm: Alarm;

  constructor(needs: StoreDuties) {
    this.#needs = needs;
    this.#alarm = createAlarm({ clock: needs.clock, ring: (keys) => this.#drop(keys) });
    for (const key of needs.shelf.outcomes()) {
      this.#keep(key);
    }
  }

  #keep(key: string): void {
    this.#alarm.set(key, this.#needs.clock.monotonicMs() + idempotencyMs);
  }

  async once(key: string, run: () => Outcome): Promise<Outcome> {
    const found = utf8(key).length;
    if (found > idempotencyKeyBytesMax) {
      throw overLimit('bytes of an idempotency key', { limit: idempotencyKeyBytesMax, found });
    }
    const { shelf, clock, commit } = this.#needs;
    let fresh = false;
    const outcome = await commit((): Outcome => {
      const overMs = this.#alarm.deadline(key) ?? Number.POSITIVE_INFINITY;
      const before = clock.monotonicMs() < overMs ? shelf.outcome(key) : undefined;
      if (before !== undefined) {
        return { result: before };
      }
      this.#alarm.delete(key);
      const first = run();
      shelf.putOutcome(key, first.result);
      fresh = true;
      return first;
    });
    if (fresh) {
      this.#keep(key);
    }
    return outcome;
  }

  async #drop(keys: readonly string[]): Promise<void> {
    const { shelf, log, commit } = this.#needs;
    const drop = (): Record<string, never> => {
      // One that was used again since has a deadline of its own.
      const over = keys.filter((key) => this.#alarm.deadline(key) === undefined);
      over.forEach((key) => shelf.dropOutcome(key));
      return {};
    };
    await noted(log, 'store.outcome-expiry-failed', commit(drop));
  }

  stop(): void {
    this.#alarm.stop();
  }
}
