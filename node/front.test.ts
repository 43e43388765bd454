import { connect, Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createHandClock } from '../testkit/hand-clock.ts';
import type { ListenAddress } from './http-listen.ts';
import { heldMax, heldMs, openFront, signalsHeldMax, type Front, type Way } from './front.ts';
import { waysOf, type SignalWay } from './ways.ts';

const clock = createHandClock();
const folder = mkdtempSync(join(tmpdir(), 'hansa-front-'));
const sockets: Socket[] = [];
let front: Front | undefined;

afterEach(async () => {
  sockets.splice(0).forEach((socket) => socket.destroy());
  await front?.shut();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function open(): Promise<Front> {
  const listen = { host: '127.0.0.1', port: 0 };
  front = await openFront({ listen, socketPath: join(folder, 'api.sock'), signals: listen, clock });
  return front;
}

interface Heard {
  readonly socket: Socket;
  text: string;
  ended: boolean;
}

async function call({ address }: Front, path?: string): Promise<Heard> {
  return callAt(path === undefined ? address : { path });
}

async function callAt(address: ListenAddress | { readonly path: string }): Promise<Heard> {
  const socket = connect({ ...address });
  sockets.push(socket);
  const heard: Heard = { socket, text: '', ended: false };
  socket.on('data', (piece) => (heard.text += piece.toString()));
  socket.on('error', () => undefined);
  socket.once('close', () => (heard.ended = true));
  await new Promise((connected) => socket.once('connect', connected));
  return heard;
}

const answering = (words: string): Way => ({
  take: (socket, entrance) => void socket.end(`${words} by ${entrance}`),
  part: () => undefined,
});

test('whoever comes while nobody answers waits, and is answered by whoever is next', async () => {
  const made = await open();
  const early = await call(made);
  const bySocket = await call(made, join(folder, 'api.sock'));
  await expect.poll(() => clock.sleepers).toBe(2);
  made.turn(answering('n2'));
  await expect.poll(() => early.text).toBe('n2 by api');
  await expect.poll(() => bySocket.text).toBe('n2 by socket');
  const late = await call(made);
  await expect.poll(() => late.text).toBe('n2 by api');
});

test(`whoever has waited ${heldMs} ms is told that nobody is active`, async () => {
  const made = await open();
  const heard = await call(made);
  await expect.poll(() => clock.sleepers).toBeGreaterThan(0);
  clock.advance(heldMs);
  await expect.poll(() => heard.text).toContain('NODE_UNAVAILABLE');
  expect(heard.text).toMatch(/^HTTP\/1\.1 503 /);
});

test(`${heldMax} may wait; the next is told to come again`, async () => {
  const made = await open();
  let waiting = 0;
  for (let number = 0; number < heldMax; number += 1) {
    await call(made);
    waiting += 1;
  }
  await expect.poll(() => clock.sleepers, { timeout: 10_000 }).toBe(waiting);
  const next = await call(made);
  await expect.poll(() => next.text).toContain('NODE_UNAVAILABLE');
});

test('whoever could not go the way there was is sent the present way a moment later', async () => {
  const made = await open();
  let tried = 0;
  made.turn({
    take(socket, entrance) {
      tried += 1;
      if (tried < 3) {
        made.again(socket, entrance);
      } else {
        made.turn(undefined);
        made.again(socket, entrance);
      }
    },
    part: () => undefined,
  });
  const heard = await call(made);
  await expect
    .poll(() => {
      clock.advance(100);
      return tried;
    })
    .toBe(3);
  made.turn(answering('n3'));
  await expect
    .poll(() => {
      clock.advance(100);
      return heard.text;
    })
    .toBe('n3 by api');
});

test('one that is shut takes nobody in', async () => {
  const made = await open();
  await made.shut();
  await expect(
    new Promise((_connected, failed) => connect({ ...made.address }).once('error', failed)),
  ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

function signalsOf({ signals }: Front): ListenAddress {
  if (signals === undefined) {
    throw new Error('the front listens for no signals');
  }
  return signals;
}

test('whoever comes for signals waits and goes apart from those of the API', async () => {
  const made = await open();
  const before = clock.sleepers;
  const early = await callAt(signalsOf(made));
  await expect.poll(() => clock.sleepers).toBe(before + 1);
  const sessions: Socket[] = [];
  const api = answering('API');
  made.turn(
    waysOf(api, {
      take: (socket) => void sessions.push(socket),
      part: () => undefined,
    }),
  );
  await expect.poll(() => sessions.length).toBe(1);
  const asking = await call(made);
  await expect.poll(() => asking.text).toBe('API by api');
  expect(sessions).toHaveLength(1);
  expect(early.text).toBe('');
});

test(`beside them ${signalsHeldMax} sessions may wait; the next has to come again`, async () => {
  const made = await open();
  const full = clock.sleepers + signalsHeldMax;
  for (let number = 0; number < signalsHeldMax; number += 1) {
    await callAt(signalsOf(made));
  }
  await expect.poll(() => clock.sleepers, { timeout: 10_000 }).toBe(full);
  const next = await callAt(signalsOf(made));
  await expect.poll(() => next.text).toContain('NODE_UNAVAILABLE');
  const asking = await call(made);
  await expect.poll(() => clock.sleepers).toBe(full + 1);
  expect(asking.text).toBe('');
});

test('who is sent to another node is parted where it came in', async () => {
  const api: Socket[] = [];
  const sessions: Socket[] = [];
  const keep = (list: Socket[]): SignalWay => ({
    take: () => undefined,
    part: (socket) => void list.push(socket),
  });
  const way = waysOf(keep(api), keep(sessions));
  const [one, other] = [new Socket(), new Socket()];
  way.take(one, 'signals');
  way.take(other, 'api');
  way.part(one);
  way.part(other);
  expect([sessions, api]).toEqual([[one], [other]]);
});

test('without a router whoever comes for signals is told so', async () => {
  const made = await open();
  made.turn(waysOf(answering('API'), undefined));
  const heard = await callAt(signalsOf(made));
  await expect.poll(() => heard.text).toContain('NODE_UNAVAILABLE');
});
