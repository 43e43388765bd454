import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { isHansaError } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createInterleaving } from '../../testkit/interleaving.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { servicesCapability } from './capability.ts';
import { registryContract, type Services } from './contract.ts';
import { createServices } from './service.ts';
import { servicesSuite } from './services.suite.ts';

function makeNeeds() {
  const clock = createSystemClock();
  return { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
}

roads<Services>(registryContract, () => createServices(makeNeeds())).forEach(servicesSuite);

test('the node is handed one contract and nothing to run', () => {
  const made = servicesCapability(makeNeeds());
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['registry']);
  expect(made.duties).toEqual([]);
});

test('there are instancesMax instances; one more is COORDINATION_FULL, the same again is not', async () => {
  const services = createServices({ ...makeNeeds(), instancesMax: 1 });
  const one = { service: 'a', instance: 'x', address: 'h' };
  await services.register(one);
  await expect(services.register({ ...one, instance: 'y' })).rejects.toMatchObject({
    code: 'COORDINATION_FULL',
  });
  await expect(services.register(one)).resolves.toMatchObject({ token: 2 });
});

test('who is not heard of is gone after its time, and not before', async () => {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const services = createServices({ store, codec: createMsgpackCodec(), clock });
  const count = async () => (await services.discover({ service: 'a' })).instances.length;
  const pass = async (seconds: number) => {
    clock.advance(seconds * 1_000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const key = { service: 'a', instance: 'x' };
  const { token } = await services.register({ ...key, address: 'h', ttlSeconds: 10 });
  await pass(9);
  await services.heartbeat({ ...key, token, health: 'warning' });
  await pass(9);
  await expect(count()).resolves.toBe(1);
  await pass(3);
  await expect(count()).resolves.toBe(0);
  await expect(services.heartbeat({ ...key, token })).rejects.toMatchObject({
    code: 'COORDINATION_LOST',
  });
});

const runs = 1_000;

test('of every instance the newest registration counts, in any order of things', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const clock = createHandClock();
      const random = createSeededRandom(seed);
      const order = createInterleaving({ clock, random: random.fork('order'), pauseMsMax: 100 });
      const store = createMemoryStore({ clock });
      const codec = createMsgpackCodec();
      const given: { instance: string; token: number; alive: boolean; lost: boolean }[] = [];
      const act = async (index: number): Promise<void> => {
        const services = createServices({ store: order.through(store), codec, clock });
        const instance = random.pick(['x', 'y']);
        const key = { service: 'a', instance };
        const { token } = await services.register({
          ...key,
          address: `h${index}`,
          ttlSeconds: 3_600,
        });
        const one = { instance, token, alive: true, lost: false };
        given.push(one);
        try {
          await services.heartbeat({ ...key, token, health: random.pick(['passing', 'warning']) });
          if (random.chance(0.3)) {
            await services.deregister({ ...key, token });
            one.alive = false;
          }
        } catch (error) {
          if (!isHansaError(error, 'COORDINATION_LOST')) {
            throw error;
          }
          one.lost = true;
        }
      };
      await order.run(Array.from({ length: 5 }, (_, index) => act(index)));
      expect(new Set(given.map(({ token }) => token)).size).toBe(given.length);
      const plain = createServices({ store, codec, clock });
      const { instances } = await plain.discover({ service: 'a', health: 'any' });
      for (const instance of ['x', 'y']) {
        const all = given.filter((each) => each.instance === instance);
        const newest = all.toSorted((a, b) => b.token - a.token)[0];
        expect(newest?.lost ?? false).toBe(false); // whoever is lost was followed by another
        const found = instances.find((each) => each.instance === instance);
        expect(found?.token).toBe(newest?.alive === true ? newest.token : undefined);
      }
    }),
    { numRuns: runs },
  );
}, 120_000);
