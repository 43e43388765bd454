import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  serve,
  silentLog,
  type ClusterId,
  type Connection,
  type Transport,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { createMemoryNetwork, type MemoryNetwork } from '@hansa/transport-memory';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { createTestTrust, nodeOf, seedOf, type TestTrust } from '../../testkit/test-cluster.ts';
import type { Signer } from '../identity/contract.ts';
import { createIdentity } from '../identity/service.ts';
import { greetAsDialler, type Handshaken } from './handshake.ts';
import { createSessions, greetingsMax, strangersMax, type Sessions } from './sessions.ts';
import { linkProtocol } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const clock = createSystemClock();
const random = createSeededRandom(3);
const home = 'home:1';
const gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }) as const,
  authorise: () => undefined,
  record: () => undefined,
};

let network: MemoryNetwork;
let sessions: Sessions;
let linked: Set<ClusterId>;
let here: Transport;
let trust: TestTrust;

beforeEach(async () => {
  linked = new Set();
  network = createMemoryNetwork({ clock, random });
  here = network.transport(nodeOf(crypto, 1), home);
  sessions = createSessions({
    transport: here,
    codec,
    clock,
    random,
    log: silentLog,
    signer: await signerOf(1),
    edge: serve([], gate),
    trust: (trust = createTestTrust()),
    isLinked: (cluster) => linked.has(cluster),
    opened: () => undefined,
    ended: () => undefined,
  });
  sessions.listen();
});

afterEach(() => {
  sessions.closeAll('the test is over');
});

/** A cluster of its own, whose node has the same key. */
async function signerOf(byte: number): Promise<Signer> {
  const seed = seedOf(byte);
  const { signer, renew } = await createIdentity({
    store: createMemoryStore({ clock }),
    codec,
    crypto,
    clock,
    log: silentLog,
    keys: { cluster: seed, next: seed, node: seed },
    name: `cluster-${byte}`,
  });
  await renew();
  return signer;
}

function dial(byte: number): Promise<Connection> {
  const transport = network.transport(nodeOf(crypto, byte), `cluster:${byte}`);
  return transport.dial({ node: here.node, addresses: [home] }, linkProtocol);
}

interface Visitor {
  readonly signer: Signer;
  readonly connection: Connection;
  readonly done: Handshaken;
}

async function visit(byte: number): Promise<Visitor> {
  const signer = await signerOf(byte);
  const connection = await dial(byte);
  const me = { instance: random.bytes(32), nonce: random.bytes(32) };
  return { signer, connection, done: await greetAsDialler({ codec, signer }, connection, me) };
}

function isHere({ signer }: Visitor): boolean {
  return sessions.find(signer.cluster) !== undefined;
}

test('a peer that serves what nobody here knows is let in, and what it said is kept', async () => {
  const connection = await dial(2);
  const signer = await signerOf(2);
  const contracts = { teleport: { min: 1, max: 7 }, 'link-peer': { min: 1, max: 9 } };
  const me = { instance: random.bytes(32), nonce: random.bytes(32), contracts };
  await greetAsDialler({ codec, signer }, connection, me);
  await expect.poll(() => sessions.find(signer.cluster)?.hello.contracts).toEqual(contracts);
});

test('strangers who stay do not keep a newcomer out: the one here longest goes', async () => {
  const friend = await signerOf(2);
  linked.add(friend.cluster);
  const linkedOne = await visit(2);
  const strangers: Visitor[] = [];
  for (let byte = 3; byte < 3 + strangersMax; byte += 1) {
    strangers.push(await visit(byte));
  }
  await expect.poll(() => strangers.every(isHere)).toBe(true);
  const newcomer = await visit(3 + strangersMax);
  await expect.poll(() => isHere(newcomer)).toBe(true);
  const [first, ...rest] = strangers;
  expect((await first?.connection.closed)?.reason).toContain('too many strangers');
  expect(rest.every(isHere)).toBe(true);
  expect(isHere(linkedOne)).toBe(true);
});

test('handshakes that are never finished keep nobody out: the oldest goes', async () => {
  const silent: Connection[] = [];
  for (let byte = 3; byte < 3 + greetingsMax; byte += 1) {
    silent.push(await dial(byte));
  }
  const newcomer = await visit(2);
  await expect.poll(() => isHere(newcomer)).toBe(true);
  expect((await silent[0]?.closed)?.reason).toContain('too many handshakes');
});

test('a fourth stream ends the connection, also before anybody said who it is', async () => {
  const visitor = await visit(2);
  await expect.poll(() => isHere(visitor)).toBe(true);
  const fourth = await visitor.connection.openStream();
  await fourth.send(new Uint8Array(10)).catch(() => undefined);
  expect((await visitor.connection.closed).reason).toContain('three streams');

  const silent = await dial(3);
  for (let at = 0; at < 4; at += 1) {
    const stream = await silent.openStream();
    await stream.send(codec.encode({ traffic: 'bulk' })).catch(() => undefined);
  }
  expect((await silent.closed).reason).toMatch(/three streams|handshake/);
});

test('a blocked cluster is told so at the door, and is not dialled', async () => {
  const { cluster, node } = await signerOf(2);
  trust.set(cluster, 'blocked');
  await expect(visit(2)).rejects.toMatchObject({ code: 'CLUSTER_BLOCKED' });
  expect(sessions.find(cluster)).toBeUndefined();
  const nobody = { node, addresses: ['nowhere:1'] };
  const dialling = sessions.dial(nobody, cluster, new AbortController().signal);
  await expect(dialling).rejects.toMatchObject({ code: 'CLUSTER_BLOCKED' });
  const other = await visit(3);
  await expect.poll(() => isHere(other)).toBe(true);
});
