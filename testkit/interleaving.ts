// Callers of one store in every order that chance finds: each call to the store waits for its turn
// before it happens and again before its answer is heard, and between turns time may pass. One
// seed gives one run.
import type { KeyValueStore } from '@hansa/foundation';
import type { HandClock } from './hand-clock.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface Interleaving {
  /** The same store, as one process of several sees it. */
  through(store: KeyValueStore): KeyValueStore;
  /** Lets turns and time pass, as chance has it, until all work has ended. */
  run(work: readonly Promise<unknown>[]): Promise<void>;
  /** A moment in the order of all moments: no two are the same. */
  momentMs(): number;
}

const momentsPerMs = 1_000_000;
const stepsMax = 100_000; // a run that takes more never ends

export function createInterleaving(needs: {
  readonly clock: HandClock;
  readonly random: SeededRandom;
  /** How far the clock may move at once. */
  readonly pauseMsMax: number;
}): Interleaving {
  const { clock, random, pauseMsMax } = needs;
  const turns: (() => void)[] = [];
  let moments = 0;
  const turn = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const step = async (): Promise<void> => {
    const mayWait = turns.length > 0 && random.chance(0.9);
    if (mayWait) {
      const [next] = turns.splice(random.integer(turns.length), 1);
      next?.();
    } else {
      clock.advance(1 + random.integer(pauseMsMax));
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    momentMs() {
      moments += 1;
      return clock.monotonicMs() + moments / momentsPerMs;
    },
    through: (store) => takingTurns(store, turn),
    async run(work) {
      let over = false;
      const all = Promise.all(work).finally(() => {
        over = true;
      });
      all.catch(() => undefined); // told below
      for (let steps = 0; !over; steps += 1) {
        if (steps > stepsMax) {
          throw new Error(`the run has not ended after ${stepsMax} steps`);
        }
        await step();
      }
      await all;
    },
  };
}

/** A watch hears at once: what it tells is no answer to anybody. */
function takingTurns(store: KeyValueStore, turn: () => Promise<void>): KeyValueStore {
  const gated =
    <A extends unknown[], R>(call: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      await turn();
      const answer = await call(...given).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      await turn();
      if ('error' in answer) {
        throw answer.error;
      }
      return answer.value;
    };
  return {
    limits: store.limits,
    durability: store.durability,
    get: gated((...given) => store.get(...given)),
    set: gated((...given) => store.set(...given)),
    delete: gated((...given) => store.delete(...given)),
    compareAndSet: gated((...given) => store.compareAndSet(...given)),
    compareAndDelete: gated((...given) => store.compareAndDelete(...given)),
    scan: gated((...given) => store.scan(...given)),
    batchRead: gated((...given) => store.batchRead(...given)),
    batchWrite: gated((...given) => store.batchWrite(...given)),
    transact: gated((...given) => store.transact(...given)),
    leaseGrant: gated((...given) => store.leaseGrant(...given)),
    leaseKeepAlive: gated((...given) => store.leaseKeepAlive(...given)),
    leaseRevoke: gated((...given) => store.leaseRevoke(...given)),
    leaseTimeToLive: gated((...given) => store.leaseTimeToLive(...given)),
    watch: (...given) => store.watch(...given),
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    close: () => store.close(),
  };
}
