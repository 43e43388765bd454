import { expect, test } from 'vitest';
import type { GesturePhase } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { routerLimits } from './limits.ts';
import { createRig, type TestLine } from './router-rig.suite.ts';

test('a PUBLISH goes to all who are subscribed but its sender, and is not acknowledged', async () => {
  const rig = createRig();
  const [sender, other] = [await rig.join(), await rig.join()];
  sender.subscribe(1, '/cue');
  other.subscribe(1, '/*');
  sender.publish('/cue', { value: wireValue('go'), timestamp: 5 });
  expect(sender.frames).toEqual([]);
  expect(other.publishes).toEqual(['/cue="go"']);
  expect(rig.router.paramCount).toBe(0);
});

test('a PUBLISH is passed on as the bytes that came', async () => {
  const rig = createRig();
  const [sender, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/t');
  const bytes = Uint8Array.from(
    Buffer.from(
      '53410022207900022f74010b0001000178073ff000000000000000060a24181e400000000005',
      'hex',
    ),
  );
  sender.raw(bytes);
  expect(other.frames).toEqual([bytes]);
});

test('a subscription is told of the types that it names; of SETs as param', async () => {
  const rig = createRig();
  const [sender, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**', { types: 0x02 | 0x01 });
  sender.set('/p', 1);
  for (const signal of ['event', 'stream', 'gesture', 'timeline'] as const) {
    sender.publish(`/${signal}`, { signal });
  }
  expect([other.sets, other.publishes]).toEqual([['/p=1@1'], ['/event=1']]);
});

test('an UNSUBSCRIBE ends what the id stood for; the same id again replaces it', async () => {
  const rig = createRig();
  const [sender, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/a');
  other.subscribe(1, '/b');
  sender.publish('/a');
  expect(other.publishes).toEqual([]);
  sender.publish('/b');
  expect(other.publishes).toEqual(['/b=1']);
  other.say({ type: 'unsubscribe', id: 1 });
  other.say({ type: 'unsubscribe', id: 77 });
  sender.publish('/b');
  expect(other.publishes).toEqual(['/b=1']);
  expect(other.errors).toEqual([]);
});

test('what somebody else subscribed to later changes nobody’s routes', async () => {
  const rig = createRig();
  const [sender, first, second] = [await rig.join(), await rig.join(), await rig.join()];
  first.subscribe(1, '/a');
  sender.publish('/a');
  second.subscribe(1, '/**');
  sender.publish('/a');
  second.hangUp();
  sender.publish('/a');
  expect(first.publishes).toHaveLength(3);
  expect(second.publishes).toHaveLength(1);
});

test('a SUBSCRIBE is answered by what is there and matches, and by nothing where nothing is', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.set('/a/b', 1);
  line.set('/a', 2);
  line.set('/c', 3);
  line.forget();
  line.subscribe(1, '/x/**');
  expect(line.frames).toEqual([]);
  line.subscribe(2, '/a/**');
  expect([...line.snapshot]).toEqual([
    ['/a/b', '1@1'],
    ['/a', '2@1'],
  ]);
  line.forget();
  line.subscribe(3, '/c', { types: 0x02 });
  expect(line.frames).toEqual([]);
});

test('patterns that are none are refused with 202 and the pattern', async () => {
  const line = await createRig().join();
  for (const pattern of ['', 'a', '/a//b']) {
    line.subscribe(1, pattern);
  }
  expect(line.messages('error').map(({ code, address }) => [code, address])).toEqual([
    [202, ''],
    [202, 'a'],
    [202, '/a//b'],
  ]);
});

test('a session has subscriptionsMax subscriptions; one more is 429, a replaced one is none', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const line = await rig.join();
  for (let id = 0; id < routerLimits.subscriptionsMax; id += 1) {
    line.subscribe(id, `/a/${id}`);
  }
  expect(line.errors).toEqual([]);
  line.subscribe(0, '/other');
  expect(line.errors).toEqual([]);
  line.subscribe(routerLimits.subscriptionsMax, '/one/more');
  expect(line.messages('error')).toMatchObject([{ code: 429, address: '/one/more' }]);
});

test('a late joiner gets everything, however large, chunked by bytes', async () => {
  const rig = createRig();
  const line = await rig.join();
  for (let i = 0; i < 5; i += 1) {
    line.set(`/big/${i}`, 'x'.repeat(30_000));
  }
  for (let i = 0; i < 500; i += 1) {
    line.set(`/small/${i}`, i);
  }
  const late = rig.line();
  late.say({ type: 'hello', version: 1, features: [], name: 'late' });
  expect(late.snapshot.size).toBe(505);
  expect(late.types[0]).toBe('welcome');
  expect(late.messages('snapshot').length).toBeLessThan(6);
});

test('a snapshot of many is made in turns, and ends', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const line = await rig.join();
  const count = routerLimits.scannedPerTurnMax * 2 + 10;
  for (let i = 0; i < count; i += 1) {
    line.set(`/p/${i}`, i);
  }
  const late = rig.line();
  late.say({ type: 'hello', version: 1, features: [], name: 'late' });
  late.say({ type: 'ping' });
  expect(late.snapshot.size).toBeLessThanOrEqual(routerLimits.scannedPerTurnMax);
  expect(late.messages('pong')).toEqual([]);
  await rig.clock.advance(1);
  expect(late.snapshot.size).toBe(count);
  expect(late.types.at(-1)).toBe('pong');
  expect(rig.problems).toEqual([]);
});

test('in a snapshot that is still made nothing old comes after something new', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0, sessionIdleMs: 0 } });
  const line = await rig.join();
  const count = routerLimits.scannedPerTurnMax + 100;
  for (let i = 0; i < count; i += 1) {
    line.set(`/p/${i}`, 0);
  }
  const late = await rig.join();
  late.subscribe(1, '/p/**');
  for (let i = 0; i < count; i += 1) {
    line.set(`/p/${i}`, 1);
    line.set(`/new/${i}`, 1);
  }
  await rig.clock.advance(5);
  const newest = new Map<string, number>();
  for (const message of late.all) {
    const params =
      message.type === 'snapshot' ? message.params : message.type === 'set' ? [message] : [];
    for (const { address, revision = 0 } of params) {
      expect(revision).toBeGreaterThanOrEqual(newest.get(address) ?? 0);
      newest.set(address, revision);
    }
  }
  expect([...newest.values()].every((revision) => revision === 2)).toBe(true);
  expect(newest.size).toBe(count);
});

const finger = (line: TestLine, phase: GesturePhase, x: number, id = 5): void =>
  line.publish('/touch', { signal: 'gesture', phase, id, value: wireValue(x) });

const told = (line: TestLine): string[] =>
  line.messages('publish').map(({ phase }, i) => `${phase} ${line.publishes[i]?.split('=')[1]}`);

test('moves of a gesture are told at most once in 16 ms, the newest, never postponed', async () => {
  const rig = createRig();
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/touch');
  hand.subscribe(1, '/touch');
  finger(hand, 'start', 0);
  for (let move = 1; move <= 120; move += 1) {
    finger(hand, 'move', move);
    await rig.clock.advance(8);
  }
  finger(hand, 'end', 121);
  const lines = told(other);
  expect(lines[0]).toBe('start 0');
  expect(lines.slice(-2)).toEqual(['move 120', 'end 121']);
  expect(lines.length).toBeGreaterThanOrEqual(60);
  expect(lines.length).toBeLessThanOrEqual(64);
  expect(hand.messages('publish')).toEqual([]);
});

test('a move that waits is told before what ends its gesture', async () => {
  const rig = createRig();
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/touch');
  finger(hand, 'start', 0);
  [1, 2, 3].forEach((x) => finger(hand, 'move', x));
  finger(hand, 'cancel', 4);
  await rig.clock.advance(100);
  expect(told(other)).toEqual(['start 0', 'move 1', 'move 3', 'cancel 4']);
});

test('an event that is refused ends no gesture at its address', async () => {
  const rig = createRig({ options: { features: ['gesture'] } });
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/touch');
  finger(hand, 'start', 0, 0);
  hand.publish('/touch', { signal: 'event' });
  finger(hand, 'end', 1, 0);
  expect(hand.errorCodes).toEqual([403]);
  expect(other.messages('publish').map(({ phase }) => phase)).toEqual(['start', 'end']);
});

test('fingers are told apart by id and by session; moves without a start pass', async () => {
  const rig = createRig();
  const [hand, second, other] = [await rig.join(), await rig.join(), await rig.join()];
  other.subscribe(1, '/touch');
  finger(hand, 'start', 0, 1);
  finger(hand, 'start', 0, 2);
  [1, 2].forEach((id) => finger(hand, 'move', id * 10, id));
  finger(second, 'move', 30, 1);
  finger(second, 'move', 31, 1);
  expect(told(other).slice(2)).toEqual(['move 10', 'move 20', 'move 30', 'move 31']);
});

test('what a session began and did not end is cancelled when it leaves', async () => {
  const rig = createRig();
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/touch');
  finger(hand, 'start', 0);
  finger(hand, 'move', 1);
  finger(hand, 'move', 2);
  hand.hangUp();
  expect(other.messages('publish').map(({ phase, id }) => [phase, id])).toEqual([
    ['start', 5],
    ['move', 5],
    ['move', 5],
    ['cancel', 5],
  ]);
  await rig.clock.advance(routerLimits.gestureIdleMs * 2);
  expect(other.messages('publish')).toHaveLength(4);
});

test('a gesture that nobody ends is cancelled after its time, counted from its last move', async () => {
  const rig = createRig({ options: { sessionIdleMs: 0 } });
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/touch');
  finger(hand, 'start', 0);
  await rig.clock.advance(routerLimits.gestureIdleMs - 1);
  finger(hand, 'move', 1);
  await rig.clock.advance(routerLimits.gestureIdleMs - 1);
  expect(told(other)).toHaveLength(2);
  await rig.clock.advance(1);
  expect(other.messages('publish').at(-1)?.phase).toBe('cancel');
});

test('beyond gesturesMax fingers, moves pass as they come', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const [hand, other] = [await rig.join(), await rig.join()];
  for (let id = 0; id <= routerLimits.gesturesMax; id += 1) {
    finger(hand, 'start', 0, id);
  }
  other.subscribe(1, '/touch');
  const last = routerLimits.gesturesMax;
  [1, 2, 3].forEach((x) => finger(hand, 'move', x, last));
  expect(told(other)).toEqual(['move 1', 'move 2', 'move 3']);
  [1, 2, 3].forEach((x) => finger(hand, 'move', x, 0));
  expect(told(other)).toHaveLength(4);
});

test('of other routers routersGesturesMax gestures are watched over, and no more', async () => {
  const rig = createRig();
  const { gesturesMax, routerGesturesMax, routersGesturesMax } = routerLimits;
  const begin = (router: string, writer: string, id: number): void =>
    rig.router.publish(
      { type: 'publish', address: '/touch', signal: 'gesture', phase: 'start', id },
      { writer, router, link: 'l' },
    );
  for (let at = 0; at <= routersGesturesMax; at += 1) {
    begin(`r${Math.floor(at / routerGesturesMax)}`, `w${Math.floor(at / gesturesMax)}`, at);
  }
  const other = await rig.join();
  other.subscribe(1, '/touch');
  rig.router.lost(() => true);
  expect(other.messages('publish')).toHaveLength(routersGesturesMax);
  begin('again', 'w', 1);
  rig.router.lost((router) => router === 'again');
  expect(other.messages('publish').at(-1)?.phase).toBe('cancel');
  expect(rig.router.timerCount).toBeLessThan(100); // those that were cancelled are tidied in time
});

test('a P2P signal goes to the one session that it names, subscribed or not', async () => {
  const rig = createRig();
  const [sender, target, nosy] = [await rig.join(), await rig.join(), await rig.join()];
  nosy.subscribe(1, '/**');
  sender.publish(`/clasp/p2p/signal/${target.session}`, { value: wireValue('offer') });
  expect(target.publishes).toEqual([`/clasp/p2p/signal/${target.session}="offer"`]);
  expect(nosy.frames).toEqual([]);
  sender.publish('/clasp/p2p/signal/nobody');
  expect(sender.messages('error')).toMatchObject([
    { code: 404, address: '/clasp/p2p/signal/nobody' },
  ]);
  sender.publish('/clasp/p2p/announce');
  expect(nosy.publishes).toEqual(['/clasp/p2p/announce=1']);
  expect(rig.router.sessions.get(sender.session)?.announcesP2p).toBe(true);
});

test('beyond routesMax addresses routes are asked for anew, and are as right as before', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const [sender, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/a/0');
  other.subscribe(2, '/a/*/last');
  for (let i = 0; i <= routerLimits.routesMax; i += 1) {
    sender.publish(`/a/${i}`);
  }
  sender.publish('/a/0');
  sender.publish('/a/x/last');
  expect(other.publishes).toEqual(['/a/0=1', '/a/0=1', '/a/x/last=1']);
});
