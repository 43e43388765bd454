// MQTT 3.1.1 at QoS 0 over a bare socket, with as little as a client can do.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createBatch, everything, numbered, onBytes, openSocket } from './wire.ts';
import type { WireEnd, WireNeeds } from './wire.ts';

const kinds = { connect: 0x10, publish: 0x30, subscribe: 0x82, subscribed: 0x90 };
const retained = 0x01;

function text(words: string): Buffer {
  const bytes = Buffer.from(words);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length), bytes]);
}

function packet(kind: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let left = body.length; length.length === 0 || left > 0; left >>= 7) {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
  }
  return Buffer.concat([Buffer.of(kind, ...length), body]);
}

interface Found {
  readonly kind: number;
  readonly from: number;
  readonly to: number;
}

function findPacket(bytes: Buffer, at: number): Found | undefined {
  let length = 0;
  for (let i = 1; at + i < bytes.length; i += 1) {
    const byte = bytes[at + i] ?? 0;
    length += (byte & 0x7f) << (7 * (i - 1));
    if (byte < 0x80) {
      const from = at + i + 1;
      const to = from + length;
      return to > bytes.length ? undefined : { kind: (bytes[at] ?? 0) & 0xf0, from, to };
    }
  }
  return undefined;
}

function receive(socket: Socket, take: (bytes: Buffer, found: Found) => void): void {
  onBytes(socket, (bytes) => {
    let at = 0;
    for (let found = findPacket(bytes, at); found !== undefined; found = findPacket(bytes, at)) {
      take(bytes, found);
      at = found.to;
    }
    return at;
  });
}

async function openMqtt(port: number): Promise<Socket> {
  const socket = await openSocket(port);
  const flags = Buffer.of(4, 0x02, 0, 0); // 3.1.1, a clean session, no pings
  const id = text(`load-${randomBytes(6).toString('hex')}`);
  socket.write(packet(kinds.connect, text('MQTT'), flags, id));
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve());
  });
  return socket;
}

export async function connectMqtt({ port, bytes, heard }: WireNeeds): Promise<WireEnd> {
  const socket = await openMqtt(port);
  let answered: (() => void) | undefined;
  receive(socket, (all, { kind, from }) => {
    if (kind === kinds.publish) {
      heard(all.readDoubleBE(from + 2 + all.readUInt16BE(from)));
    } else if (kind === kinds.subscribed) {
      answered?.();
    }
  });
  const send = createBatch(socket);
  return {
    subscribe: (topic) =>
      new Promise((resolve) => {
        answered = resolve;
        socket.write(subscription(topic));
      }),
    sender(topic) {
      const made = packet(kinds.publish, text(`bench/${topic}`), Buffer.alloc(bytes, 'x'));
      const write = numbered(made, made.length - bytes);
      return (number) => send(write(number));
    },
    close: () => void socket.destroy(),
  };
}

function subscription(topic: string): Buffer {
  const filter = topic === everything ? 'bench/#' : `bench/${topic}`;
  return packet(kinds.subscribe, Buffer.of(0, 1), text(filter), Buffer.of(0));
}

/** Values that the broker keeps, for who comes later; resolves when it has the last of them. */
export async function retainMqtt(port: number, count: number, bytes: number): Promise<void> {
  const socket = await openMqtt(port);
  const last = text(`bench/${count - 1}`);
  const done = new Promise<void>((resolve) => {
    receive(socket, (all, { kind, from }) => {
      if (kind === kinds.publish && all.subarray(from, from + last.length).equals(last)) {
        resolve();
      }
    });
  });
  socket.write(subscription(`${count - 1}`));
  const value = Buffer.alloc(bytes, 'x');
  for (let i = 0; i < count; i += 1) {
    socket.write(packet(kinds.publish | retained, text(`bench/${i}`), value));
  }
  await done;
  socket.destroy();
}

/** Milliseconds from dialling until so many kept values have come. */
export async function joinMqtt(port: number, count: number): Promise<number> {
  const startedMs = performance.now();
  const socket = await openMqtt(port);
  return new Promise((resolve) => {
    let seen = 0;
    receive(socket, (_bytes, { kind }) => {
      seen += kind === kinds.publish ? 1 : 0;
      if (seen >= count) {
        socket.destroy();
        resolve(performance.now() - startedMs);
      }
    });
    socket.write(subscription(everything));
  });
}
