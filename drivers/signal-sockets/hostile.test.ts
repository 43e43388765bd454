// Peers that send what is no message, over real sockets: the router goes on for everybody else and
// keeps nothing of them.
import { once } from 'node:events';
import { connect } from 'node:net';
import { encodeFrame } from '@hansa/capabilities/signals/frames/encode';
import type { AcceptLine } from '@hansa/capabilities/signals/frames/line';
import { wireValue } from '@hansa/capabilities/signals/frames/values';
import { createRouter, type Router } from '@hansa/capabilities/signals/router/router';
import { silentLog } from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { afterEach, expect, it } from 'vitest';
import { goldenFrames, hostileFrame } from '../../testkit/hostile-frames.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { ends, until } from '../../testkit/signal-ends.ts';
import { WebSocket } from 'ws';
import { dialTcp, dialWebSocket, listenTcp, listenWebSocket } from './index.ts';
import { fragmentsMax, piecesMax } from './websocket-line.ts';
import { silentMax } from './websocket-server.ts';

const host = '127.0.0.1';
const peers = 20;
const framesEach = 500;
const hello = encodeFrame({ type: 'hello', version: 1, features: ['param'], name: 'tester' });
const ending: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) {
    await end();
  }
});

function opened(): Router {
  const router = createRouter({
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: silentLog,
    options: { messagesPerSecondMax: 0 },
  });
  ending.push(() => router.stop());
  return router;
}

const roads = [
  {
    name: 'WebSocket',
    listen: (accept: AcceptLine) => listenWebSocket({ host, port: 0, accept }),
    dial: (port: number, accept: AcceptLine) =>
      dialWebSocket({ url: `ws://${host}:${port}`, accept }),
  },
  {
    name: 'TCP',
    listen: (accept: AcceptLine) => listenTcp({ host, port: 0, accept }),
    dial: (port: number, accept: AcceptLine) => dialTcp({ host, port, accept }),
  },
] as const;

it.each(roads)('hostile frames over $name harm nobody else', async ({ listen, dial }) => {
  const router = opened();
  const listener = await listen(router.accept);
  ending.push(() => listener.close());
  const golden = goldenFrames();
  const good = ends();
  const line = await dial(listener.port, good.accept);
  line.send(hello);
  line.send(encodeFrame({ type: 'subscribe', id: 1, pattern: '/good', types: 0xff }));
  for (let peer = 0; peer < peers; peer += 1) {
    const random = createSeededRandom(peer, 'peer');
    const bad = await dial(listener.port, ends().accept);
    if (peer % 4 > 0) {
      bad.send(hello);
    }
    for (let i = 0; i < framesEach; i += 1) {
      bad.send(hostileFrame(random, golden));
    }
    bad.close('enough');
  }
  await until(() => router.sessions.size === 1);
  const before = good.all[0]?.frames.length ?? 0;
  const value = wireValue(1);
  line.send(encodeFrame({ type: 'set', address: '/good', value, lock: false, unlock: false }));
  await until(() => (good.all[0]?.frames.length ?? 0) >= before + 2);
  expect(router.get('/good')?.revision).toBe(1);
  expect(router.figures.undecodable).toBeGreaterThan(framesEach);
  line.close('over');
  await until(() => router.sessions.size === 0);
});

const asking =
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

it('who is turned away and is gone before it is told so ends nobody else', async () => {
  const router = opened();
  const listener = await listenWebSocket({ host, port: 0, accept: router.accept });
  ending.push(() => listener.close());
  for (let peer = 0; peer < peers; peer += 1) {
    const socket = connect({ host, port: listener.port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`${asking}Origin: https://evil.example\r\n\r\n`, () => socket.resetAndDestroy());
    await once(socket, 'close');
  }
  const good = ends();
  const line = await dialWebSocket({ url: `ws://${host}:${listener.port}`, accept: good.accept });
  line.send(hello);
  await until(() => router.sessions.size === 1);
  line.close('over');
});

it('who is turned away and stays is cut off', async () => {
  const listener = await listenWebSocket({ host, port: 0, accept: ends().accept });
  ending.push(() => listener.close());
  const socket = connect({ host, port: listener.port, allowHalfOpen: true });
  let isGone = false;
  socket.on('error', () => (isGone = true));
  socket.resume();
  socket.write(`${asking}Origin: https://evil.example\r\n\r\n`);
  await once(socket, 'end');
  await until(() => {
    socket.write('x');
    return isGone;
  });
  socket.destroy();
});

it('connections that ask for nothing, beyond silentMax, keep nobody out', async () => {
  const server = ends();
  const listener = await listenWebSocket({ host, port: 0, accept: server.accept });
  ending.push(() => listener.close());
  let closed = 0;
  for (let i = 0; i <= silentMax; i += 1) {
    const socket = connect({ host, port: listener.port });
    socket.on('error', () => undefined);
    socket.on('close', () => (closed += 1));
    ending.push(() => void socket.destroy());
    // One after the other: more at once than the system queues are tried again seconds later.
    await once(socket, 'connect');
  }
  await until(() => closed > 0);
  const url = `ws://${host}:${listener.port}`;
  const line = await dialWebSocket({ url, accept: ends().accept });
  ending.push(() => line.close('over'));
  expect(server.all).toHaveLength(1);
});

it('a message in more fragments than fragmentsMax ends its line', async () => {
  const server = ends();
  const listener = await listenWebSocket({ host, port: 0, accept: server.accept });
  ending.push(() => listener.close());
  const webSocket = new WebSocket(`ws://${host}:${listener.port}`, 'clasp');
  webSocket.on('error', () => undefined);
  await once(webSocket, 'open');
  for (const fragments of [fragmentsMax, fragmentsMax + 1]) {
    for (let i = 1; i <= fragments; i += 1) {
      webSocket.send(Uint8Array.of(i), { fin: i === fragments });
    }
  }
  await until(() => server.all[0]?.reasons.length === 1);
  expect(server.all[0]?.frames).toHaveLength(1);
});

it('a frame in more pieces than piecesMax ends its line', async () => {
  const server = ends();
  const listener = await listenWebSocket({ host, port: 0, accept: server.accept });
  ending.push(() => listener.close());
  const socket = connect({ host, port: listener.port, noDelay: true });
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(`${asking}\r\n`);
  await until(() => server.all.length === 1);
  socket.write(Uint8Array.of(0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0)); // masked, of 65,535 bytes
  for (let i = 0; i < 10 * piecesMax && server.all[0]?.reasons.length === 0; i += 1) {
    socket.write(Uint8Array.of(i));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => server.all[0]?.reasons.length === 1);
  expect(server.all[0]?.frames).toEqual([]);
});

it.each(roads)('noise where $name is spoken harms nobody', async ({ listen, dial }) => {
  const router = opened();
  const listener = await listen(router.accept);
  ending.push(() => listener.close());
  const random = createSeededRandom(3, 'noise');
  let closed = 0;
  for (let peer = 0; peer < peers; peer += 1) {
    const socket = connect({ host, port: listener.port });
    socket.on('error', () => undefined);
    socket.on('close', () => (closed += 1));
    socket.resume();
    socket.end(random.bytes(4_000));
  }
  await until(() => closed === peers);
  expect(router.sessions.size).toBe(0);
  const good = ends();
  const line = await dial(listener.port, good.accept);
  line.send(hello);
  await until(() => router.sessions.size === 1);
  line.close('over');
});
