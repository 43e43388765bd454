// The protocol of signals over a bare WebSocket, or over bare TCP, as SETs or as events.
import type { Socket } from 'node:net';
import { createBatch, everything, numbered, onBytes, openSocket } from './wire.ts';
import type { WireEnd, WireNeeds } from './wire.ts';

export interface ClaspNeeds extends WireNeeds {
  readonly kind: 'set' | 'event';
  readonly transport?: 'ws' | 'tcp' | undefined;
}

interface Framing {
  frame(payload: Buffer): Buffer;
  /** Where the first whole message begins and ends; undefined where none is whole. */
  find(bytes: Buffer, at: number): { readonly from: number; readonly to: number } | undefined;
}

const codes = {
  hello: 0x01,
  subscribe: 0x10,
  publish: 0x20,
  set: 0x21,
  snapshot: 0x23,
  pong: 0x42,
};
const headerBytes = 4;

const webSocket: Framing = {
  frame(payload) {
    const isShort = payload.length <= 125;
    const head = Buffer.alloc(isShort ? 6 : 8); // masked with zeros: a mask, and no work
    head[0] = 0x82;
    head[1] = 0x80 | (isShort ? payload.length : 126);
    if (!isShort) {
      head.writeUInt16BE(payload.length, 2);
    }
    return Buffer.concat([head, payload]);
  },
  find(bytes, at) {
    if (bytes.length - at < 4) {
      return undefined;
    }
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const wide = short === 127 && bytes.length - at >= 10;
    if (short === 127 && !wide) {
      return undefined;
    }
    const from = at + (wide ? 10 : short === 126 ? 4 : 2);
    const length = wide
      ? bytes.readUInt32BE(at + 6)
      : short === 126
        ? bytes.readUInt16BE(at + 2)
        : short;
    return from + length > bytes.length ? undefined : { from, to: from + length };
  },
};

const tcp: Framing = {
  frame(payload) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(payload.length);
    return Buffer.concat([head, payload]);
  },
  find(bytes, at) {
    if (bytes.length - at < 4) {
      return undefined;
    }
    const from = at + 4;
    const to = from + bytes.readUInt32BE(at);
    return to > bytes.length ? undefined : { from, to };
  },
};

function text(words: string): Buffer {
  const bytes = Buffer.from(words);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function message(code: number, ...parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.of(code), ...parts]);
  const head = Buffer.of(0x53, 0x01, payload.length >> 8, payload.length);
  return Buffer.concat([head, payload]);
}

function hello(token = ''): Buffer {
  return message(codes.hello, Buffer.of(1, 0xf8), text('load'), text(token));
}

export async function connectClasp(needs: ClaspNeeds): Promise<WireEnd> {
  const { port, bytes, kind, heard } = needs;
  const framing = needs.transport === 'tcp' ? tcp : webSocket;
  const socket = await openClasp(port, framing);
  let answered: (() => void) | undefined;
  receive(socket, framing, (found, at) => {
    const code = found[at + headerBytes];
    if (code === codes.set || code === codes.publish) {
      heard(numberIn(found, at + headerBytes, code));
    } else if (code === codes.pong) {
      answered?.();
    }
  });
  const send = createBatch(socket);
  const asked = (frame: Buffer): Promise<void> =>
    new Promise((resolve) => {
      answered = resolve;
      send(framing.frame(frame));
      send(framing.frame(message(0x41)));
    });
  await asked(hello(needs.token));
  return {
    subscribe: (topic) =>
      asked(
        message(codes.subscribe, Buffer.of(0, 0, 0, 1), text(patternOf(topic)), Buffer.of(0xff, 0)),
      ),
    sender(topic) {
      const value = Buffer.concat([Buffer.of(bytes >> 8, bytes), Buffer.alloc(bytes, 'x')]);
      const address = text(`/bench/${topic}`);
      const frame =
        kind === 'set'
          ? message(codes.set, Buffer.of(0x09), address, value)
          : message(codes.publish, Buffer.of(0x20), address, Buffer.of(1, 0x09), value);
      const made = framing.frame(frame);
      const write = numbered(made, made.length - bytes);
      return (number) => send(write(number));
    },
    close: () => void socket.destroy(),
  };
}

/** Milliseconds from dialling until so many params of the first SNAPSHOT have come. */
export async function joinClasp(port: number, params: number): Promise<number> {
  const startedMs = performance.now();
  const socket = await openClasp(port, webSocket);
  socket.write(webSocket.frame(hello()));
  return new Promise((resolve) => {
    let seen = 0;
    receive(socket, webSocket, (bytes, at) => {
      if (bytes[at + headerBytes] === codes.snapshot) {
        seen += bytes.readUInt16BE(at + headerBytes + 1);
        if (seen >= params) {
          socket.destroy();
          resolve(performance.now() - startedMs);
        }
      }
    });
  });
}

async function openClasp(port: number, framing: Framing): Promise<Socket> {
  const socket = await openSocket(port);
  if (framing === tcp) {
    return socket;
  }
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Protocol: clasp\r\n\r\n',
  );
  // Nothing comes after the answer before we have said HELLO.
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve());
  });
  return socket;
}

function receive(
  socket: Socket,
  framing: Framing,
  take: (bytes: Buffer, at: number) => void,
): void {
  onBytes(socket, (bytes) => {
    let at = 0;
    for (
      let found = framing.find(bytes, at);
      found !== undefined;
      found = framing.find(bytes, at)
    ) {
      take(bytes, found.from);
      at = found.to;
    }
    return at;
  });
}

/** Of a SET or an event as they are made here. */
function numberIn(bytes: Buffer, at: number, code: number): number {
  const valueAt = at + 4 + bytes.readUInt16BE(at + 2) + (code === codes.publish ? 4 : 2);
  return bytes.readDoubleBE(valueAt);
}

function patternOf(topic: string): string {
  return topic === everything ? '/bench/**' : `/bench/${topic}`;
}
