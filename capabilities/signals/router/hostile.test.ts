// Sessions that mean harm: whatever they send, the router goes on, and what they cost is bounded.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSeededRandom } from '../../../testkit/seeded-random.ts';
import { bundleMember, encodeFrame } from '../frames/encode.ts';
import type { SignalMessage } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { createMemoryJournal } from './journal.ts';
import { createRig, type Rig, type TestLine } from './router-rig.suite.ts';

const value = wireValue(new Map([['x', [1, 'y', null]]]));

/** One of each that a client may send. */
const samples: readonly SignalMessage[] = [
  { type: 'hello', version: 1, features: ['federation'], name: 'evil', token: 't' },
  { type: 'set', address: '/a', value, lock: true, unlock: false, revision: 1, ttl: 3 },
  { type: 'publish', address: '/a', signal: 'gesture', phase: 'move', id: 1, value, timestamp: 1 },
  { type: 'publish', address: '/a', signal: 'stream', samples: new Uint8Array(16), rate: 9 },
  { type: 'subscribe', id: 1, pattern: '/a/**', types: 0xff, maxRate: 3, epsilon: 1 },
  { type: 'unsubscribe', id: 1 },
  { type: 'get', address: '/a' },
  { type: 'replay', pattern: '/**', types: 0xff, from: 0, to: 9e15, limit: 10 },
  { type: 'query', pattern: '/**' },
  { type: 'announce', namespace: '/n', signals: [{ address: '/n/a', signal: 'param' }] },
  { type: 'sync', t1: 1 },
  { type: 'ping' },
  { type: 'federation', op: 'declare', patterns: ['/**'], revisions: [] },
  {
    type: 'bundle',
    timestamp: 5,
    members: [
      bundleMember({ type: 'set', address: '/b', value, lock: false, unlock: true }),
      bundleMember({ type: 'publish', address: '/b', signal: 'event', value }),
    ],
  },
];

function spoiled(frame: Uint8Array, random: ReturnType<typeof createSeededRandom>): Uint8Array {
  const bytes = frame.slice(
    0,
    random.integer(4) === 0 ? random.integer(frame.length + 1) : frame.length,
  );
  const flips = random.integer(4);
  for (let i = 0; i < flips && bytes.length > 0; i += 1) {
    bytes[random.integer(bytes.length)] = random.integer(256);
  }
  return bytes;
}

async function expectAlive(rig: Rig, bystander: TestLine): Promise<void> {
  bystander.forget();
  bystander.set('/alive', 1);
  expect(bystander.types.filter((type) => type !== 'set')).toEqual(['ack']);
  expect(rig.problems).toEqual([]);
  await rig.clock.settle();
}

test('sixty thousand spoiled frames of welcomed sessions harm nobody', async () => {
  const options = { messagesPerSecondMax: 0, paramsMax: 500, sessionIdleMs: 0 };
  const rig = createRig({ journal: createMemoryJournal(), options });
  const random = createSeededRandom(11);
  const frames = samples.map((message) => encodeFrame(message));
  const [evil, bystander] = [await rig.join(), await rig.join()];
  bystander.subscribe(1, '/**');
  for (let i = 0; i < 60_000; i += 1) {
    const frame = frames[random.integer(frames.length)] ?? new Uint8Array(0);
    evil.raw(spoiled(frame, random));
    if (i % 1_000 === 0) {
      evil.forget();
      bystander.forget();
      await rig.clock.advance(7);
    }
  }
  await expectAlive(rig, bystander);
  expect(rig.router.paramCount).toBeLessThanOrEqual(500);
}, 60_000);

test('any bytes at all, before and after the welcome, harm nobody', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const [evil, bystander] = [await rig.join(), await rig.join()];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      evil.raw(bytes);
      const line = rig.line();
      line.raw(bytes);
      line.hangUp();
      expect(rig.problems).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
  await expectAlive(rig, bystander);
});

test('the longest texts the wire can carry are refused, not repeated into frames too large', async () => {
  const rig = createRig({ journal: createMemoryJournal() });
  const [evil, bystander] = [await rig.join(), await rig.join()];
  const long = `/${'x'.repeat(65_500)}`;
  evil.set(long, null);
  evil.publish(long, { value: wireValue(null) });
  evil.subscribe(1, long);
  evil.say({ type: 'get', address: long });
  evil.say({ type: 'query', pattern: long });
  evil.say({ type: 'replay', pattern: long, types: 0xff });
  evil.say({ type: 'announce', namespace: '', signals: [{ address: long, signal: 'param' }] });
  expect(evil.errorCodes).toEqual([200, 200, 202, 200, 202, 202, 200]);
  await expectAlive(rig, bystander);
});

test('a HELLO with the longest name and token is welcomed; the name is shortened', () => {
  const rig = createRig();
  const line = rig.line();
  const name = 'n'.repeat(60_000);
  line.say({ type: 'hello', version: 1, features: [], name, token: 't'.repeat(5_000) });
  expect(line.types).toEqual(['welcome', 'snapshot']);
  expect([...rig.router.sessions.values()][0]?.name).toHaveLength(256);
});

test('what the old encoding says more briefly than ours can is refused, not passed on', async () => {
  const rig = createRig();
  const [evil, other, bystander] = [await rig.join(), await rig.join(), await rig.join()];
  other.subscribe(1, '/**');
  const count = 20_000;
  const legacy = (type: string): Uint8Array => {
    const text = (s: string): number[] => [0xa0 + s.length, ...new TextEncoder().encode(s)];
    const head = [0x83, ...text('type'), ...text(type), ...text('address'), ...text('/a')];
    const array = [0xdc, count >> 8, count & 0xff, ...Array.from({ length: count }, () => 1)];
    const payload = [...head, ...text('value'), ...array];
    return Uint8Array.of(0x53, 0, payload.length >> 8, payload.length & 0xff, ...payload);
  };
  evil.raw(legacy('SET'));
  evil.raw(legacy('PUBLISH'));
  expect(other.frames).toEqual([]);
  expect(rig.router.paramCount).toBe(0);
  await expectAlive(rig, bystander);
});

test('a session that joins, takes all it can hold, and leaves, leaves nothing behind', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0, sessionIdleMs: 0 } });
  const other = await rig.join();
  const memory: number[] = [];
  for (let round = 0; round < 30; round += 1) {
    const evil = await rig.join();
    for (let i = 0; i < 1_000; i += 1) {
      evil.subscribe(i, `/a/*/${i}/**`, { maxRate: 1, epsilon: 0.1 });
      evil.publish(`/a/b/${i}`, { signal: 'gesture', phase: 'start', id: i });
      evil.set(`/p/${i % 50}`, i, { lock: true });
    }
    const timestamp = (rig.clock.now() + 60_000) * 1_000;
    const members = [
      bundleMember({ type: 'set', address: '/late', value, lock: false, unlock: false }),
    ];
    for (let i = 0; i < 100; i += 1) {
      evil.say({ type: 'bundle', timestamp, members });
    }
    evil.hangUp();
    other.forget();
    memory.push(rig.router.timerCount);
  }
  await rig.clock.advance(61_000);
  expect(rig.router.get('/late')).toBeUndefined();
  expect([...rig.router.params()].every(({ holder }) => holder === undefined)).toBe(true);
  expect(rig.router.sessions.size).toBe(1);
  expect(Math.max(...memory)).toBeLessThan(10_000);
  expect(rig.problems).toEqual([]);
}, 60_000);

test('lines that open and say nothing, by thousands, are bounded and go by themselves', async () => {
  const rig = createRig({ options: { sessionsMax: 100 } });
  const lines = Array.from({ length: 5_000 }, () => rig.line());
  expect(lines.filter((line) => line.closedWith === undefined)).toHaveLength(100);
  const honest = await rig.join(); // although all places are taken
  expect(honest.closedWith).toBeUndefined();
  await rig.clock.advance(10_000);
  expect(lines.filter((line) => line.closedWith === undefined)).toHaveLength(0);
  await expectAlive(rig, await rig.join());
});
