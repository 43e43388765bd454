// A queue under chance: producers and consumers at two processes on one store, every call to the
// store in any order, time that jumps past visibility timeouts, consumers that vanish or are late.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkQueueHistory,
  type QueuePush,
  type QueueServing,
} from '../../testkit/coordination-model.ts';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createInterleaving, type Interleaving } from '../../testkit/interleaving.ts';
import { createSeededRandom, type SeededRandom } from '../../testkit/seeded-random.ts';
import type { Item, Queues } from './contract.ts';
import { createQueues } from './service.ts';

const runs = 1_000;
const producers = 2;
const consumers = 3;
const pushesEach = 2;
const pullsEach = 3;
const attemptsMax = 2;
const q = { queue: 'q' };

interface World {
  readonly clock: HandClock;
  readonly random: SeededRandom;
  readonly order: Interleaving;
  readonly pushed: QueuePush[];
  readonly served: QueueServing[];
  readonly acked: { sequence: number; atMs: number }[];
}

async function produce(world: World, queues: Queues, name: string): Promise<void> {
  const { random, clock, pushed } = world;
  for (let push = 0; push < pushesEach; push += 1) {
    const items = Array.from({ length: 1 + random.integer(3) }, (_, at) => ({
      payload: `${name}/${push}/${at}`,
      group: random.pick(['', 'g', 'h']),
      id: `${name}.${push}.${at}`,
    }));
    const first = await queues.push({ ...q, items });
    // As after an answer that was lost: the same again, which is the same items.
    const again = random.chance(0.3) ? await queues.push({ ...q, items }) : first;
    expect(again.sequences).toEqual(first.sequences);
    items.forEach(({ payload, group }, at) => {
      pushed.push({ sequence: first.sequences[at] ?? 0, payload, group: group || undefined });
    });
    await clock.sleep(random.integer(4_000));
  }
}

async function consume(world: World, queues: Queues, consumer: string): Promise<void> {
  const { random, order } = world;
  for (let pull = 0; pull < pullsEach; pull += 1) {
    const visibilitySeconds = 5 + random.integer(4);
    const sentMs = order.momentMs();
    const { items } = await queues.pull({
      ...q,
      consumer,
      limit: 1 + random.integer(3),
      visibilitySeconds,
      waitMs: random.pick([0, 1_000, 10_000]),
    });
    const servedMs = order.momentMs();
    // Counted from before the pull was sent only where it did not wait: what a consumer may rely on
    // begins when it is served, less the time of the answer.
    const untilMs = Math.max(servedMs, sentMs + visibilitySeconds * 1_000);
    for (const item of items) {
      await work(world, queues, { item, consumer, servedMs, untilMs });
    }
  }
}

interface Job {
  readonly item: Item;
  readonly consumer: string;
  readonly servedMs: number;
  readonly untilMs: number;
}

async function work(world: World, queues: Queues, job: Job): Promise<void> {
  const { random, order, clock, served, acked } = world;
  const { sequence, attempt, payload, group } = job.item;
  const items = [{ sequence, attempt }];
  let { untilMs } = job;
  await clock.sleep(random.integer(4_000));
  if (random.chance(0.2)) {
    const sentMs = order.momentMs();
    const { settled } = await queues.extend({ ...q, items, visibilitySeconds: 10 });
    untilMs = settled === 1 ? sentMs + 10_000 : Math.min(untilMs, sentMs);
    await clock.sleep(random.integer(4_000));
  }
  const endedMs = Math.min(untilMs, order.momentMs());
  const { consumer, servedMs } = job;
  served.push({ sequence, attempt, payload, group, consumer, servedMs, endedMs });
  const fate = random.fraction();
  if (fate < 0.6) {
    const { settled } = await queues.ack({ ...q, items });
    if (settled === 1) {
      acked.push({ sequence, atMs: order.momentMs() });
    }
  } else if (fate < 0.8) {
    await queues.nack({ ...q, items, ...(random.chance(0.5) ? { delaySeconds: 5 } : {}) });
  }
}

test('nothing is lost, nor served to two at once, nor out of its group’s order', async () => {
  let done = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const clock = createHandClock();
      const random = createSeededRandom(seed);
      const order = createInterleaving({ clock, random: random.fork('order'), pauseMsMax: 2_000 });
      const store = createMemoryStore({ clock });
      const codec = createMsgpackCodec();
      const world: World = { clock, random, order, pushed: [], served: [], acked: [] };
      const plain = createQueues({ store, codec, clock });
      await plain.create({ ...q, settings: { attemptsMax } });
      const processes = [0, 1].map(() =>
        createQueues({ store: order.through(store), codec, clock }),
      );
      const at = (index: number): Queues => processes[index % 2] ?? plain;
      await order.run([
        ...Array.from({ length: producers }, (_, index) => produce(world, at(index), `p${index}`)),
        ...Array.from({ length: consumers }, (_, index) => consume(world, at(index), `c${index}`)),
      ]);
      const left = {
        items: (await plain.peek(q)).items.map(({ sequence }) => sequence),
        dead: (await plain.dead(q)).items.map(({ sequence }) => sequence),
      };
      const { pushed, served, acked } = world;
      expect(checkQueueHistory({ pushed, served, acked, left, attemptsMax })).toEqual([]);
      done += acked.length;
    }),
    { numRuns: runs },
  );
  expect(done).toBeGreaterThan(runs);
}, 180_000);
