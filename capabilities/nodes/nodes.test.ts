import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  scopeStore,
  silentLog,
  toHex,
  type KeyValueStore,
  type NodeId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { createTestSigner } from '../../testkit/test-cluster.ts';
import {
  nodesMax,
  presenceSeconds,
  termSeconds,
  ticketBytesMax,
  ticketMsDefault,
  ticketMsMax,
  ticketsOpenMax,
  nodesContract,
  type ClusterNode,
  type Nodes,
} from './contract.ts';
import { roleText } from './cli.ts';
import { campaign } from './electing.ts';
import { nodesScope, nodeTables } from './keys.ts';
import { claimTicket, keepPresence, ownMode } from './membership.ts';
import { createNodes, type NodesNeeds } from './service.ts';
import { readTicket, writeTicket } from './ticket.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const nodeOf = (number: number): NodeId =>
  toHex(crypto.publicKey(new Uint8Array(32).fill(number))) as NodeId;

interface Rig {
  readonly clock: HandClock;
  readonly store: KeyValueStore;
  readonly records: KeyValueStore;
  readonly nodes: Nodes;
  readonly needs: NodesNeeds;
  /** Has joined, and is there. */
  arrive(number: number, name: string): Promise<void>;
  activate(number: number): Promise<void>;
}

function makeRig(several = true): Rig {
  const clock = createHandClock();
  clock.advance(1_700_000_000_000);
  const store = createMemoryStore({ clock });
  const records = scopeStore(store, nodesScope);
  const tables = nodeTables(records, codec);
  const needs: NodesNeeds = {
    store: records,
    codec,
    clock,
    crypto,
    random: createSeededRandom(1),
    signer: createTestSigner(crypto, 1, 'lubeck'),
    self: { node: nodeOf(1), name: 'n1', api: () => 'http://127.0.0.1:1', version: '0.1.0' },
    ...(several
      ? {
          host: {
            storeUrl: 'etcd://127.0.0.1:2379/lubeck',
            sealFor: async () => new Uint8Array(8),
            copies: () => ({ copies: 2, short: 0, lookedMs: 1 }),
          },
        }
      : {}),
  };
  return {
    clock,
    store,
    records,
    needs,
    nodes: createNodes(needs),
    async arrive(number, name) {
      const node = nodeOf(number);
      const member = { node, name, mode: 'serving' as const, joinedMs: clock.now() };
      const presence = { node, api: `http://127.0.0.1:${number}`, ports: [], version: '0.1.0' };
      await records.batchWrite([
        tables.members.put([node], member),
        tables.presence.put([node], presence),
      ]);
    },
    async activate(number) {
      await records.batchWrite([tables.active.put([], { node: nodeOf(number) })]);
    },
  };
}

test('where the store serves one node, that is all there is, and nobody is invited', async () => {
  const { nodes } = makeRig(false);
  const { nodes: listed } = await nodes.list({});
  expect(listed).toMatchObject([{ name: 'n1', role: 'active', answers: true }]);
  expect(await nodes.health({})).toMatchObject({ healthy: true, serving: 1 });
  for (const asked of [
    nodes.invite({}),
    nodes.drain({ node: 'n1' }),
    nodes.resume({ node: 'n1' }),
    nodes.remove({ node: 'n1' }),
  ]) {
    await expect(asked).rejects.toMatchObject({ code: 'NODES_UNSUPPORTED' });
  }
});

describe('several nodes', () => {
  test('are listed with what each does; whoever is not heard of is away, and health says so', async () => {
    const rig = makeRig();
    await rig.arrive(1, 'n1');
    await rig.arrive(2, 'n2');
    await rig.activate(1);
    expect(await rig.nodes.health({})).toMatchObject({ healthy: true, active: 'n1', serving: 2 });
    await rig.records.delete(nodeTables(rig.records, codec).presence.key(nodeOf(2)));
    const { nodes: listed } = await rig.nodes.list({});
    const roles = Object.fromEntries(listed.map(({ name, role }) => [name, role]));
    expect(roles).toEqual({ n1: 'active', n2: 'away' });
    const health = await rig.nodes.health({});
    expect(health.problems).toEqual([
      'n2 is away',
      'no other node could take over from the active one',
    ]);
  });

  test('one that has died is listed with how long it was not heard of, until it is away', async () => {
    const rig = makeRig();
    await rig.arrive(1, 'n1');
    await rig.arrive(2, 'n2');
    await rig.activate(1);
    const { id } = await rig.records.leaseGrant(presenceSeconds);
    const { presence } = nodeTables(rig.records, codec);
    const row = { node: nodeOf(2), api: 'http://127.0.0.1:2', ports: [], version: '0.1.0' };
    await rig.records.set(presence.key(nodeOf(2)), codec.encode(row), { lease: id });
    const second = async () =>
      (await rig.nodes.list({})).nodes.find(({ name }) => name === 'n2') as ClusterNode;
    expect(await second()).toMatchObject({ role: 'standby', silentSeconds: 0 });
    expect(roleText(await second())).toBe('standby');
    rig.clock.advance(4_000);
    expect(roleText(await second())).toBe('standby, not heard for 4 s');
    await rig.records.leaseKeepAlive(id);
    const ended = {
      ...rig.records,
      leaseTimeToLive: () => Promise.reject(new HansaError('STORE_LEASE_NOT_FOUND', 'it ended')),
    };
    const { nodes } = await createNodes({ ...rig.needs, store: ended }).list({});
    expect(nodes.map(roleText)).toContain(`standby, not heard for ${presenceSeconds} s`);
    expect(roleText(await second())).toBe('standby');
    rig.clock.advance(presenceSeconds * 1_000);
    expect(roleText(await second())).toBe('away');
  });

  test('the last that could take over is not drained', async () => {
    const rig = makeRig();
    await rig.arrive(1, 'n1');
    await rig.arrive(2, 'n2');
    await rig.activate(1);
    expect(await rig.nodes.drain({ node: 'n2' })).toMatchObject({ mode: 'draining' });
    const last = rig.nodes.drain({ node: 'n1' });
    await expect(last).rejects.toMatchObject({ code: 'NODE_IN_USE' });
    expect(await rig.nodes.resume({ node: nodeOf(2) })).toMatchObject({ mode: 'serving' });
  });

  test('one that serves is not removed; one that is drained or away is', async () => {
    const rig = makeRig();
    await rig.arrive(1, 'n1');
    await rig.arrive(2, 'n2');
    await rig.activate(1);
    for (const node of ['n1', 'n2']) {
      await expect(rig.nodes.remove({ node })).rejects.toMatchObject({ code: 'NODE_IN_USE' });
    }
    await rig.nodes.drain({ node: 'n2' });
    await rig.nodes.remove({ node: nodeOf(2).slice(0, 12) });
    expect((await rig.nodes.list({})).nodes.map(({ name }) => name)).toEqual(['n1']);
    await expect(rig.nodes.remove({ node: 'n2' })).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
    });
  });

  test(`are ${nodesMax} at most, with ${ticketsOpenMax} tickets; then STORE_LIMIT`, async () => {
    const rig = makeRig();
    for (let open = 0; open < ticketsOpenMax; open += 1) {
      await rig.nodes.invite({});
    }
    await expect(rig.nodes.invite({})).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    rig.clock.advance(ticketMsDefault);
    await rig.nodes.invite({});
    for (let number = 1; number <= nodesMax; number += 1) {
      await rig.arrive(number, `n${number}`);
    }
    await expect(rig.nodes.invite({})).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  });
});

describe('a ticket', () => {
  test('lets one node in, once, until it expires', async () => {
    const rig = makeRig();
    const { ticket } = await rig.nodes.invite({ ttlMs: 60_000 });
    const { secret } = readTicket(ticket);
    const bytes = Uint8Array.from(Buffer.from(secret, 'base64url'));
    const claim = (number: number) =>
      claimTicket(rig.needs, { secret: bytes, node: nodeOf(number), name: `n${number}` });
    await claim(2);
    await expect(claim(3)).rejects.toMatchObject({ code: 'NODE_TICKET_INVALID' });
    const late = readTicket((await rig.nodes.invite({ ttlMs: 60_000 })).ticket);
    rig.clock.advance(60_000);
    const lateBytes = Uint8Array.from(Buffer.from(late.secret, 'base64url'));
    const claimed = claimTicket(rig.needs, { secret: lateBytes, node: nodeOf(3), name: 'n3' });
    await expect(claimed).rejects.toMatchObject({ code: 'NODE_TICKET_INVALID' });
    expect((await rig.nodes.list({})).nodes.map(({ name }) => name)).toEqual(['n2']);
  });

  test('that is garbled is one sentence, whatever is wrong with it', async () => {
    const { ticket } = await makeRig().nodes.invite({});
    for (const text of ['', 'hansa-node_', `${ticket}x`, ticket.slice(0, -4), ticket.slice(5)]) {
      expect(() => readTicket(text)).toThrow('not a ticket');
    }
  });

  test(`has ${ticketBytesMax} bytes at most, and lives ${ticketMsMax} ms at most`, () => {
    const content = { cluster: 'a'.repeat(64), name: 'lubeck', secret: 'A'.repeat(43) };
    const long = { ...content, store: 'x'.repeat(ticketBytesMax) };
    expect(() => writeTicket(long)).toThrow('at most');
    const { input } = nodesContract.methods.invite;
    expect(input.safeParse({ ttlMs: ticketMsMax }).success).toBe(true);
    expect(input.safeParse({ ttlMs: ticketMsMax + 1 }).success).toBe(false);
  });
});

describe('an election', () => {
  const candidate = (rig: Rig, number: number) => ({
    store: rig.store,
    codec,
    clock: rig.clock,
    log: silentLog,
    node: nodeOf(number),
  });

  /** Moves the clock until something has come true. */
  async function pass(rig: Rig, isSo: () => boolean, ms = 30_000): Promise<void> {
    for (let passed = 0; passed < ms && !isSo(); passed += 100) {
      rig.clock.advance(100);
      for (let turn = 0; turn < 20; turn += 1) {
        await Promise.resolve();
      }
    }
    await expect.poll(isSo).toBe(true);
  }

  test('has one winner; whoever resigns lets the next in at once, with a later fence', async () => {
    const rig = makeRig();
    const signal = new AbortController().signal;
    const first = await campaign(candidate(rig, 1), signal);
    let second: Awaited<ReturnType<typeof campaign>> | undefined;
    void campaign(candidate(rig, 2), signal).then((term) => (second = term));
    await pass(rig, () => true);
    expect(second).toBeUndefined();
    await first.resign();
    await expect.poll(() => second !== undefined).toBe(true);
    expect(second?.fence.createRevision).toBeGreaterThan(first.fence.createRevision);
    expect(first.isHeld()).toBe(false);
    expect(second?.isHeld()).toBe(true);
    await second?.resign();
  });

  test('is held as long as the lease is renewed, and known to be lost before it can have ended', async () => {
    const rig = makeRig();
    const signal = new AbortController().signal;
    let isCut = false;
    const cut = new Proxy(rig.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name === 'leaseKeepAlive' && isCut) {
          return () => Promise.reject(new Error('no way to the store'));
        }
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const term = await campaign({ ...candidate(rig, 1), store: cut }, signal);
    await pass(rig, () => rig.clock.now() >= 1_700_000_000_000 + 3 * termSeconds * 1_000);
    expect(term.isHeld()).toBe(true);
    isCut = true;
    const key = term.fence.key;
    await pass(rig, () => term.over.aborted);
    // Whoever was deposed knows it while the key is there still.
    expect((await rig.store.get(key)).entry).not.toBeNull();
    expect(term.over.reason).toMatchObject({ code: 'NODE_DEPOSED' });
  });
});

test(`presence ends after ${presenceSeconds} s, and at once where a node leaves`, async () => {
  const rig = makeRig();
  const ending = new AbortController();
  const record = { node: nodeOf(1), api: 'http://127.0.0.1:1', ports: [], version: '0.1.0' };
  const needs = { store: rig.records, codec, clock: rig.clock, log: silentLog };
  const keeping = keepPresence(needs, () => record, ending.signal);
  const { presence } = nodeTables(rig.records, codec);
  await expect.poll(() => presence.get(nodeOf(1))).toMatchObject({ value: record });
  ending.abort();
  await keeping;
  expect(await presence.get(nodeOf(1))).toBeUndefined();
});

test('a node hears what it is told to do, and that it was removed', async () => {
  const rig = makeRig();
  await rig.arrive(1, 'n1');
  await rig.arrive(2, 'n2');
  await rig.activate(1);
  const ending = new AbortController();
  const needs = { store: rig.records, codec, clock: rig.clock };
  const modes = ownMode(needs, nodeOf(2), ending.signal)[Symbol.asyncIterator]();
  expect((await modes.next()).value).toBe('serving');
  await rig.nodes.drain({ node: 'n2' });
  expect((await modes.next()).value).toBe('draining');
  await rig.nodes.remove({ node: 'n2' });
  expect((await modes.next()).value).toBeUndefined();
  ending.abort();
});
