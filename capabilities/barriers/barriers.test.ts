import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createInterleaving } from '../../testkit/interleaving.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { barriersSuite } from './barriers.suite.ts';
import { barriersCapability } from './capability.ts';
import { barrierContract, type Barriers } from './contract.ts';
import { createBarriers } from './service.ts';

function makeNeeds() {
  const clock = createSystemClock();
  return { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
}

roads<Barriers>(barrierContract, () => createBarriers(makeNeeds())).forEach(barriersSuite);

test('the node is handed one contract and nothing to run', () => {
  const made = barriersCapability(makeNeeds());
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['barrier']);
  expect(made.duties).toEqual([]);
});

test('there are barriersMax barriers; one more is COORDINATION_FULL', async () => {
  const barriers = createBarriers({ ...makeNeeds(), barriersMax: 1 });
  const entering = barriers.enter({ barrier: 'a', parties: 2, participant: 'x', waitMs: 5_000 });
  while ((await barriers.list({})).barriers.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect(
    barriers.enter({ barrier: 'b', parties: 2, participant: 'x' }),
  ).rejects.toMatchObject({ code: 'COORDINATION_FULL' });
  await barriers.enter({ barrier: 'a', parties: 2, participant: 'y' });
  await entering;
});

test('whoever vanishes has left after its time', async () => {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const barriers = createBarriers({ store, codec: createMsgpackCodec(), clock });
  const at = { barrier: 'a', parties: 2 };
  await Promise.all(
    ['x', 'y'].map((participant) => barriers.enter({ ...at, participant, ttlSeconds: 5 })),
  );
  const leaving = barriers.leave({ barrier: 'a', participant: 'x', waitMs: 60_000 });
  for (let second = 0; second < 8; second += 1) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect(leaving).resolves.toEqual({ remaining: 0 });
  await expect(barriers.renew({ barrier: 'a', participant: 'y' })).rejects.toMatchObject({
    code: 'COORDINATION_LOST',
  });
  // And another meeting can begin where the last one ended without anybody's word.
  const again = ['x', 'z'].map((participant) => barriers.enter({ ...at, participant }));
  const generations = (await Promise.all(again)).map(({ generation }) => generation);
  expect(new Set(generations).size).toBe(1);
});

const runs = 1_000;
const parties = 3;

interface Passing {
  readonly generation: number;
  readonly askedMs: number;
  readonly passedMs: number;
  leavingMs: number;
  leftMs: number;
}

test('nobody goes on before all have come, and nobody is done before all have left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const clock = createHandClock();
      const random = createSeededRandom(seed);
      const order = createInterleaving({ clock, random: random.fork('order'), pauseMsMax: 300 });
      const store = createMemoryStore({ clock });
      const codec = createMsgpackCodec();
      const passings: Passing[] = [];
      const meet = async (participant: string): Promise<void> => {
        const barriers = createBarriers({ store: order.through(store), codec, clock });
        for (let meeting = 0; meeting < 2; meeting += 1) {
          const askedMs = order.momentMs();
          const asked = { barrier: 'a', parties, participant, ttlSeconds: 3_600, waitMs: 300_000 };
          const { generation } = await barriers.enter(asked);
          const passing = {
            generation,
            askedMs,
            passedMs: order.momentMs(),
            leavingMs: 0,
            leftMs: 0,
          };
          passings.push(passing);
          await clock.sleep(random.integer(500));
          passing.leavingMs = order.momentMs();
          const { remaining } = await barriers.leave({
            barrier: 'a',
            participant,
            waitMs: 300_000,
          });
          passing.leftMs = order.momentMs();
          expect(remaining).toBe(0);
        }
      };
      await order.run(Array.from({ length: parties }, (_, index) => meet(`p${index}`)));
      const generations = new Set(passings.map(({ generation }) => generation));
      expect(generations.size).toBe(2);
      for (const generation of generations) {
        const all = passings.filter((each) => each.generation === generation);
        expect(all).toHaveLength(parties);
        const lastAsked = Math.max(...all.map(({ askedMs }) => askedMs));
        const firstPassed = Math.min(...all.map(({ passedMs }) => passedMs));
        expect(firstPassed).toBeGreaterThan(lastAsked);
        const lastLeaving = Math.max(...all.map(({ leavingMs }) => leavingMs));
        const firstLeft = Math.min(...all.map(({ leftMs }) => leftMs));
        expect(firstLeft).toBeGreaterThan(lastLeaving);
      }
    }),
    { numRuns: runs },
  );
}, 120_000);
