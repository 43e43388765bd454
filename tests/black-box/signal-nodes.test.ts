// A cluster of three nodes on etcd, as a place of signals: sessions at any of them see one state,
// and when the node that judges writes is killed, another goes on where it was.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleMember } from '@hansa/capabilities/signals/frames/encode';
import type { SetMessage, SignalMessage } from '@hansa/capabilities/signals/frames/messages';
import { numberOf, wireValue } from '@hansa/capabilities/signals/frames/values';
import { dialWebSocket } from '@hansa/signal-sockets';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { openSignalClient, type SignalClient } from '../../testkit/signal-client.ts';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { listOf, startNodes, type ClusterOfNodes } from './harness/nodes.ts';
import { notYet, until } from './harness/until.ts';
import { writeSignals, type Acked, type SignalWriter } from './rooms/signal-writer.ts';

const clients: SignalClient[] = [];

afterEach(() => clients.splice(0).forEach((client) => client.close()));

function urlOf({ data }: Cluster): string {
  const api = JSON.parse(readFileSync(join(data, 'api.json'), 'utf8')) as { signals: string };
  return api.signals;
}

async function joinAt(node: Cluster): Promise<SignalClient> {
  const client = await openSignalClient({
    dial: (accept) => dialWebSocket({ url: urlOf(node), accept }),
    token: node.token(),
  });
  clients.push(client);
  await client.next('snapshot');
  return client;
}

function set(address: string, value: number, more: Partial<SetMessage> = {}): SetMessage {
  return { type: 'set', address, value: wireValue(value), lock: false, unlock: false, ...more };
}

function subscription(pattern: string): SignalMessage {
  return { type: 'subscribe', id: 1, pattern, types: 0xff };
}

/** All that stands there, by address. */
async function stateAt(node: Cluster): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const client = await openSignalClient({
    dial: (accept) => dialWebSocket({ url: urlOf(node), accept }),
    token: node.token(),
    heard: (message) => {
      const params = message.type === 'snapshot' ? message.params : [];
      params.forEach(({ address, value }) => found.set(address, numberOf(value) ?? -1));
    },
  });
  client.say({ type: 'ping' });
  await client.next('pong'); // answers come in order, and the snapshot is the first of them
  client.close();
  return found;
}

describe.skipIf(!requires('etcd').available)('signals at three nodes', () => {
  let cluster: ClusterOfNodes;

  beforeAll(async () => {
    cluster = await startNodes({ name: 'visby', count: 3, flags: ['--signals', '127.0.0.1:0'] });
    const active = await cluster.active();
    await must(active, 'signal', 'rule', 'put', '/durable/**', '--durable');
    await must(active, 'signal', 'rule', 'put', '/cue/**', '--journal', '100');
  }, 60_000);

  async function allThere(): Promise<void> {
    await until('all nodes are there, and one is active', async () => {
      const listed = await listOf(await cluster.active());
      const well = listed.filter(({ role }) => role !== 'away').length === cluster.nodes.length;
      return well || notYet(listed);
    });
  }

  test('sessions at any of them see one state, in one order', async () => {
    const sessions = await Promise.all(cluster.nodes.map(joinAt));
    sessions.forEach((session) => session.say(subscription('/stage/**')));
    for (const [at, session] of sessions.entries()) {
      session.say(set('/stage/light', at));
      expect(await session.next('ack')).toMatchObject({ revision: at + 1 });
    }
    for (const session of sessions) {
      session.say(set('/stage/end', 1));
    }
    const orders = await Promise.all(
      sessions.map(async (session) => {
        const seen: string[] = [];
        while (seen.length < 3) {
          const { address, revision } = await session.next('set');
          seen.push(...(address === '/stage/end' ? [`${address} ${revision}`] : []));
        }
        return seen;
      }),
    );
    expect(new Set(orders.map((seen) => seen.join())).size).toBe(1);
  });

  test('a lock that was taken at one holds at the others, and ends with its session', async () => {
    const [one, other] = await Promise.all(cluster.nodes.slice(0, 2).map(joinAt));
    if (one === undefined || other === undefined) {
      throw new Error('two sessions were opened');
    }
    one.say(set('/stage/locked', 1, { lock: true }));
    expect(await one.next('ack')).toMatchObject({ locked: true });
    other.say(set('/stage/locked', 2));
    expect(await other.next('error')).toMatchObject({ address: '/stage/locked' });
    const members = [set('/stage/a', 1), set('/stage/locked', 2)].map(bundleMember);
    other.say({ type: 'bundle', members });
    await other.next('error');
    other.say({ type: 'get', address: '/stage/a' });
    expect(await other.next('error')).toMatchObject({ address: '/stage/a' });
    one.close();
    await until('the lock is free', async () => {
      other.say(set('/stage/locked', 3));
      other.say({ type: 'get', address: '/stage/locked' });
      const { params } = await other.next('snapshot');
      const [locked] = params.map(({ value }) => numberOf(value));
      return locked === 3 || notYet(locked);
    });
  });

  test(
    'the node that judges writes is killed: nothing durable is lost, no revision comes again',
    { timeout: 60_000 },
    async () => {
      const witness = await joinAt(await cluster.active());
      for (const number of [1, 2, 3]) {
        witness.say({
          type: 'publish',
          address: `/cue/${number}`,
          signal: 'event',
          phase: 'start',
        });
      }
      const urls = cluster.nodes.map(urlOf);
      const writers = cluster.nodes.map((node, at) =>
        writeSignals({
          urls: [...urls.slice(at), ...urls.slice(0, at)],
          token: node.token(),
          addressOf: (number) => addressOf(at, number),
        }),
      );
      await until('all write', () => writers.every(({ acked }) => acked.length > 200));
      const victim = await cluster.active();
      const killedMs = performance.now();
      await victim.kill();
      const returned = writers.map(({ acked }) => acked.length);
      await until('all write again', () => writers.every(isBack(returned)), 30_000);
      await Promise.all(writers.map((writer) => writer.end()));
      const [standing] = cluster.nodes.filter((node) => node !== victim);
      const node = standing ?? victim;
      const acked = writers.flatMap((writer) => writer.acked);
      const lost = lostOf(acked, await stateAt(node));
      expect(lost.filter(({ address }) => address.startsWith('/durable/'))).toEqual([]);
      // A tenth of a second, and what this machine makes of one.
      const oldestMs = Math.max(0, ...lost.map(({ atMs }) => killedMs - atMs));
      expect(oldestMs).toBeLessThan(500);
      writers.forEach(requireRising);
      const late = await joinAt(node);
      late.say({ type: 'replay', pattern: '/cue/**', types: 0xff });
      for (const number of [1, 2, 3]) {
        expect(await late.next('publish')).toMatchObject({ address: `/cue/${number}` });
      }
      const { news } = await must<{ news: object[] }>(node, 'signal', 'replay', '/cue/**');
      expect(news).toMatchObject([1, 2, 3].map((number) => ({ address: `/cue/${number}` })));
      await victim.restart();
      await allThere();
    },
  );

  test(
    'the node that judges writes falls silent: sessions at the others end, and come to the next',
    { timeout: 60_000 },
    async () => {
      const silent = await cluster.active();
      const others = cluster.nodes.filter((node) => node !== silent);
      const watching = await Promise.all(others.map(joinAt));
      silent.pause();
      // Whoever only listens hears of it, though nothing comes from the silent one.
      const ends = watching.map((session) => session.next('pong'));
      await Promise.all(ends.map((end) => expect(end).rejects.toThrow(/the line closed/)));
      const [back] = await Promise.all(others.map(joinAt));
      back?.say(set('/stage/back', 1));
      await back?.next('ack');
      silent.resume();
      await allThere();
    },
  );

  test(
    'the node that judges writes is stopped in good order: not even a relaxed write is lost',
    { timeout: 60_000 },
    async () => {
      const urls = cluster.nodes.map(urlOf);
      const leaving = await cluster.active();
      const writer = writeSignals({
        urls: [urlOf(leaving), ...urls],
        token: leaving.token(),
        addressOf: (number) => `/relaxed/leaving/${number}`,
      });
      await until('it writes', () => writer.acked.length > 200);
      const before = writer.acked.length;
      await leaving.stop();
      await until('it writes again', () => isBack([before])(writer, 0), 30_000);
      await writer.end();
      const [node] = cluster.nodes.filter((each) => each !== leaving);
      expect(lostOf(writer.acked, await stateAt(node ?? leaving))).toEqual([]);
      expect(writer.returns).toBeGreaterThan(0);
    },
  );
});

/** Addresses that are written once, to be counted; and some that all write, for their order. */
function addressOf(writer: number, number: number): string {
  const kind = number % 2 === 0 ? 'durable' : 'relaxed';
  return number % 4 < 2 ? `/${kind}/${writer}/${number}` : `/${kind}/same`;
}

function isBack(before: readonly number[]): (writer: SignalWriter, at: number) => boolean {
  return ({ acked }, at) => acked.length > (before[at] ?? 0) + 100;
}

/** What was acknowledged and stands nowhere; of an address that all write, only its last counts. */
function lostOf(acked: readonly Acked[], state: ReadonlyMap<string, number>): readonly Acked[] {
  return acked.filter(({ address }) => !address.endsWith('/same') && !state.has(address));
}

function requireRising({ acked }: SignalWriter): void {
  const last = new Map<string, number>();
  for (const { address, revision } of acked) {
    expect(revision).toBeGreaterThan(last.get(address) ?? 0);
    last.set(address, revision);
  }
}
