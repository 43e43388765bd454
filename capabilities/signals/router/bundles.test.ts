import { expect, test } from 'vitest';
import { bundleMember } from '../frames/encode.ts';
import type { BundleMember, SignalMessage } from '../frames/messages.ts';
import { wireValue, type SignalValue } from '../frames/values.ts';
import type { SignalAccess } from './access.ts';
import { routerLimits } from './limits.ts';
import { createRig } from './router-rig.suite.ts';

const set = (address: string, value: SignalValue, more: object = {}): BundleMember =>
  bundleMember({
    type: 'set',
    address,
    value: wireValue(value),
    lock: false,
    unlock: false,
    ...more,
  });

const publish = (address: string, value: SignalValue = 1): BundleMember =>
  bundleMember({ type: 'publish', address, signal: 'event', value: wireValue(value) });

test('a bundle’s SETs come first, each told as it was written, then its PUBLISHes; one ACK', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  [writer, other].forEach((line) => line.subscribe(1, '/**'));
  const members = [publish('/e'), set('/a', 1), set('/a', 0), set('/b', 2)];
  writer.say({ type: 'bundle', members });
  expect(other.types).toEqual(['set', 'set', 'set', 'publish']);
  expect(other.sets).toEqual(['/a=1@1', '/a=0@2', '/b=2@1']);
  expect(writer.types).toEqual(['set', 'set', 'set', 'ack']);
  expect(writer.messages('ack')).toEqual([{ type: 'ack', revision: 1 }]);
});

test('a bundle without SETs is acknowledged without a revision', async () => {
  const line = await createRig().join();
  line.say({ type: 'bundle', members: [publish('/e')] });
  line.say({ type: 'bundle', members: [] });
  expect(line.all).toEqual([{ type: 'ack' }, { type: 'ack' }]);
});

test('what else a bundle holds is passed over', async () => {
  const line = await createRig().join();
  const others: SignalMessage[] = [
    { type: 'get', address: '/a' },
    { type: 'subscribe', id: 1, pattern: '/**', types: 0xff },
    { type: 'bundle', members: [set('/inner', 1)] },
  ];
  line.say({ type: 'bundle', members: [...others.map(bundleMember), set('/a', 1)] });
  expect(line.types).toEqual(['ack']);
});

test.each([
  ['a revision that is another one', set('/a', 9, { revision: 7 }), 400],
  ['somebody else’s lock', set('/locked', 9), 400],
  ['an address that is none', set('a', 9), 200],
  ['a PUBLISH to nobody', publish('/clasp/p2p/signal/none'), 404],
  ['no right to write', set('/secret', 9), 403],
  ['no right to publish', publish('/secret'), 403],
])('one member is refused by %s, and nothing of the bundle happens', async (_why, bad, code) => {
  const rig = createRig({
    doorkeeper: {
      admit: () => ({ allows: (verb, at) => verb !== 'write' || at !== '/secret', subject: 's' }),
    },
  });
  const [writer, holder, other] = [await rig.join(), await rig.join(), await rig.join()];
  holder.set('/locked', 1, { lock: true });
  writer.set('/a', 1);
  other.subscribe(1, '/**');
  [writer, other].forEach((line) => line.forget());
  writer.say({ type: 'bundle', members: [set('/a', 2), publish('/e'), set('/n', 1), bad] });
  expect(writer.errorCodes).toEqual([code]);
  expect(writer.types).toEqual(['error']);
  expect(other.frames).toEqual([]);
  expect(rig.router.get('/a')?.revision).toBe(1);
  expect(rig.router.get('/n')).toBeUndefined();
});

test('each SET of a bundle is judged by what those before it leave', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  writer.say({
    type: 'bundle',
    members: [
      set('/a', 1),
      set('/a', 2, { revision: 1 }),
      set('/a', 3, { revision: 2, lock: true }),
    ],
  });
  expect(writer.types).toEqual(['ack']);
  expect(rig.router.get('/a')).toMatchObject({ revision: 3, holder: writer.session });
  other.say({
    type: 'bundle',
    members: [set('/b', 1, { lock: true }), set('/b', 2, { unlock: true })],
  });
  expect(rig.router.get('/b')).toMatchObject({ revision: 2, holder: undefined });
  writer.forget();
  writer.say({ type: 'bundle', members: [set('/c', 1), set('/c', 2, { revision: 9 })] });
  expect(writer.errors).toEqual(['400 RevisionConflict { expected: 9, actual: 1 }']);
  expect(rig.router.get('/c')).toBeUndefined();
});

test('a bundle that does not fit is refused as a whole', async () => {
  const rig = createRig({ options: { paramsMax: 2, atCapacity: 'evict' } });
  const line = await rig.join();
  line.set('/a', 1);
  line.say({ type: 'bundle', members: [set('/b', 1), set('/c', 1)] });
  expect(line.errors).toEqual(['400 AtCapacity']);
  expect([...rig.router.params()].map(({ address }) => address)).toEqual(['/a']);
});

test('a bundle with a moment to come happens at that moment, and is judged then', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**');
  const timestamp = (rig.clock.now() + 500) * 1_000;
  writer.say({ type: 'bundle', timestamp, members: [set('/a', 1), publish('/e')] });
  await rig.clock.advance(499);
  expect([writer.frames, other.frames]).toEqual([[], []]);
  other.set('/b', 1, { lock: true });
  other.forget();
  writer.say({ type: 'bundle', timestamp, members: [set('/c', 1), set('/b', 1)] });
  await rig.clock.advance(1);
  expect(writer.types).toEqual(['ack', 'error']);
  expect(other.sets).toEqual(['/a=1@1']);
  expect(rig.router.get('/c')).toBeUndefined();
});

test.each([
  ['an address that is none', set('a', 9), 200],
  ['no right to write', set('/secret', 9), 403],
  ['no right to publish', publish('/secret'), 403],
])('a bundle with a moment to come is refused at once by %s', async (_why, bad, code) => {
  const allows: SignalAccess['allows'] = (verb, at) => verb !== 'write' || at !== '/secret';
  const rig = createRig({ doorkeeper: { admit: () => ({ allows, subject: 's' }) } });
  const writer = await rig.join();
  const timestamp = (rig.clock.now() + 500) * 1_000;
  writer.say({ type: 'bundle', timestamp, members: [set('/a', 1), bad] });
  expect(writer.errorCodes).toEqual([code]);
  await rig.clock.advance(500);
  expect(writer.types).toEqual(['error']);
  expect(rig.router.paramCount).toBe(0);
});

test('a right that was taken away since a bundle was scheduled refuses it at its moment', async () => {
  let mayWrite = true;
  const allows: SignalAccess['allows'] = (verb) => verb !== 'write' || mayWrite;
  const rig = createRig({ doorkeeper: { admit: () => ({ allows, subject: 's' }) } });
  const writer = await rig.join();
  const timestamp = (rig.clock.now() + 500) * 1_000;
  writer.say({ type: 'bundle', timestamp, members: [set('/a', 1)] });
  expect(writer.frames).toEqual([]);
  mayWrite = false;
  await rig.clock.advance(500);
  expect(writer.errorCodes).toEqual([403]);
  expect(rig.router.paramCount).toBe(0);
});

test('a moment that has passed is now', async () => {
  const line = await createRig().join();
  line.say({ type: 'bundle', timestamp: 1, members: [set('/a', 1)] });
  expect(line.types).toEqual(['ack']);
});

test('what waits for its moment goes with its session', async () => {
  const rig = createRig();
  const writer = await rig.join();
  const timestamp = (rig.clock.now() + 500) * 1_000;
  writer.say({ type: 'bundle', timestamp, members: [set('/a', 1)] });
  writer.hangUp();
  await rig.clock.advance(1_000);
  expect(rig.router.paramCount).toBe(0);
});

test('a bundle waits a day at most', async () => {
  const rig = createRig();
  const line = await rig.join();
  const say = (aheadMs: number): void => {
    const timestamp = (rig.clock.now() + aheadMs) * 1_000;
    line.say({ type: 'bundle', timestamp, members: [set('/a', 1)] });
  };
  say(routerLimits.bundleAheadMs);
  expect(line.errorCodes).toEqual([]);
  say(routerLimits.bundleAheadMs + 1);
  expect(line.errorCodes).toEqual([400]);
});

test('of one session bundlesWaitingMax bundles wait, and bundleBytesWaitingMax bytes', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const [line, heavy] = [await rig.join(), await rig.join()];
  const timestamp = (rig.clock.now() + 1_000) * 1_000;
  for (let i = 0; i < routerLimits.bundlesWaitingMax; i += 1) {
    line.say({ type: 'bundle', timestamp, members: [set('/a', i)] });
  }
  expect(line.errorCodes).toEqual([]);
  line.say({ type: 'bundle', timestamp, members: [set('/a', 'one too many')] });
  expect(line.errorCodes).toEqual([429]);
  const members = [set('/big', 'x'.repeat(60_000))];
  for (let i = 0; i < 100 && heavy.errorCodes.length === 0; i += 1) {
    heavy.say({ type: 'bundle', timestamp, members });
  }
  expect(heavy.errorCodes).toEqual([429]);
  await rig.clock.advance(1_000);
  expect(line.messages('ack')).toHaveLength(routerLimits.bundlesWaitingMax);
  expect(rig.router.get('/a')?.revision).toBe(routerLimits.bundlesWaitingMax);
  line.forget();
  line.say({ type: 'bundle', timestamp: timestamp + 2e6, members: [set('/a', 0)] });
  expect(line.errorCodes).toEqual([]);
});

test('gestures and P2P signals in a bundle go the way they go outside', async () => {
  const rig = createRig();
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/g');
  const move = (x: number): BundleMember =>
    bundleMember({
      type: 'publish',
      address: '/g',
      signal: 'gesture',
      phase: x === 0 ? 'start' : 'move',
      id: 1,
      value: wireValue(x),
    });
  const signal = publish(`/clasp/p2p/signal/${other.session}`, 'offer');
  hand.say({ type: 'bundle', members: [move(0), move(1), move(2), move(3), signal] });
  expect(other.publishes.map((line) => line.split('=')[1])).toEqual(['0', '1', '"offer"']);
  await rig.clock.advance(20);
  expect(other.publishes.at(-1)).toBe('/g=3');
});
