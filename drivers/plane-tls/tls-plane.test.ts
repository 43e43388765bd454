import { createHash } from 'node:crypto';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { connect, createServer, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type {
  DataPlane,
  PlaneConnection,
  PlaneDoor,
} from '@hansa/capabilities/links/planes-driver';
import { createNodeCrypto } from '@hansa/crypto-node';
import { frameBytesMax, utf8, type NodeId } from '@hansa/foundation';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeOf, seedOf } from '../../testkit/test-cluster.ts';
import { createTlsIdentity } from './certificate.ts';
import { openTlsPlane } from './index.ts';
import { planeProtocol } from './tls-plane.ts';

const crypto = createNodeCrypto();
const never = new AbortController().signal;
const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) {
    await step();
  }
});

async function open(byte: number): Promise<DataPlane> {
  const plane = await openTlsPlane({ seed: seedOf(byte), bind: { host: '127.0.0.1', port: 0 } });
  undo.push(() => plane.close());
  return plane;
}

/** A door for one node; what arrives is kept. */
function doorFor(node: NodeId): { door: PlaneDoor; arrived: PlaneConnection[] } {
  const arrived: PlaneConnection[] = [];
  const door = {
    expectsAnybody: () => true,
    expects: (each: NodeId) => each === node,
    async arrived(connection: PlaneConnection) {
      arrived.push(connection);
    },
  };
  return { door, arrived };
}

async function pair(): Promise<{ near: PlaneConnection; far: PlaneConnection }> {
  const [a, b] = [await open(1), await open(2)];
  const { door, arrived } = doorFor(nodeOf(crypto, 1));
  b.open(door);
  const near = await a.dial({ node: nodeOf(crypto, 2), addresses: b.addresses() }, never);
  await expect.poll(() => arrived.length).toBe(1);
  const [far] = arrived;
  if (far === undefined) {
    throw new Error('nobody arrived');
  }
  return { near, far };
}

/** A hand-made client with the certificate of a seed. */
async function visit(
  plane: DataPlane,
  options: ConnectionOptions = {},
  byte = 1,
): Promise<TLSSocket> {
  const [address = ''] = plane.addresses();
  const { key, cert } = await createTlsIdentity(seedOf(byte));
  const port = Number(address.split(':')[1]);
  const socket = connect({
    port,
    host: '127.0.0.1',
    key,
    cert,
    rejectUnauthorized: false,
    ALPNProtocols: [planeProtocol],
    ...options,
  });
  undo.push(() => socket.destroy());
  return socket;
}

function outcome(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let words = 'closed';
    socket.on('error', (error) => {
      words = error.message;
    });
    socket.on('close', () => resolve(words));
    socket.resume();
  });
}

describe('a plane between two nodes', () => {
  test('carries frames both ways, whole and in order, of any size up to a frame’s', async () => {
    const { near, far } = await pair();
    near.admit();
    far.admit();
    const frames = [0, 1, 65_536, frameBytesMax, 7].map((size) => new Uint8Array(size).fill(size));
    const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const sending = (async () => {
        for (const frame of frames) {
          await from.stream.send(frame);
        }
      })();
      for (const frame of frames) {
        expect(digest((await to.stream.receive()) ?? utf8('none'))).toBe(digest(frame));
      }
      await sending;
    }
    expect([near.remote, far.remote]).toEqual([nodeOf(crypto, 2), nodeOf(crypto, 1)]);
    expect([near.dialled, far.dialled]).toEqual([true, false]);
  });

  test('holds a sender back whose reader does not read', async () => {
    const { near, far } = await pair();
    far.admit();
    let sent = 0;
    const sending = (async () => {
      for (;;) {
        await near.stream.send(new Uint8Array(frameBytesMax));
        sent += 1;
      }
    })().catch(() => undefined);
    let before = -1;
    await expect
      .poll(
        () => {
          const stands = sent === before;
          before = sent;
          return stands;
        },
        { interval: 300 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(16);
    near.close('enough');
    await sending;
  });

  test('ends for both where one closes it, and nothing is sent any more', async () => {
    const { near, far } = await pair();
    near.close('the link was closed');
    expect((await near.closed).reason).toContain('the link was closed');
    await far.closed;
    await expect(near.stream.send(utf8('x'))).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(far.stream.receive()).resolves.toBeUndefined();
    await expect(far.stream.send(utf8('x'))).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test('gives what had arrived where the far side finished in good order', async () => {
    const { near, far } = await pair();
    await near.stream.send(utf8('last words'));
    await near.stream.finish();
    expect(await far.stream.receive()).toEqual(utf8('last words'));
    expect(await far.stream.receive()).toBeUndefined();
  });
});

describe('the key that is expected', () => {
  test('is demanded of whoever is dialled: another node there is refused', async () => {
    const [a, b] = [await open(1), await open(2)];
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    const to = { node: nodeOf(crypto, 3), addresses: b.addresses() };
    await expect(a.dial(to, never)).rejects.toMatchObject({ code: 'CERTIFICATE_INVALID' });
    await Promise.all(arrived.map((each) => each.closed));
  });

  test('is demanded of whoever dials: another node is turned away', async () => {
    const b = await open(2);
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    await outcome(await visit(b, {}, 9));
    expect(arrived).toEqual([]);
  });

  test('and no certificate at all, or a key of another kind, is no node', async () => {
    const b = await open(2);
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    const [address = ''] = b.addresses();
    const bare = connect({
      port: Number(address.split(':')[1]),
      rejectUnauthorized: false,
      ALPNProtocols: [planeProtocol],
    });
    await outcome(bare);
    expect(arrived).toEqual([]);
  });

  test('a node that lies about its address is not believed before it proves its key', async () => {
    const a = await open(1);
    const { key, cert } = await createTlsIdentity(seedOf(8));
    const impostor = createServer({ key, cert, ALPNProtocols: [planeProtocol] });
    const heard: Buffer[] = [];
    impostor.on('secureConnection', (socket) => socket.on('data', (bytes) => heard.push(bytes)));
    await new Promise<void>((resolve) => {
      impostor.listen(0, '127.0.0.1', resolve);
    });
    undo.push(() => impostor.close());
    const { port } = impostor.address() as AddressInfo;
    const to = { node: nodeOf(crypto, 2), addresses: [`127.0.0.1:${port}`] };
    await expect(a.dial(to, never)).rejects.toMatchObject({ code: 'CERTIFICATE_INVALID' });
    expect(heard).toEqual([]);
  });
});

describe('a visitor', () => {
  test('without TLS 1.3 is refused', async () => {
    const b = await open(2);
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    const words = await outcome(await visit(b, { maxVersion: 'TLSv1.2' }));
    expect(words).toMatch(/protocol version|unsupported protocol|handshake failure/i);
    expect(arrived).toEqual([]);
  });

  test('of another protocol is refused', async () => {
    const b = await open(2);
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    await outcome(await visit(b, { ALPNProtocols: ['http/1.1'] }));
    expect(arrived).toEqual([]);
  });

  test('is not let in before anybody is expected', async () => {
    const b = await open(2);
    const { door } = doorFor(nodeOf(crypto, 1));
    b.open({ ...door, expectsAnybody: () => false });
    const [address = ''] = b.addresses();
    const socket = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
    await outcome(socket);
  });

  test('whose first frame is longer than a ticket is cut off before it is read', async () => {
    const b = await open(2);
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    const socket = await visit(b);
    socket.write(Buffer.from([0, 0, 0, 33]));
    await outcome(socket);
    await expect(arrived[0]?.stream.receive()).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' });
  });

  test('whose stream ends inside a frame has lost something', async () => {
    const b = await open(2);
    const { door, arrived } = doorFor(nodeOf(crypto, 1));
    b.open(door);
    const socket = await visit(b);
    socket.end(Buffer.from([0, 0, 0, 32, 1, 2, 3]));
    await outcome(socket);
    await expect(arrived[0]?.stream.receive()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });
});

test('a port that another program has is PORT_TAKEN, and a closed plane is nowhere', async () => {
  const b = await open(2);
  const [address = ''] = b.addresses();
  const port = Number(address.split(':')[1]);
  const again = openTlsPlane({ seed: seedOf(3), bind: { host: '127.0.0.1', port } });
  await expect(again).rejects.toMatchObject({ code: 'PORT_TAKEN' });
  await b.close();
  expect(b.addresses()).toEqual([]);
  const a = await open(1);
  const dial = a.dial({ node: nodeOf(crypto, 2), addresses: [address] }, never);
  await expect(dial).rejects.toMatchObject({ code: 'DIAL_FAILED' });
});

test('addresses that mean nothing are DIAL_FAILED', async () => {
  const a = await open(1);
  const to = { node: nodeOf(crypto, 2), addresses: ['nonsense', 'host:0', 'http://x:1/'] };
  await expect(a.dial(to, never)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
});
