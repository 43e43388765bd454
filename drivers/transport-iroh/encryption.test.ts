// What an eavesdropper between two nodes gets: every datagram passes through a relay of our own,
// which keeps them all.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { concatBytes, utf8, type Clock, type Transport } from '@hansa/foundation';
import { afterEach, expect, test } from 'vitest';
import { openIrohTransport } from './index.ts';

const clock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => pause(ms, undefined, signal === undefined ? {} : { signal }),
};
const protocol = '/hansa/test/1';
const secret = 'unshared cargo';
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) {
    await close();
  }
});

async function open(): Promise<Transport> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const transport = await openIrohTransport({ seed, bind: { port: 0 }, clock });
  closing.push(() => transport.close());
  return transport;
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return socket;
}

interface Eavesdropper {
  readonly address: string;
  readonly heard: Uint8Array[];
}

/** Passes datagrams of one caller on to a port, and back. */
async function eavesdrop(port: number): Promise<Eavesdropper> {
  const [front, back] = [await openSocket(), await openSocket()];
  const heard: Uint8Array[] = [];
  let caller = 0;
  front.on('message', (datagram, from) => {
    caller = from.port;
    heard.push(Uint8Array.from(datagram));
    back.send(datagram, port, '127.0.0.1');
  });
  back.on('message', (datagram) => {
    heard.push(Uint8Array.from(datagram));
    front.send(datagram, caller, '127.0.0.1');
  });
  return { address: `127.0.0.1:${front.address().port}`, heard };
}

test('whoever reads every datagram between two nodes finds nothing of what they say', async () => {
  const far = await open();
  far.accept(protocol, async (connection) => {
    const stream = await connection.acceptStream();
    const frame = await stream?.receive();
    await stream?.send(frame ?? new Uint8Array());
  });
  const port = Number(/^127\.0\.0\.1:(\d+)$/m.exec(far.addresses().join('\n'))?.[1]);
  const said = utf8(secret.repeat(2_000));
  // Nodes that find a shorter way take it, sometimes at once: then others are listened to.
  let bytes = Buffer.alloc(0);
  while (bytes.length < 2 * said.length) {
    const between = await eavesdrop(port);
    const near = await open();
    const to = { node: far.node, addresses: [between.address] };
    const connection = await near.dial(to, protocol);
    const stream = await connection.openStream();
    await stream.send(said);
    expect(await stream.receive()).toEqual(said);
    bytes = Buffer.from(concatBytes(between.heard));
    expect(bytes.length).toBeGreaterThan(0);
    expect(bytes.includes(secret)).toBe(false);
    expect(bytes.includes(protocol)).toBe(false);
  }
});
