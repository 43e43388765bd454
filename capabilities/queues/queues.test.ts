import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { queuesCapability } from './capability.ts';
import { queueContract, pullBytesMax, windowItemsMax, type Item, type Queues } from './contract.ts';
import { choice } from './pulling.ts';
import { queuesSuite } from './queues.suite.ts';
import { createQueues } from './service.ts';

function makeNeeds() {
  const clock = createSystemClock();
  return { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
}

roads<Queues>(queueContract, () => createQueues(makeNeeds())).forEach(queuesSuite);

test('the node is handed one contract and nothing to run', () => {
  const made = queuesCapability(makeNeeds());
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['queue']);
  expect(made.duties).toEqual([]);
});

const q = { queue: 'q' };

function makeByHand(
  bounds: { depthMax?: number; queuesMax?: number; deadLettersMax?: number } = {},
) {
  const clock = createHandClock();
  const needs = { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
  const queues = createQueues({ ...needs, ...bounds });
  const pull = async (limit = 1, more: { visibilitySeconds?: number } = {}) =>
    (await queues.pull({ ...q, consumer: 'c', limit, ...more })).items;
  const push = (...payloads: string[]) =>
    queues.push({ ...q, items: payloads.map((payload) => ({ payload })) });
  /** Leases end by a wake-up of the clock. */
  const pass = async (seconds: number): Promise<void> => {
    clock.advance(seconds * 1_000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queues, pull, push, pass, again: () => createQueues({ ...needs, ...bounds }) };
}

const receipt = ({ sequence, attempt }: Item) => ({ sequence, attempt });

test('what is not acknowledged in time is pulled again, and not before', async () => {
  const { queues, pull, push, pass } = makeByHand();
  await queues.create(q);
  await push('a');
  const [first] = await pull();
  await pass(29);
  await expect(pull()).resolves.toEqual([]);
  await pass(4);
  await expect(pull()).resolves.toMatchObject([{ sequence: 1, attempt: 2 }]);
  const items = first === undefined ? [] : [receipt(first)];
  await expect(queues.ack({ ...q, items })).resolves.toEqual({ settled: 0, lost: [1] });
});

test('who acknowledges late is in time as long as nobody else was served', async () => {
  const { queues, pull, push, pass } = makeByHand();
  await queues.create(q);
  await push('a');
  const items = (await pull()).map(receipt);
  await pass(40);
  await expect(queues.ack({ ...q, items })).resolves.toEqual({ settled: 1, lost: [] });
});

test('an extended item is hidden from then on for so long', async () => {
  const { queues, pull, push, pass } = makeByHand();
  await queues.create(q);
  await push('a');
  const items = (await pull(1, { visibilitySeconds: 5 })).map(receipt);
  await pass(4);
  await queues.extend({ ...q, items, visibilitySeconds: 60 });
  await pass(59);
  await expect(pull()).resolves.toEqual([]);
  await pass(4);
  await expect(pull()).resolves.toMatchObject([{ attempt: 2 }]);
});

test('an item that was put off comes after its delay', async () => {
  const { queues, pull, push, pass } = makeByHand();
  await queues.create(q);
  await push('a', 'b');
  const items = (await pull()).map(receipt);
  await queues.nack({ ...q, items, delaySeconds: 10 });
  await expect(pull(5)).resolves.toMatchObject([{ payload: 'b' }]);
  await pass(13);
  await expect(pull(5)).resolves.toMatchObject([{ payload: 'a', attempt: 2 }]);
});

test('whoever never acknowledges makes a dead letter, and its group goes on', async () => {
  const { queues, pull, pass } = makeByHand();
  await queues.create({ ...q, settings: { attemptsMax: 2, visibilitySeconds: 5 } });
  await queues.push({ ...q, items: ['a', 'b'].map((payload) => ({ payload, group: 'g' })) });
  for (const attempt of [1, 2]) {
    await expect(pull(5)).resolves.toMatchObject([{ payload: 'a', attempt }]);
    await pass(8);
  }
  await expect(pull(5)).resolves.toMatchObject([{ payload: 'b', attempt: 1 }]);
  await expect(queues.dead(q)).resolves.toMatchObject({ items: [{ payload: 'a' }] });
});

test('ids are forgotten after their time, and items with an end go, payload and all', async () => {
  const { queues, pull, pass } = makeByHand();
  await queues.create({ ...q, settings: { dedupSeconds: 5, ttlSeconds: 20 } });
  const items = [{ payload: 'a', id: 'x' }];
  await queues.push({ ...q, items });
  await pass(8);
  await expect(queues.push({ ...q, items })).resolves.toMatchObject({ duplicates: 0 });
  await pass(15);
  await expect(pull(5)).resolves.toMatchObject([{ sequence: 2 }]);
  await pass(10);
  await expect(queues.show(q)).resolves.toMatchObject({ items: 0, last: 2 });
});

test('all of it is in the store: another process goes on where the first ended', async () => {
  const { queues, pull, push, again } = makeByHand();
  await queues.create(q);
  await push('a', 'b');
  const items = (await pull()).map(receipt);
  const other = again();
  await expect(other.pull({ ...q, consumer: 'd', limit: 5 })).resolves.toMatchObject({
    items: [{ payload: 'b' }],
  });
  await expect(other.ack({ ...q, items })).resolves.toEqual({ settled: 1, lost: [] });
});

test('a queue is full over depthMax numbers; one more is COORDINATION_FULL until the oldest goes', async () => {
  const { queues, pull, push } = makeByHand({ depthMax: 3 });
  await queues.create(q);
  await push('a', 'b', 'c');
  await expect(push('d')).rejects.toMatchObject({ code: 'COORDINATION_FULL' });
  await queues.ack({ ...q, items: (await pull()).map(receipt) });
  await expect(push('d')).resolves.toMatchObject({ sequences: [4] });
});

test('there are queuesMax queues; one more is COORDINATION_FULL until one goes', async () => {
  const { queues } = makeByHand({ queuesMax: 1 });
  await queues.create(q);
  await expect(queues.create({ queue: 'r' })).rejects.toMatchObject({ code: 'COORDINATION_FULL' });
  await queues.remove(q);
  await expect(queues.create({ queue: 'r' })).resolves.toMatchObject({ queue: 'r' });
});

test('over deadLettersMax, the oldest dead letters give way', async () => {
  const { queues, pull, push } = makeByHand({ deadLettersMax: 2 });
  await queues.create({ ...q, settings: { attemptsMax: 1 } });
  await push('a', 'b', 'c');
  for (let at = 0; at < 3; at += 1) {
    await queues.nack({ ...q, items: (await pull()).map(receipt) });
  }
  const { items } = await queues.dead(q);
  expect(items.map(({ payload }) => payload)).toEqual(['b', 'c']);
});

const row = (sequence: number, bytes = 1, group = '') => ({
  sequence,
  modRevision: 1,
  lease: undefined,
  item: { attempts: 0, body: sequence, bytes, group, id: '', pushedMs: 0 },
});
const nothingHidden: ReadonlySet<number> = new Set();

test('one answer holds pullBytesMax of payloads, and one item at least', () => {
  const given = { hidden: nothingHidden, limit: 9, attemptsMax: 3 };
  const half = pullBytesMax / 2;
  const taken = (rows: ReturnType<typeof row>[]) =>
    choice(rows, given).free.map(({ sequence }) => sequence);
  expect(taken([row(1, half), row(2, half), row(3)])).toEqual([1, 2]);
  expect(taken([row(1, half), row(2, half + 1)])).toEqual([1]);
  expect(taken([row(1, pullBytesMax + 1), row(2)])).toEqual([1]);
});

test('an item is found behind windowItemsMax - 1 others of a group that is taken', async () => {
  const { queues, pull } = makeByHand();
  await queues.create(q);
  const pushGroup = async (count: number) => {
    for (let left = count; left > 0; left -= 20) {
      const items = Array.from({ length: Math.min(20, left) }, () => ({ payload: '', group: 'g' }));
      await queues.push({ ...q, items });
    }
  };
  await pushGroup(windowItemsMax - 1);
  await queues.push({ ...q, items: [{ payload: 'last' }] });
  await expect(pull(1)).resolves.toMatchObject([{ group: 'g' }]);
  await expect(pull(1)).resolves.toMatchObject([{ payload: 'last' }]);
  await queues.push({ ...q, items: [{ payload: 'beyond' }] });
  await expect(pull(1)).resolves.toEqual([]);
});
