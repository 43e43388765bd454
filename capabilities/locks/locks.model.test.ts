// Locks and semaphores under chance: several holders at two processes on one store, every call to
// the store in any order, time that jumps past leases, holders that vanish and callers that leave.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { isHansaError } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkLockHistory,
  checkPermitHistory,
  type LockHold,
} from '../../testkit/coordination-model.ts';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createInterleaving, type Interleaving } from '../../testkit/interleaving.ts';
import { createSeededRandom, type SeededRandom } from '../../testkit/seeded-random.ts';
import type { Hold, Locks, Semaphores } from './contract.ts';
import { createLocksService } from './service.ts';

const runs = 1_000;
const holders = 4;
const turnsEach = 2;
const capacity = 3;
const expected = ['COORDINATION_BUSY', 'COORDINATION_LOST', 'CANCELLED'];

interface World {
  readonly clock: HandClock;
  readonly random: SeededRandom;
  readonly order: Interleaving;
  readonly locks: readonly Locks[];
  readonly semaphores: readonly Semaphores[];
  readonly history: LockHold[];
}

function createWorld(seed: number): World {
  const clock = createHandClock();
  const random = createSeededRandom(seed);
  const order = createInterleaving({ clock, random: random.fork('order'), pauseMsMax: 3_000 });
  const store = createMemoryStore({ clock });
  const services = [0, 1].map(() =>
    createLocksService({ store: order.through(store), codec: createMsgpackCodec(), clock }),
  );
  return {
    clock,
    random,
    order,
    locks: services.map(({ locks }) => locks),
    semaphores: services.map(({ semaphores }) => semaphores),
    history: [],
  };
}

interface Way {
  acquire(signal: AbortSignal): Promise<Hold>;
  renew(hold: Hold): Promise<unknown>;
  release(hold: Hold): Promise<unknown>;
  readonly shared: boolean;
  readonly permits: number;
}

/** One hold from its asking to its end, written down as its holder believes it. */
async function holdOnce({ clock, random, order, history }: World, way: Way): Promise<void> {
  const leave = new AbortController();
  if (random.chance(0.2)) {
    void clock.sleep(random.integer(12_000)).then(() => leave.abort());
  }
  const askedMs = order.momentMs();
  const hold = await way.acquire(leave.signal);
  const grantedMs = order.momentMs();
  const ttlMs = hold.ttlSeconds * 1_000;
  let endedMs = grantedMs;
  const write = (): void => {
    const { shared, permits } = way;
    for (const { name, token } of hold.locks) {
      const { holder } = hold;
      history.push({ name, holder, token, shared, permits, askedMs, grantedMs, endedMs });
    }
  };
  try {
    let untilMs = 0;
    for (let renewal = 0; renewal < 1 + random.integer(2); renewal += 1) {
      const sentMs = order.momentMs();
      await way.renew(hold);
      untilMs = sentMs + ttlMs;
      await clock.sleep(random.integer(ttlMs));
      endedMs = Math.min(untilMs, order.momentMs());
    }
    if (random.chance(0.3)) {
      endedMs = untilMs; // it vanished; what it does, it may do until its time is over
      return;
    }
    endedMs = Math.min(untilMs, order.momentMs());
    await way.release(hold);
  } finally {
    write();
  }
}

function lockWay(locks: Locks, random: SeededRandom, holder: string): Way {
  const shared = random.chance(0.4);
  const names = random.pick([['a'], ['b'], ['a', 'b'], ['b', 'a']]);
  const ttlSeconds = 5 + random.integer(4);
  const waitMs = random.pick([0, 2_000, 20_000]);
  return {
    shared,
    permits: 1,
    acquire: (signal) => locks.acquire({ names, holder, shared, ttlSeconds, waitMs }, { signal }),
    renew: (hold) => locks.renew({ locks: hold.locks }),
    release: (hold) => locks.release({ locks: hold.locks }),
  };
}

function permitWay(semaphores: Semaphores, random: SeededRandom, holder: string): Way {
  const permits = 1 + random.integer(capacity);
  const ttlSeconds = 5 + random.integer(4);
  const waitMs = random.pick([0, 2_000, 20_000]);
  const asked = { name: 's', holder, capacity, permits, ttlSeconds, waitMs };
  const tokenOf = ({ locks }: Hold) => locks[0] ?? { name: 's', token: 0 };
  return {
    shared: true,
    permits,
    acquire: (signal) => semaphores.acquire(asked, { signal }),
    renew: (hold) => semaphores.renew(tokenOf(hold)),
    release: (hold) => semaphores.release(tokenOf(hold)),
  };
}

async function live(world: World, makeWay: (index: number, turn: number) => Way): Promise<void> {
  const lives = Array.from({ length: holders }, async (_, index) => {
    for (let turn = 0; turn < turnsEach; turn += 1) {
      try {
        await holdOnce(world, makeWay(index, turn));
      } catch (error) {
        if (!expected.some((code) => isHansaError(error) && error.code === code)) {
          throw error;
        }
      }
    }
  });
  await world.order.run(lives);
}

test('there are never two holders, and tokens only rise, in any order of things', async () => {
  let held = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = createWorld(seed);
      await live(world, (index, turn) => {
        const locks = world.locks[index % 2];
        if (locks === undefined) {
          return expect.fail('there are two processes');
        }
        return lockWay(locks, world.random, `h${index}/${turn}`);
      });
      expect(checkLockHistory(world.history)).toEqual([]);
      held += world.history.length;
    }),
    { numRuns: runs },
  );
  expect(held).toBeGreaterThan(runs * 2);
}, 120_000);

test('there are never more permits out than there are, in any order of things', async () => {
  let held = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = createWorld(seed);
      await live(world, (index, turn) => {
        const semaphores = world.semaphores[index % 2];
        if (semaphores === undefined) {
          return expect.fail('there are two processes');
        }
        return permitWay(semaphores, world.random, `h${index}/${turn}`);
      });
      expect(checkPermitHistory(world.history, capacity)).toEqual([]);
      held += world.history.length;
    }),
    { numRuns: runs },
  );
  expect(held).toBeGreaterThan(runs * 2);
}, 120_000);
