import { expect, test } from 'vitest';
import { wireValue } from '../frames/values.ts';
import { routerLimits } from './limits.ts';
import { createRig, type Rig, type TestLine } from './router-rig.suite.ts';

interface Slow {
  readonly rig: Rig;
  readonly writer: TestLine;
  readonly slow: TestLine;
}

/** One who is subscribed to everything and takes nothing any more. */
async function createSlow(more: Parameters<typeof createRig>[0] = {}): Promise<Slow> {
  const options = { messagesPerSecondMax: 0, lineBytesMax: 1_000, ...more?.options };
  const rig = createRig({ ...more, options });
  const [writer, slow] = [await rig.join(), await rig.join()];
  slow.subscribe(1, '/**');
  slow.stuck = true;
  for (let i = 0; slow.waiting() <= 1_000; i += 1) {
    writer.set(`/fill/${i % 10}`, i);
  }
  return { rig, writer, slow };
}

const outboxOf = ({ rig, slow }: Slow): { events: number; params: number; replies: number } => {
  const session = rig.router.sessions.get(slow.session);
  if (session === undefined) {
    throw new Error('the session is gone');
  }
  return session.outbox.figures;
};

test('params of a slow subscriber come together to the newest value of each', async () => {
  const all = await createSlow();
  const { writer, slow } = all;
  for (let i = 0; i < 50_000; i += 1) {
    writer.set(`/p/${i % 100}`, i);
  }
  expect(outboxOf(all).params).toBe(100);
  expect(slow.waiting()).toBeLessThan(1_100);
  slow.frames = [];
  slow.flow();
  const last = new Map(slow.sets.map((line) => [line.split('=')[0], line]));
  expect(slow.sets.filter((line) => line.startsWith('/p/'))).toHaveLength(100);
  expect(last.get('/p/99')).toBe('/p/99=49999@500');
  writer.set('/p/99', 'live');
  expect(slow.sets.at(-1)).toBe('/p/99="live"@501');
});

test('while a subscriber is slow, nobody else waits', async () => {
  const { rig, writer } = await createSlow();
  const quick = await rig.join();
  quick.subscribe(1, '/q');
  writer.set('/q', 1);
  writer.publish('/q');
  expect(quick.types).toEqual(['set', 'publish']);
});

test('streams of a slow subscriber are dropped; it is told once in ten seconds', async () => {
  const all = await createSlow();
  const { rig, writer, slow } = all;
  const drop = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      writer.publish('/s', { signal: 'stream', value: wireValue(i) });
    }
  };
  drop(routerLimits.dropsToldMin - 1);
  expect(outboxOf(all).replies).toBe(0);
  drop(5_000);
  expect(outboxOf(all).replies).toBe(1);
  await rig.clock.advance(routerLimits.dropsWindowMs);
  drop(5_000);
  expect(outboxOf(all).replies).toBe(2);
  slow.flow();
  expect(slow.errorCodes).toEqual([503, 503]);
  expect(slow.publishes).toEqual([]);
});

test('events of a slow subscriber wait in order, up to eventsWaitingMax; then it is told', async () => {
  const all = await createSlow();
  const { writer, slow } = all;
  const { eventsWaitingMax } = routerLimits;
  for (let i = 0; i < eventsWaitingMax; i += 1) {
    writer.publish('/e', { value: wireValue(i) });
  }
  expect(outboxOf(all)).toMatchObject({ events: eventsWaitingMax, replies: 0 });
  writer.publish('/e', { value: wireValue('one too many') });
  expect(outboxOf(all)).toMatchObject({ events: eventsWaitingMax, replies: 1 });
  slow.flow();
  expect(slow.publishes).toEqual(Array.from({ length: eventsWaitingMax }, (_, i) => `/e=${i}`));
  expect(slow.errorCodes).toEqual([503]);
});

test('what waits of events is bounded by eventBytesWaitingMax too', async () => {
  const all = await createSlow();
  const { eventBytesWaitingMax } = routerLimits;
  const value = wireValue('x'.repeat(60_000));
  for (let i = 0; i < 100; i += 1) {
    all.writer.publish('/e', { value });
  }
  const { events } = outboxOf(all);
  expect(events).toBeLessThanOrEqual(eventBytesWaitingMax / 60_000);
  expect(events).toBeGreaterThan(eventBytesWaitingMax / 60_000 - 2);
});

test('events whose pattern says drop are dropped', async () => {
  const rules = [{ pattern: '/meter/**', events: 'drop' }] as const;
  const all = await createSlow({ options: { rules } });
  all.writer.publish('/meter/a');
  all.writer.publish('/cue/a');
  expect(outboxOf(all).events).toBe(1);
});

test('who takes no answers is not read, from repliesWaitingMax on, until it took them', async () => {
  const all = await createSlow();
  const { slow, writer } = all;
  const { repliesWaitingMax } = routerLimits;
  for (let i = 0; i < repliesWaitingMax; i += 1) {
    slow.say({ type: 'ping' });
  }
  expect(slow.reading).toBe(true);
  slow.say({ type: 'ping' });
  expect(slow.reading).toBe(false);
  slow.flow();
  expect(slow.reading).toBe(true);
  expect(slow.messages('pong')).toHaveLength(repliesWaitingMax + 1);
  expect(writer.closedWith).toBeUndefined();
});

test('answers with values are made when they are taken: what waits is the question', async () => {
  const { slow, writer } = await createSlow();
  writer.set('/big', 'x'.repeat(60_000));
  for (let i = 0; i < 500; i += 1) {
    slow.say({ type: 'get', address: '/big' });
  }
  expect(slow.waiting()).toBeLessThan(1_100);
  writer.set('/big', 'newest');
  slow.flow();
  const told = slow.messages('snapshot').flatMap(({ params }) => params);
  expect(told).toHaveLength(500);
  expect(new Set(told.map(({ revision }) => revision))).toEqual(new Set([2]));
});

test('a transport that cannot stop reading is closed at repliesUnreadMax answers', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0, lineBytesMax: 100 } });
  const line = await rig.join({ unstoppable: true });
  line.stuck = true;
  let sent = 0;
  while (line.closedWith === undefined && sent <= routerLimits.repliesUnreadMax + 100) {
    line.say({ type: 'ping' });
    sent += 1;
  }
  expect(line.closedWith).toBe('answers are not taken');
  expect(sent).toBeGreaterThan(routerLimits.repliesUnreadMax);
  await rig.clock.settle();
  expect(rig.router.sessions.size).toBe(0);
});

test.each([
  { unstoppable: false, bound: routerLimits.replyBytesWaitingMax },
  { unstoppable: true, bound: routerLimits.replyBytesUnreadMax },
])('large answers that are not taken count by their bytes, %o', async ({ unstoppable, bound }) => {
  const rig = createRig({ options: { messagesPerSecondMax: 0, lineBytesMax: 100 } });
  const line = await rig.join({ unstoppable });
  line.stuck = true;
  const { outbox } = [...rig.router.sessions.values()][0] ?? {};
  const answer = new Uint8Array(65_536);
  const isTaken = (): boolean => line.reading && line.closedWith === undefined;
  let sent = 0;
  for (; isTaken() && sent <= bound / answer.length + 10; sent += 1) {
    outbox?.reply(answer);
  }
  expect(isTaken()).toBe(false);
  expect(sent).toBeGreaterThan(bound / answer.length);
});

test('a slow late joiner is sent its snapshot as it takes it, and not one param is lost', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0, lineBytesMax: 1_000 } });
  const writer = await rig.join();
  for (let i = 0; i < 3_000; i += 1) {
    writer.set(`/p/${i}`, 'x'.repeat(100));
  }
  const late = rig.line();
  late.stuck = true;
  late.say({ type: 'hello', version: 1, features: [], name: 'late' });
  expect(late.waiting()).toBeLessThan(70_000);
  for (let round = 0; round < 20; round += 1) {
    expect(late.waiting()).toBeLessThan(70_000);
    late.trickle();
  }
  expect(late.snapshot.size).toBe(3_000);
});

test('what waited for a session that left is forgotten', async () => {
  const all = await createSlow();
  const { rig, writer, slow } = all;
  const session = rig.router.sessions.get(slow.session);
  writer.publish('/e');
  slow.hangUp();
  expect(session?.outbox.figures).toMatchObject({ events: 0, params: 0, replies: 0 });
  writer.set('/fill/0', 1);
  expect(rig.problems).toEqual([]);
});

test('a param that went away while it waited is not told', async () => {
  const all = await createSlow();
  const { rig, writer, slow } = all;
  writer.set('/short', 1, { ttl: 1 });
  await rig.clock.advance(1_000);
  slow.flow();
  expect(slow.sets.some((line) => line.startsWith('/short'))).toBe(false);
});

test('params that wait are bounded by those there are, though addresses come and go', async () => {
  const all = await createSlow({ options: { paramsMax: 100, atCapacity: 'evict' } });
  for (let i = 0; i < 60_000; i += 1) {
    all.writer.set(`/churn/${i}`, i);
  }
  expect(outboxOf(all).params).toBeLessThanOrEqual(routerLimits.gatesMax + 101);
});

test('six hundred sessions, half of them stuck, cost what is said and lose nothing they should not', async () => {
  const lineBytesMax = 10_000;
  const rig = createRig({ options: { messagesPerSecondMax: 0, lineBytesMax, sessionIdleMs: 0 } });
  const writer = await rig.join();
  const lines: TestLine[] = [];
  for (let i = 0; i < 600; i += 1) {
    const line = await rig.join();
    line.subscribe(1, '/**');
    line.stuck = i % 2 === 0;
    lines.push(line);
  }
  const rounds = 1_500;
  for (let i = 0; i < rounds; i += 1) {
    writer.set(`/p/${i % 20}`, i);
    writer.publish('/s', { signal: 'stream', value: wireValue(i) });
    writer.publish('/e', { value: wireValue(i) });
  }
  for (const line of lines.filter(({ stuck }) => stuck)) {
    const figures = rig.router.sessions.get(line.session)?.outbox.figures;
    expect(figures?.lineBytes).toBeLessThan(lineBytesMax + 100);
    expect(figures?.params).toBe(20);
    expect(figures?.events).toBeLessThanOrEqual(routerLimits.eventsWaitingMax);
    expect(figures?.replies).toBe(1);
  }
  const quick = lines.filter(({ stuck }) => !stuck);
  expect(quick.every(({ frames }) => frames.length === rounds * 3)).toBe(true);
  const slow = lines.filter(({ stuck }) => stuck);
  slow.forEach((line) => line.flow());
  for (const line of [slow[0], slow.at(-1)]) {
    const newest = new Map(line?.sets.map((text) => text.split('=') as [string, string]));
    expect(newest.get('/p/19')).toBe(`${rounds - 1}@${rounds / 20}`);
    expect(line?.errorCodes).toEqual([503]);
  }
}, 60_000);
