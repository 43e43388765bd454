import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import {
  frameBytesMax,
  isHansaError,
  utf8,
  type Clock,
  type Connection,
  type FrameStream,
  type NodeId,
  type Transport,
} from '@hansa/foundation';
import {
  Endpoint,
  EndpointAddr,
  EndpointId,
  presetMinimal,
  RelayMode,
  type Connection as NativeConnection,
} from '@number0/iroh/index.js';
import { afterEach, describe, expect, test } from 'vitest';
import { transportSuite } from '../../testkit/transport.suite.ts';
import { openIrohTransport } from './index.ts';

const clock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => pause(ms, undefined, signal === undefined ? {} : { signal }),
};

const protocol = '/hansa/test/1';
const quicklyMs = 4_000; // far below the 30 s of the library, with room for a busy machine
const openTransports: Transport[] = [];

async function open(port = 0): Promise<Transport> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const transport = await openIrohTransport({ seed, bind: { port }, clock });
  openTransports.push(transport);
  return transport;
}

afterEach(async () => {
  await Promise.all(openTransports.splice(0).map((transport) => transport.close()));
});

async function silentSocket(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

transportSuite('the iroh transport', async () => {
  const socket = await silentSocket();
  const gone = await open();
  await gone.close();
  return {
    clock,
    open,
    deadAddress: `127.0.0.1:${socket.address().port}`,
    absentNode: gone.node,
    close: async () => {
      socket.close();
    },
  };
});

function portOf(transport: Transport): number {
  return Number(/^127\.0\.0\.1:(\d+)$/m.exec(transport.addresses().join('\n'))?.[1]);
}

/** A peer that speaks iroh and nothing of ours. */
async function strange(to: Transport): Promise<{ endpoint: Endpoint; native: NativeConnection }> {
  const builder = Endpoint.builder();
  presetMinimal(builder);
  builder.relayMode(RelayMode.disabled());
  builder.bindAddr('127.0.0.1:0');
  builder.bindAddr('[::1]:0');
  const endpoint = await builder.bind();
  const address = new EndpointAddr(EndpointId.fromString(to.node), null, [...to.addresses()]);
  return { endpoint, native: await endpoint.connect(address, [...utf8(protocol)]) };
}

async function served(transport: Transport): Promise<Connection> {
  return new Promise((resolve) => {
    transport.accept(protocol, async (connection) => resolve(connection));
  });
}

async function accepted(connection: Connection): Promise<FrameStream> {
  const stream = await connection.acceptStream();
  if (stream === undefined) {
    throw new Error('the connection ended');
  }
  return stream;
}

describe('the iroh endpoint', () => {
  test('it listens on loopback of both families and nowhere else', async () => {
    const transport = await open();
    expect(transport.addresses().length).toBeGreaterThan(0);
    for (const address of transport.addresses()) {
      expect(address).toMatch(/^(?:127\.0\.0\.1|\[::1\]):\d+$/);
    }
  });

  test('a seed is one node for ever', async () => {
    const seed = new Uint8Array(32).fill(7);
    const first = await openIrohTransport({ seed, bind: { port: 0 }, clock });
    await first.close();
    const second = await openIrohTransport({ seed, bind: { port: 0 }, clock });
    openTransports.push(second);
    expect(second.node).toBe(first.node);
    // The public key that RFC 8032 derives from this seed.
    expect(first.node).toBe('ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c');
  });

  test('a port that is taken is named', async () => {
    const port = portOf(await open());
    const error: unknown = await open(port).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'PORT_TAKEN', facts: { port, host: '127.0.0.1' } });
    expect(String(error)).toContain(String(port));
    const { message } = (error as Error).cause as Error;
    expect(message).toMatch(/address already in use/i);
    expect(message).not.toContain('.rs');
  });

  test('a host of another machine is a mistake in the configuration', async () => {
    const seed = new Uint8Array(32).fill(7);
    const opening = openIrohTransport({ seed, bind: { host: '192.0.2.1', port: 0 }, clock });
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { host: '192.0.2.1', port: 0 },
    });
  });

  test('a host name is looked up', async () => {
    const [near, far] = [await open(), await open()];
    far.accept(protocol, async () => undefined);
    const to = { node: far.node, addresses: [`localhost:${portOf(far)}`] };
    expect((await near.dial(to, protocol)).remote).toBe(far.node);
  });

  test('a failure says its reason without traces or paths of the machine that built the library', async () => {
    const [near, far] = [await open(), await open()];
    far.accept(protocol, async () => undefined);
    const to = { node: 'f'.repeat(63).concat('e') as NodeId, addresses: far.addresses() };
    const error: unknown = await near.dial(to, protocol).catch((reason: unknown) => reason);
    const said = isHansaError(error) ? `${error.message} ${error.facts['reason']}` : '';
    expect(said).toContain('no connection to');
    expect(said).not.toMatch(/\.rs\b|backtrace|\/root/i);
  });
});

describe('a peer that speaks iroh and means harm', () => {
  test('a frame that announces too much ends its stream before it is buffered', async () => {
    const transport = await open();
    const arriving = served(transport);
    const { endpoint, native } = await strange(transport);
    const connection = await arriving;
    const { send, recv } = await native.openBi();
    await send.writeAll([0, 0x20, 0, 1, 1, 2, 3]);
    const stream = await accepted(connection);
    await expect(stream.receive()).rejects.toMatchObject({
      code: 'FRAME_TOO_LARGE',
      facts: { bytes: frameBytesMax + 1 },
    });
    await expect(recv.read(1)).rejects.toThrow('Reset');
    const next = await native.openBi();
    await next.send.writeAll([0, 0, 0, 1, 5]);
    expect(await (await accepted(connection)).receive()).toEqual(Uint8Array.of(5));
    await endpoint.close();
  });

  test('a stream that ends inside a frame is broken, not finished', async () => {
    const transport = await open();
    const arriving = served(transport);
    const { endpoint, native } = await strange(transport);
    const connection = await arriving;
    const { send } = await native.openBi();
    await send.writeAll([0, 0, 0, 9, 1]);
    await send.finish();
    const stream = await accepted(connection);
    await expect(stream.receive()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await endpoint.close();
  });

  test('one-way streams, which nobody would read, end the connection', async () => {
    const transport = await open();
    const arriving = served(transport);
    const { endpoint, native } = await strange(transport);
    const connection = await arriving;
    const oneWay = await native.openUni();
    await oneWay.writeAll([1]);
    expect((await connection.closed).reason).toContain('one-way streams');
    await endpoint.close();
  });
});

// The other process: it echoes one stream after the other and says where it listens.
const echoProgram = `
  import { openIrohTransport } from '@hansa/transport-iroh';
  import { setTimeout as pause } from 'node:timers/promises';
  const clock = {
    now: Date.now,
    monotonicMs: () => performance.now(),
    sleep: (ms, signal) => pause(ms, undefined, { signal }),
  };
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const transport = await openIrohTransport({ seed, bind: { port: 0 }, clock });
  transport.accept('${protocol}', async (connection) => {
    for (;;) {
      const stream = await connection.acceptStream();
      if (stream === undefined) {
        return;
      }
      for (let frame = await stream.receive(); frame; frame = await stream.receive()) {
        await stream.send(frame);
      }
      await stream.finish();
    }
  });
  console.log(JSON.stringify({ node: transport.node, addresses: transport.addresses() }));
`;

test('closing returns quickly while a dial is under way that nobody answers', async () => {
  const silent = await silentSocket();
  const transport = await open();
  const gone = await open();
  await gone.close();
  const addresses = [`127.0.0.1:${silent.address().port}`];
  const dialling = transport.dial({ node: gone.node, addresses }, protocol).catch(() => undefined);
  await once(silent, 'message');
  const began = performance.now();
  await transport.close();
  expect(performance.now() - began).toBeLessThan(1_000);
  await dialling;
  silent.close();
});

test('after the other process is killed, closing returns quickly', async () => {
  const flags = ['--conditions=@hansa/source', '--import', 'tsx', '--input-type=module'];
  const child = spawn(process.execPath, [...flags, '--eval', echoProgram], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const peer = JSON.parse(line) as { node: NodeId; addresses: string[] };
    const transport = await open();
    const connection = await transport.dial(peer, protocol);
    const stream = await connection.openStream();
    const sends = Array.from({ length: 4_000 }, (_, i) => stream.send(utf8(`frame ${i}`)));
    for (let i = 0; i < sends.length; i += 1) {
      expect(await stream.receive()).toEqual(utf8(`frame ${i}`));
    }
    await Promise.all(sends);

    child.kill('SIGKILL');
    await exited;
    const reading = stream.receive().then(
      () => 'fine',
      (error: unknown) => (isHansaError(error) ? error.code : String(error)),
    );
    await stream.send(utf8('nobody hears this'));
    const finishing = stream.finish().catch(() => undefined);
    const begun = performance.now();
    await transport.close();
    expect(performance.now() - begun).toBeLessThan(quicklyMs);
    expect(await reading).toBe('CONNECTION_CLOSED');
    await finishing;
  } finally {
    child.kill('SIGKILL');
  }
});
