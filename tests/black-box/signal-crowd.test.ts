// A crowd at one router, as a process: most of it quiet, some of it stuck while a flood goes by,
// and some of it hostile. Nobody who behaves waits for those who do not, and its memory stays flat.
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { decodeFrame } from '@hansa/capabilities/signals/frames/decode';
import { encodeFrame } from '@hansa/capabilities/signals/frames/encode';
import type { Line } from '@hansa/capabilities/signals/frames/line';
import type { SignalMessage } from '@hansa/capabilities/signals/frames/messages';
import { wireValue } from '@hansa/capabilities/signals/frames/values';
import { dialTcp } from '@hansa/signal-sockets';
import { afterEach, expect, test } from 'vitest';
import { until } from './harness/until.ts';
import { serveSignals, type SignalRouter } from './rooms/signal-router.ts';

const quiet = 600;
const stuck = 40;
const addresses = 50;
const floodMessages = 3_000;
const windowMax = 512; // SETs under way: a writer that waits for its ACKs
const valueCharacters = 8_192;
const growthBytesMax = 48 * 1_048_576; // of pages that the engine had not given back, not of a leak
const mebi = 1_048_576;

interface Guest {
  readonly line: Line;
  /** By address, what it was told last. */
  readonly values: Map<string, string>;
  acks: number;
  say(message: SignalMessage): void;
}

const lines: Line[] = [];
afterEach(() => {
  lines.splice(0).forEach((line) => line.close('over'));
});

async function join(router: SignalRouter, pattern?: string): Promise<Guest> {
  const values = new Map<string, string>();
  const line = await dialTcp({
    host: '127.0.0.1',
    port: router.tcpPort ?? 0,
    accept: () => ({
      frame(bytes) {
        const { message } = decodeFrame(bytes);
        if (message.type === 'set') {
          values.set(message.address, Buffer.from(message.value.data).toString('latin1', 2, 10));
        } else if (message.type === 'ack') {
          guest.acks += 1;
        }
      },
      drained: () => undefined,
      closed: () => undefined,
    }),
  });
  lines.push(line);
  const say = (message: SignalMessage): void => void line.send(encodeFrame(message));
  const guest: Guest = { line, values, acks: 0, say };
  say({ type: 'hello', version: 1, features: ['param'], name: 'guest' });
  if (pattern !== undefined) {
    say({ type: 'subscribe', id: 1, pattern, types: 0xff });
  }
  return guest;
}

async function set(writer: Guest, address: string, text: string): Promise<void> {
  const due = writer.acks + 1;
  writer.say({ type: 'set', address, value: wireValue(text), lock: false, unlock: false });
  await until('the write is acknowledged', () => writer.acks >= due);
}

/** Numbers from `first` on, each at one of a few addresses; resolves when all are acknowledged. */
async function flood(writer: Guest, first: number, count: number): Promise<void> {
  const rest = 'x'.repeat(valueCharacters - 8);
  const before = writer.acks;
  for (let i = 0; i < count; i += 1) {
    const value = wireValue(String(first + i).padStart(8, '0') + rest);
    const address = `/flood/${i % addresses}`;
    writer.say({ type: 'set', address, value, lock: false, unlock: false });
    if ((i + 1) % windowMax === 0) {
      await until('the flood is acknowledged', () => writer.acks >= before + i + 1 - windowMax);
    }
  }
  await until('all of the flood is acknowledged', () => writer.acks >= before + count);
}

function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024;
}

test('six hundred are served, forty who take nothing cost what is said, a flood leaves nothing', async () => {
  const router = await serveSignals('--open', '--rate-limit', '0', '--tcp-port', '0');
  const guests = await Promise.all(
    Array.from({ length: quiet }, (_, i) => join(router, `/own/${i}`)),
  );
  const slow = await Promise.all(Array.from({ length: stuck }, () => join(router, '/flood/**')));
  slow.forEach(({ line }) => line.read?.(false));
  const [writer, quick] = [await join(router), await join(router, '/flood/**')];
  await flood(writer, 0, floodMessages);
  const filled = memoryOf(router.pid);
  await flood(writer, floodMessages, 2 * floodMessages);
  expect(memoryOf(router.pid) - filled).toBeLessThan(growthBytesMax);
  expect(filled).toBeLessThan(512 * mebi);
  const newest = String(3 * floodMessages - 1).padStart(8, '0');
  const last = `/flood/${addresses - 1}`;
  await until('who takes it has the newest', () => quick.values.get(last) === newest);
  for (let i = 0; i < quiet; i += 100) {
    await set(writer, `/own/${i}`, 'for you...');
    await until('a quiet one is told', () => guests[i]?.values.has(`/own/${i}`) === true);
  }
  slow.forEach(({ line }) => line.read?.(true));
  await until('the stuck have the newest of each', () =>
    slow.every(({ values }) => values.get(last) === newest && values.size === addresses),
  );
  await router.stop();
}, 60_000);

test('pages that are refused and reset, silence and noise keep nobody from being served', async () => {
  const router = await serveSignals('--open', '--rate-limit', '0', '--tcp-port', '0');
  const good = await join(router);
  await set(good, '/a', 'before');
  const before = memoryOf(router.pid);
  const asking =
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const sent = [
    `${asking}Origin: https://evil.example\r\n\r\n`,
    `${asking}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n\xc2\xfe\xff\xff\0\0\0\0`,
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n${'x'.repeat(10_000)}`,
    'GET / HTTP/1.1\r\nX: ',
    '',
  ];
  const sockets: Socket[] = [];
  let gone = 0;
  for (let i = 0; i < 400; i += 1) {
    const port = i % 2 === 0 ? router.port : (router.tcpPort ?? 0);
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.on('close', () => (gone += 1));
    socket.write(Buffer.from(sent[(i >> 1) % sent.length] ?? '', 'latin1'), () => {
      if (i % 3 === 0) {
        socket.resetAndDestroy();
      }
    });
    sockets.push(socket);
  }
  await set(good, '/a', 'meanwhile');
  sockets.forEach((socket) => socket.destroy());
  await until('all of them are gone', () => gone === 400);
  await set(good, '/a', 'after');
  expect(memoryOf(router.pid) - before).toBeLessThan(growthBytesMax);
  expect(await router.stop()).toBe(0);
}, 30_000);
