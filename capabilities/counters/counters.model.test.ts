// Counters, sequences and rate limiters under chance: callers at two processes on one store, every
// call to the store in any order, and time that passes meanwhile.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkLimiterHistory,
  checkSequenceHistory,
  type SequenceGift,
  type TokensTaken,
} from '../../testkit/coordination-model.ts';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createInterleaving, type Interleaving } from '../../testkit/interleaving.ts';
import { createSeededRandom, type SeededRandom } from '../../testkit/seeded-random.ts';
import { createNumberServices, type NumberServices } from './service.ts';

const runs = 1_000;
const callers = 4;
const callsEach = 3;
const name = 'a';

interface World {
  readonly clock: HandClock;
  readonly random: SeededRandom;
  readonly order: Interleaving;
  readonly plain: NumberServices;
  at(index: number): NumberServices;
}

function createWorld(seed: number): World {
  const clock = createHandClock();
  const random = createSeededRandom(seed);
  const order = createInterleaving({ clock, random: random.fork('order'), pauseMsMax: 500 });
  const store = createMemoryStore({ clock });
  const codec = createMsgpackCodec();
  const plain = createNumberServices({ store, codec, clock });
  const processes = [0, 1].map(() =>
    createNumberServices({ store: order.through(store), codec, clock }),
  );
  return { clock, random, order, plain, at: (index) => processes[index % 2] ?? plain };
}

async function everyCaller(
  world: World,
  call: (services: NumberServices, word: string) => Promise<void>,
): Promise<void> {
  await world.order.run(
    Array.from({ length: callers }, async (_, index) => {
      for (let turn = 0; turn < callsEach; turn += 1) {
        await call(world.at(index), `${index}.${turn}`);
        await world.clock.sleep(world.random.integer(400));
      }
    }),
  );
}

test('a counter is the sum of what was added, each once, and never goes below its floor', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = createWorld(seed);
      const { random } = world;
      let sum = 0;
      await everyCaller(world, async ({ counters }, once) => {
        const by = random.integer(5);
        if (random.chance(0.5)) {
          await counters.add({ name, by, once });
          sum += by;
          if (random.chance(0.5)) {
            await counters.add({ name, by, once });
          }
        } else {
          const { value, taken } = await counters.subtract({ name, by, stopAtZero: true, once });
          expect(value).toBeGreaterThanOrEqual(0);
          sum -= taken;
        }
      });
      await expect(world.plain.counters.show({ name })).resolves.toEqual({ name, value: sum });
    }),
    { numRuns: runs },
  );
}, 120_000);

test('a sequence never gives a number twice, and later ones are larger', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = createWorld(seed);
      const { order, random } = world;
      const gifts: SequenceGift[] = [];
      await everyCaller(world, async ({ sequences }) => {
        const askedMs = order.momentMs();
        const { first, last } = await sequences.next({ name, count: 1 + random.integer(3) });
        gifts.push({ first, last, askedMs, answeredMs: order.momentMs() });
      });
      expect(checkSequenceHistory(gifts)).toEqual([]);
      expect(gifts.length).toBe(callers * callsEach);
    }),
    { numRuns: runs },
  );
}, 120_000);

test('in no span of time is more taken than the burst and what came in it', async () => {
  const rate = { perSecond: 4, burst: 3 };
  let allowed = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = createWorld(seed);
      const { order, random } = world;
      const all: TokensTaken[] = [];
      await world.plain.limiters.configure({ name, ...rate });
      await everyCaller(world, async ({ limiters }) => {
        const tokens = 1 + random.integer(rate.burst);
        const askedMs = order.momentMs();
        const waitMs = random.pick([0, 500, 3_000]);
        const taken = await limiters.take({ name, tokens, waitMs });
        if (taken.allowed) {
          all.push({ tokens, askedMs, allowedMs: order.momentMs() });
        }
      });
      expect(checkLimiterHistory(all, rate)).toEqual([]);
      allowed += all.length;
    }),
    { numRuns: runs },
  );
  expect(allowed).toBeGreaterThan(2 * runs);
}, 120_000);
