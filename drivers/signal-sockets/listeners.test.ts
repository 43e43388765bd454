// What only one of the transports has: probes, pings and pages, or bytes in pieces.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { frameBytesMax } from '@hansa/capabilities/signals/frames/limits';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ends, pattern, until } from '../../testkit/signal-ends.ts';
import { frameBytesMax as drivenBytesMax } from './framing.ts';
import { listenTcp, listenWebSocket, takeWebSockets, type WebSocketTaker } from './index.ts';

const host = '127.0.0.1';
const ending: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) {
    await end();
  }
});

it('lines take what frames may have', () => {
  expect(drivenBytesMax).toBe(frameBytesMax);
});

function opened(webSocket: WebSocket): Promise<void> {
  ending.push(() => webSocket.terminate());
  return new Promise((resolve, reject) => {
    webSocket.once('open', resolve);
    webSocket.once('error', reject);
  });
}

describe('a WebSocket listener', () => {
  async function listening(
    more: object = {},
  ): Promise<{ port: number; server: ReturnType<typeof ends> }> {
    const server = ends();
    const listener = await listenWebSocket({ host, port: 0, accept: server.accept, ...more });
    ending.push(() => listener.close());
    return { port: listener.port, server };
  }

  it.each(['GET', 'HEAD', 'POST', 'OPTIONS'])('answers a plain %s with ok', async (method) => {
    const { port } = await listening();
    const answer = await fetch(`http://${host}:${port}/whatever`, { method });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(method === 'HEAD' ? '' : 'ok');
  });

  it.each([
    [['clasp'], 'clasp'],
    [['mqtt', 'clasp'], 'clasp'],
    [[], ''],
  ])('asked for %j it speaks “%s”', async (asked, spoken) => {
    const { port } = await listening();
    const webSocket = new WebSocket(`ws://${host}:${port}/clasp`, asked);
    await opened(webSocket);
    expect(webSocket.protocol).toBe(spoken);
  });

  it('passes over text', async () => {
    const { port, server } = await listening();
    const webSocket = new WebSocket(`ws://${host}:${port}`, 'clasp');
    await opened(webSocket);
    webSocket.send('S is for signal');
    webSocket.send(pattern(3));
    await until(() => server.all[0]?.frames.length === 1);
    expect(server.all[0]?.frames).toEqual([pattern(3)]);
  });

  it('takes a message in fragments, and ends the line of one that no frame is as long as', async () => {
    const { port, server } = await listening();
    const webSocket = new WebSocket(`ws://${host}:${port}`, 'clasp');
    await opened(webSocket);
    webSocket.send(pattern(3), { fin: false });
    webSocket.send(pattern(2), { fin: true });
    await until(() => server.all[0]?.frames.length === 1);
    expect(server.all[0]?.frames[0]).toEqual(Uint8Array.of(...pattern(3), ...pattern(2)));
    webSocket.on('error', () => undefined);
    webSocket.send(new Uint8Array(frameBytesMax + 1));
    await until(() => server.all[0]?.reasons.length === 1);
    expect(server.all[0]?.frames).toHaveLength(1);
  });

  it('pings, tells of pongs, and cuts off who does not answer', async () => {
    const { port, server } = await listening({ pingMs: 40 });
    const answering = new WebSocket(`ws://${host}:${port}`, 'clasp');
    await opened(answering);
    await until(() => (server.all[0]?.pongs ?? 0) >= 3);
    const mute = new WebSocket(`ws://${host}:${port}`, 'clasp', { autoPong: false });
    await opened(mute);
    await until(() => server.all[1]?.reasons.length === 1);
    expect(server.all[0]?.reasons).toEqual([]);
  });

  it('waits for no pong from a line that it was told not to read', async () => {
    const { port, server } = await listening({ pingMs: 20 });
    const webSocket = new WebSocket(`ws://${host}:${port}`, 'clasp');
    await opened(webSocket);
    let pings = 0;
    webSocket.on('ping', () => (pings += 1));
    server.all[0]?.line.read?.(false);
    await until(() => pings >= 5);
    expect(server.all[0]?.reasons).toEqual([]);
    server.all[0]?.line.read?.(true);
    webSocket.send(pattern(1));
    await until(() => server.all[0]?.frames.length === 1);
  });

  it('cuts off who is told good-bye and takes nothing any more', async () => {
    const { port, server } = await listening();
    const socket = await shaken(port);
    socket.pause();
    await until(() => server.all.length === 1);
    const end = server.all[0];
    await vi.waitFor(() => expect(end?.line.send(pattern(60_000))).toBeGreaterThan(8_000_000), {
      timeout: 15_000,
      interval: 1,
    });
    end?.line.close('too slow');
    await until(() => end?.reasons.length === 1);
    expect(end?.reasons).toEqual(['too slow']);
  });

  async function shaken(port: number): Promise<Socket> {
    const socket = connect({ host, port });
    ending.push(() => void socket.destroy());
    socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await new Promise((resolve) => socket.once('readable', resolve));
    return socket;
  }

  it('cuts off bytes that are no WebSocket', async () => {
    const { port, server } = await listening();
    const socket = await shaken(port);
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff));
    await until(() => server.all[0]?.reasons.length === 1);
    expect(server.all[0]?.frames).toEqual([]);
  });
});

describe('a taker of WebSockets', () => {
  async function front(): Promise<{
    readonly port: number;
    readonly sockets: Socket[];
    readonly server: ReturnType<typeof ends>;
    readonly taker: WebSocketTaker;
  }> {
    const server = ends();
    const taker = takeWebSockets({ accept: server.accept });
    const sockets: Socket[] = [];
    const listener = createServer({ pauseOnConnect: true }, (socket) => {
      sockets.push(socket);
      taker.take(socket);
    });
    await new Promise<void>((resolve) => listener.listen({ host, port: 0 }, resolve));
    ending.push(async () => {
      await taker.close();
      listener.close();
    });
    return { port: (listener.address() as AddressInfo).port, sockets, server, taker };
  }

  it('makes lines of connections that others took in, and ends the one it is told to', async () => {
    const { port, sockets, server, taker } = await front();
    const [one, other] = [0, 1].map(() => new WebSocket(`ws://${host}:${port}`, 'clasp'));
    if (one === undefined || other === undefined) {
      throw new Error('two were opened');
    }
    await opened(one);
    await opened(other);
    one.send(pattern(3));
    await until(() => server.all.some(({ frames }) => frames.length === 1));
    sockets.forEach((socket, at) => at === 0 && taker.part(socket));
    await until(() => server.all[0]?.reasons.length === 1);
    expect(server.all[1]?.reasons).toEqual([]);
  });

  it('cuts off a connection of which no line has come yet', async () => {
    const { port, sockets, taker } = await front();
    const socket = connect({ host, port });
    const ended = new Promise((resolve) => socket.once('close', resolve));
    await until(() => sockets.length === 1);
    sockets.forEach((each) => taker.part(each));
    await ended;
  });
});

describe('a TCP listener', () => {
  async function raw(): Promise<{ socket: Socket; server: ReturnType<typeof ends> }> {
    const server = ends();
    const listener = await listenTcp({ host, port: 0, accept: server.accept });
    ending.push(() => listener.close());
    const socket = connect({ host, port: listener.port, noDelay: true });
    socket.on('error', () => undefined);
    ending.push(() => void socket.destroy());
    await until(() => server.all.length === 1);
    return { socket, server };
  }

  it('puts frames together that come byte by byte', async () => {
    const { socket, server } = await raw();
    const bytes = Buffer.concat([
      Buffer.from([0, 0, 0, 200]),
      pattern(200),
      Buffer.from([0, 0, 0]),
    ]);
    for (const byte of bytes) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(Uint8Array.of(1, 9));
    await until(() => server.all[0]?.frames.length === 2);
    expect(server.all[0]?.frames).toEqual([pattern(200), Uint8Array.of(9)]);
  });

  it('cuts off who announces more than a frame has, before it comes', async () => {
    const { socket, server } = await raw();
    const header = Buffer.alloc(4);
    header.writeUInt32BE(frameBytesMax + 1);
    socket.write(header);
    await until(() => server.all[0]?.reasons.length === 1);
    expect(server.all[0]?.reasons).toEqual(['a frame is longer than frames are']);
  });

  it('tells of a peer that vanished', async () => {
    const { socket, server } = await raw();
    socket.resetAndDestroy();
    await until(() => server.all[0]?.reasons.length === 1);
    expect(server.all[0]?.reasons).toEqual(['the connection ended']);
  });
});
