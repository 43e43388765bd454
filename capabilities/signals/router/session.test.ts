import { expect, test } from 'vitest';
import { encodeFrame } from '../frames/encode.ts';
import type { SignalAccess } from './access.ts';
import { routerLimits } from './limits.ts';
import { createRig } from './router-rig.suite.ts';

const hello = { type: 'hello', version: 1, features: ['param'], name: 'x' } as const;

test('a HELLO is answered by WELCOME and at least one SNAPSHOT, in that order', () => {
  const rig = createRig({ options: { name: 'R' } });
  const line = rig.line();
  line.say({ ...hello, version: 99 });
  expect(line.types).toEqual(['welcome', 'snapshot']);
  const [welcome] = line.messages('welcome');
  expect(welcome).toMatchObject({ version: 1, name: 'R', time: rig.clock.now() * 1_000 });
  expect(welcome?.features).toEqual(['param', 'event', 'stream', 'gesture', 'timeline']);
  expect(welcome?.session).toMatch(
    /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  );
});

test('WELCOME never says federation, also where the router has it', () => {
  const rig = createRig({ options: { features: ['param', 'federation'] } });
  const line = rig.line();
  line.say(hello);
  expect(line.messages('welcome')[0]?.features).toEqual(['param']);
});

test('whatever comes first and is no HELLO closes the line without a frame', () => {
  for (const first of [encodeFrame({ type: 'ping' }), new Uint8Array(3), new Uint8Array(0)]) {
    const line = createRig().line();
    line.raw(first);
    expect(line.frames).toEqual([]);
    expect(line.closedWith).toBe('the first frame was no HELLO');
  }
});

test('a line that says nothing is closed after its time, without a frame', async () => {
  const rig = createRig();
  const line = rig.line();
  await rig.clock.advance(routerLimits.helloMs - 1);
  expect(line.closedWith).toBeUndefined();
  await rig.clock.advance(1);
  expect(line.closedWith).toBe('no HELLO came in time');
  expect(line.frames).toEqual([]);
});

test('a second HELLO is an error and keeps the session', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.say(hello);
  expect(line.errorCodes).toEqual([101]);
  expect(rig.router.sessions.size).toBe(1);
  line.forget();
  line.say({ type: 'ping' });
  expect(line.types).toEqual(['pong']);
});

test('more lines than sessionsMax are closed without a frame', async () => {
  const rig = createRig({ options: { sessionsMax: 2 } });
  const [first] = [await rig.join(), await rig.join()];
  const third = rig.line();
  expect(third.closedWith).toBe('too many sessions');
  first.hangUp();
  expect(rig.line().closedWith).toBeUndefined();
});

test('who has said nothing yet makes room for who comes, the first of them first', async () => {
  const rig = createRig({ options: { sessionsMax: 3 } });
  const session = await rig.join();
  const [first, second] = [rig.line(), rig.line()];
  const third = rig.line();
  expect(first.closedWith).toBe('too many came before the first word');
  expect([second, third, session].map((line) => line.closedWith)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  second.hangUp();
  expect(rig.line().closedWith).toBeUndefined();
  expect(third.closedWith).toBeUndefined();
});

test('what cannot be decoded after the welcome is passed over', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.raw(Uint8Array.of(0x53, 1, 0, 1, 0x99));
  line.raw(new Uint8Array(0));
  expect(line.frames).toEqual([]);
  expect(rig.router.figures.undecodable).toBe(2);
  line.say({ type: 'ping' });
  expect(line.types).toEqual(['pong']);
});

test('what only a router says is passed over in silence', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.say({ type: 'welcome', version: 1, features: [], time: 1, session: 's', name: 'n' });
  line.say({ type: 'snapshot', params: [] });
  line.say({ type: 'ack' });
  line.say({ type: 'error', code: 1, message: 'no' });
  line.say({ type: 'result', signals: [] });
  line.say({ type: 'pong' });
  line.say({ type: 'sync', t1: 1, t2: 2, t3: 3 });
  expect(line.frames).toEqual([]);
});

test('SYNC is answered with the server’s time, and never sent unasked', async () => {
  const rig = createRig();
  const line = await rig.join();
  await rig.clock.advance(60_000);
  expect(line.frames).toEqual([]);
  line.say({ type: 'sync', t1: 42 });
  const now = rig.clock.now() * 1_000;
  expect(line.all).toEqual([{ type: 'sync', t1: 42, t2: now, t3: now }]);
});

test('a session that is silent for its time is closed; a frame or a pong keeps it', async () => {
  const rig = createRig({ options: { sessionIdleMs: 1_000 } });
  const [silent, talking, ponging] = [await rig.join(), await rig.join(), await rig.join()];
  for (let round = 0; round < 5; round += 1) {
    await rig.clock.advance(400);
    talking.say({ type: 'ping' });
    ponging.pong();
  }
  expect(silent.closedWith).toBe('nothing was heard for too long');
  expect([talking.closedWith, ponging.closedWith]).toEqual([undefined, undefined]);
  expect(rig.router.sessions.size).toBe(2);
});

test('a session that only listens and takes what it is sent is not idle', async () => {
  const rig = createRig({ options: { sessionIdleMs: 1_000 } });
  const [listener, writer] = [await rig.join(), await rig.join()];
  listener.subscribe(1, '/**');
  for (let round = 0; round < 5; round += 1) {
    await rig.clock.advance(400);
    writer.set('/a', round);
  }
  expect(listener.closedWith).toBeUndefined();
  listener.stuck = true;
  for (let round = 0; round < 5; round += 1) {
    await rig.clock.advance(400);
    writer.set('/a', round);
  }
  expect(listener.closedWith).toBe('nothing was heard for too long');
});

const access: SignalAccess = { allows: () => true, subject: 'ann' };

test('a refused token is told by one ERROR, then the line closes', () => {
  const rig = createRig({
    doorkeeper: { admit: () => ({ code: 300, message: 'Authentication required' }) },
  });
  const line = rig.line();
  line.say(hello);
  expect(line.errors).toEqual(['300 Authentication required']);
  expect(line.closedWith).toBe('Authentication required');
  expect(rig.router.sessions.size).toBe(0);
});

test('what comes while the token is judged is answered after the welcome', async () => {
  let admit: (told: SignalAccess) => void = () => undefined;
  const rig = createRig({
    doorkeeper: { admit: () => new Promise<SignalAccess>((resolve) => (admit = resolve)) },
  });
  const line = rig.line();
  line.say({ ...hello, token: 't' });
  line.say({ type: 'ping' });
  await rig.clock.settle();
  expect(line.frames).toEqual([]);
  admit(access);
  await rig.clock.settle();
  expect(line.types).toEqual(['welcome', 'snapshot', 'pong']);
});

test('who sends more than earlyFramesMax while the token is judged is closed', () => {
  const rig = createRig({ doorkeeper: { admit: () => new Promise(() => undefined) } });
  const line = rig.line();
  line.say(hello);
  for (let sent = 0; sent < routerLimits.earlyFramesMax; sent += 1) {
    line.say({ type: 'ping' });
  }
  expect(line.closedWith).toBeUndefined();
  line.say({ type: 'ping' });
  expect(line.closedWith).toBe('too much came before the session was welcomed');
});

test('nor may it be more than earlyBytesMax', () => {
  const rig = createRig({ doorkeeper: { admit: () => new Promise(() => undefined) } });
  const line = rig.line();
  line.say(hello);
  const frames = Math.ceil(routerLimits.earlyBytesMax / 60_000);
  for (let sent = 0; sent < frames; sent += 1) {
    expect(line.closedWith).toBeUndefined();
    line.raw(new Uint8Array(60_000));
  }
  expect(line.closedWith).toBe('too much came before the session was welcomed');
});

test('a doorkeeper that fails, or takes too long, is ERROR 500', async () => {
  const failing = createRig({ doorkeeper: { admit: () => Promise.reject(new Error('down')) } });
  const slow = createRig({ doorkeeper: { admit: () => new Promise(() => undefined) } });
  const [first, second] = [failing.line(), slow.line()];
  first.say(hello);
  second.say(hello);
  await failing.clock.settle();
  await slow.clock.advance(routerLimits.admissionMs);
  expect([first.errorCodes, second.errorCodes]).toEqual([[500], [500]]);
  expect([first.closedWith, second.closedWith]).not.toContain(undefined);
});

test('a line that ends while its token is judged becomes no session', async () => {
  let admit: (told: SignalAccess) => void = () => undefined;
  let aborted = false;
  const rig = createRig({
    doorkeeper: {
      admit: (_asked, signal) => {
        signal.addEventListener('abort', () => (aborted = true));
        return new Promise<SignalAccess>((resolve) => (admit = resolve));
      },
    },
  });
  const line = rig.line();
  line.say(hello);
  line.hangUp();
  admit(access);
  await rig.clock.settle();
  expect(aborted).toBe(true);
  expect(line.frames).toEqual([]);
  expect(rig.router.sessions.size).toBe(0);
});

test('a session ends with its token: ERROR 302, then the line closes', async () => {
  const rig = createRig();
  const expiresMs = rig.clock.now() + 5_000;
  const guarded = createRig({
    clock: rig.clock,
    doorkeeper: { admit: () => ({ ...access, expiresMs }) },
  });
  const line = await guarded.join();
  await rig.clock.advance(4_999);
  expect(line.closedWith).toBeUndefined();
  await rig.clock.advance(1);
  expect(line.errorCodes).toEqual([302]);
  expect(line.closedWith).toBe('the token has expired');
});

test('more messages in a second than allowed are dropped and told of a few times', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 10 } });
  const line = await rig.join();
  for (let sent = 0; sent < 100; sent += 1) {
    line.set('/a', sent);
  }
  expect(line.messages('ack')).toHaveLength(10);
  expect(line.errors).toHaveLength(routerLimits.rateErrorsPerSecondMax);
  expect(line.errors[0]).toBe('429 Rate limit exceeded: 10 messages/second');
  expect(rig.router.get('/a')?.revision).toBe(10);
  line.forget();
  await rig.clock.advance(1_000);
  line.set('/a', 0);
  expect(line.types).toEqual(['ack']);
});

test('a bundle counts as what it holds: taken once, and paid for by the seconds after it', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 10 } });
  const line = await rig.join();
  const member = {
    type: 'set',
    address: '/a',
    value: { type: 0, data: new Uint8Array(0) },
  } as const;
  const message = { ...member, lock: false, unlock: false };
  const payload = encodeFrame(message).slice(4);
  const members = Array.from({ length: 25 }, () => ({ message, payload }));
  line.say({ type: 'bundle', members });
  expect(line.types).toEqual(['ack']);
  await rig.clock.advance(1_000);
  line.say({ type: 'ping' });
  expect(line.errorCodes).toEqual([429]);
  await rig.clock.advance(1_000);
  line.say({ type: 'ping' });
  expect(line.types.at(-1)).toBe('pong');
});

test('garbage counts as messages do', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 5 } });
  const line = await rig.join();
  for (let sent = 0; sent < 6; sent += 1) {
    line.raw(new Uint8Array(7));
  }
  expect(line.errorCodes).toEqual([429]);
});

test('a router that stops closes every line, welcomed or not', async () => {
  const rig = createRig();
  const [welcomed, silent] = [await rig.join(), rig.line()];
  rig.router.stop();
  expect([welcomed.closedWith, silent.closedWith]).toEqual([
    'the router stops',
    'the router stops',
  ]);
  expect(rig.line().closedWith).toBe('the router stops');
  expect(rig.router.sessions.size).toBe(0);
});

test('what a router does not name among its features it refuses, alone and in bundles', async () => {
  const rig = createRig({ options: { features: ['param', 'stream'] } });
  const [line, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**');
  line.set('/a', 1);
  line.publish('/a', { signal: 'stream' });
  line.publish('/a', { signal: 'event' });
  line.publish('/a', { signal: 'gesture', phase: 'start', id: 1 });
  expect(line.errors).toEqual([
    '403 this router takes nothing of type event',
    '403 this router takes nothing of type gesture',
  ]);
  expect(other.types).toEqual(['set', 'publish']);
  line.publish('/a', { signal: undefined });
  expect(line.errors.at(-1)).toBe('403 this router takes nothing of type event');
  line.publish(`/clasp/p2p/signal/${other.session}`);
  expect(other.publishes.at(-1)).toContain('/clasp/p2p/signal/');
  const none = createRig({ options: { features: ['event'] } });
  const writer = await none.join();
  writer.set('/a', 1);
  expect(writer.errors).toEqual(['403 this router takes nothing of type param']);
});
