import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { createNodeCrypto } from '@hansa/crypto-node';
import { toHex, utf8, type NodeId } from '@hansa/foundation';
import { afterEach, expect, test } from 'vitest';
import { framesOf, openNodePort, type Guest, type NodePort } from './node-port.ts';

const crypto = createNodeCrypto();
const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const nodeOf = (number: number): NodeId => toHex(crypto.publicKey(seedOf(number))) as NodeId;
const open: { close(): unknown }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function makePort(
  number: number,
  guests: Guest[] = [],
  members: readonly number[] = [1, 2],
): Promise<NodePort> {
  const port = await openNodePort({
    seed: seedOf(number),
    bind: { host: '127.0.0.1', port: 0 },
    expects: async (node) => members.map(nodeOf).includes(node),
    arrived: (guest) => guests.push(guest),
  });
  open.push(port);
  return port;
}

const soon = (): AbortSignal => AbortSignal.timeout(5_000);

test('a node of the cluster comes in, says what for, and both speak', async () => {
  const guests: Guest[] = [];
  const [one, two] = [await makePort(1, guests), await makePort(2)];
  const at = { node: nodeOf(1), addresses: one.addresses };
  const socket = await two.dial(at, ['api', '203.0.113.5'], soon());
  socket.write('hello');
  await expect.poll(() => guests.length).toBe(1);
  const [guest] = guests;
  expect(guest).toMatchObject({ node: nodeOf(2), words: ['api', '203.0.113.5'] });
  expect(await heard(guest?.socket)).toBe('hello');
});

test('frames cross it whole', async () => {
  const guests: Guest[] = [];
  const [one, two] = [await makePort(1, guests), await makePort(2)];
  const at = { node: nodeOf(1), addresses: one.addresses };
  const mine = framesOf(await two.dial(at, ['blobs'], soon()), nodeOf(1));
  await expect.poll(() => guests.length).toBe(1);
  const [guest] = guests;
  const theirs = guest === undefined ? undefined : framesOf(guest.socket, nodeOf(2));
  await mine.send(utf8('a frame'));
  expect(await theirs?.receive()).toEqual(utf8('a frame'));
});

test('a stranger is turned away, and a node that is another than the one meant is no way', async () => {
  const guests: Guest[] = [];
  const [one, stranger] = [await makePort(1, guests), await makePort(3)];
  const at = { node: nodeOf(1), addresses: one.addresses };
  const socket = await stranger.dial(at, ['api', '-'], soon());
  await new Promise((closed) => socket.once('close', closed));
  const other = { node: nodeOf(2), addresses: one.addresses };
  await expect(stranger.dial(other, ['api'], soon())).rejects.toMatchObject({
    code: 'DIAL_FAILED',
  });
  expect(guests).toEqual([]);
});

test('bytes that are no TLS, and a first line without an end, get nowhere', async () => {
  const guests: Guest[] = [];
  const [one, two] = [await makePort(1, guests), await makePort(2)];
  const [host = '', port = ''] = (one.addresses[0] ?? '').split(':');
  const plain = connect({ host, port: Number(port) });
  plain.on('error', () => undefined);
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await new Promise((closed) => plain.once('close', closed));
  const at = { node: nodeOf(1), addresses: one.addresses };
  const socket = await two.dial(at, ['x'.repeat(300)], soon());
  await new Promise((closed) => socket.once('close', closed));
  expect(guests).toEqual([]);
});

function heard(socket: Socket | undefined): Promise<string> {
  return new Promise((resolve) => {
    socket?.once('data', (piece: Buffer) => resolve(piece.toString()));
    socket?.resume();
  });
}
