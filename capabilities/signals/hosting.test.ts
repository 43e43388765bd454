import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  silentLog,
  type Caller,
  type HttpRoute,
  type KeyValueStore,
  type Principal,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lubeck, makeAccessCluster, type AccessCluster } from '../../testkit/access-cluster.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { openSignalClient } from './client/client.ts';
import { dialInMemory } from './client/lines.suite.ts';
import type { RouterDesk, Signal, SignalClient, SignalNews } from './contract.ts';
import { encodeFrame } from './frames/encode.ts';
import { hostSignals, type HostedSignals } from './hosting.ts';

const crypto = createNodeCrypto();
const dayMs = 86_400_000;

interface Hall {
  readonly hosted: HostedSignals;
  readonly cluster: AccessCluster;
  readonly api: Signal;
  readonly desk: RouterDesk;
  readonly lapses: Map<string, AbortController>;
  /** A session by a token, as one of a listener. */
  open(token?: string): Promise<SignalClient>;
  again(): Promise<Hall>;
}

const known: Readonly<Record<string, Caller>> = {
  'owner.token': { kind: 'owner' },
  'anna.token': person('user:anna'),
  'eve.token': person('user:eve'),
};

function person(principal: string): Caller {
  return {
    kind: 'principal',
    principal: principal as Principal,
    proof: 'session:test',
    expiresMs: dayMs,
  };
}

/** Permissions are those that something asks for. */
const routes = ['signal.read', 'signal.write'].map((permission): HttpRoute => ({
  method: 'GET',
  path: `/${permission}`,
  permission,
  summary: '',
  handle: async () => ({ status: 204, headers: {}, body: new Uint8Array(0) }),
}));

async function hall(given: { store?: KeyValueStore; cluster?: AccessCluster } = {}): Promise<Hall> {
  const cluster = given.cluster ?? (await makeAccessCluster({ routes }));
  const { clock } = cluster;
  const store = given.store ?? createMemoryStore({ clock });
  const hosted = hostSignals({
    clock,
    random: createSeededRandom(given.store === undefined ? 1 : 2),
    log: silentLog,
    codec: createMsgpackCodec(),
    crypto,
    store,
    cluster: lubeck,
    name: 'lubeck',
    access: cluster.control,
    url: () => undefined,
  });
  const lapses = new Map<string, AbortController>();
  hosted.admitBy({
    admit: () => undefined,
    async authenticate({ token }) {
      const caller = known[token];
      if (caller === undefined) {
        throw new HansaError('UNAUTHENTICATED', 'the token is not the owner’s');
      }
      return caller;
    },
    lapse(caller) {
      const lapse = new AbortController();
      lapses.set(caller.kind === 'principal' ? caller.principal : caller.kind, lapse);
      return { signal: lapse.signal, done: () => undefined };
    },
  });
  const { capability } = hosted;
  await capability.start(new AbortController().signal);
  onTestFinished(() => capability.stop());
  const dial = dialInMemory((line) => hosted.accept(line));
  return {
    hosted,
    cluster,
    lapses,
    api: capability.serves[0]?.service as Signal,
    desk: capability.serves[1]?.service as RouterDesk,
    open: (token) => openSignalClient({ clock, url: 'ws://lubeck', token, dial }),
    async again() {
      await capability.stop();
      return hall({ store, cluster });
    },
  };
}

async function first(watching: AsyncIterable<SignalNews>): Promise<SignalNews | undefined> {
  for await (const news of watching) {
    return news;
  }
  return undefined;
}

function givenAnna(cluster: AccessCluster): void {
  cluster.directories.define('lights', ['api:signal.read:stage/**', 'api:signal.write:stage/*']);
  cluster.directories.put('user:anna', { roles: ['lights'] });
  cluster.directories.put('user:eve', {});
}

describe('the router of a cluster', () => {
  test('lets in who the API would, and nobody else', async () => {
    const { open, cluster } = await hall();
    givenAnna(cluster);
    const owner = await open('owner.token');
    expect(await owner.set({ address: '/any/where', value: 1 })).toMatchObject({ revision: 1 });
    for (const token of [undefined, '', 'guess', 'cap_none', 'cpsk_none']) {
      await expect(open(token)).rejects.toMatchObject({ code: 'SIGNAL_UNAUTHENTICATED' });
    }
    const eve = await open('eve.token');
    await expect(eve.set({ address: '/any/where', value: 2 })).rejects.toMatchObject({
      code: 'SIGNAL_FORBIDDEN',
    });
    await expect(eve.get('/any/where')).rejects.toMatchObject({ code: 'SIGNAL_FORBIDDEN' });
  });

  test('asks roles about each address, and about a pattern as a whole', async () => {
    const { open, cluster } = await hall();
    givenAnna(cluster);
    const anna = await open('anna.token');
    await anna.set({ address: '/stage/1', value: 1 });
    await expect(anna.set({ address: '/stage/1/2', value: 1 })).rejects.toThrow('301');
    await expect(anna.set({ address: '/hall/1', value: 1 })).rejects.toThrow('301');
    expect(await first(anna.watch({ pattern: '/stage/**', types: [] }))).toMatchObject({
      value: 1,
    });
    await expect(first(anna.watch({ pattern: '/**', types: [] }))).rejects.toThrow('301');
  });

  test('tells a watch nothing of what a policy forbids, though the pattern was taken', async () => {
    const { open, api, cluster } = await hall();
    givenAnna(cluster);
    await cluster.access.putPolicy({
      id: 'no-secrets',
      text: `forbid (principal, action, resource)
        when { resource has name && resource.name like "stage/secret*" };`,
    });
    await api.set({ address: '/stage/secret', value: 1 });
    const anna = await open('anna.token');
    const watching = anna.watch({ pattern: '/stage/**', types: [] });
    const next = watching.next();
    await api.set({ address: '/stage/secret', value: 2 });
    await api.emit({ address: '/stage/secret/cue', type: 'event' });
    await api.set({ address: '/stage/open', value: 3 });
    expect((await next).value).toMatchObject({ address: '/stage/open', value: 3 });
  });

  test('asks again when a right is taken back: the session stays and may no more', async () => {
    const { open, cluster, api } = await hall();
    givenAnna(cluster);
    const anna = await open('anna.token');
    const watching = anna.watch({ pattern: '/stage/**', types: [] });
    const next = watching.next();
    await api.set({ address: '/stage/1', value: 1 });
    await next;
    cluster.directories.put('user:anna', {});
    const later = watching.next();
    await api.set({ address: '/stage/1', value: 2 });
    cluster.directories.put('user:anna', { roles: ['lights'] });
    await api.set({ address: '/stage/1', value: 3 });
    expect((await later).value).toMatchObject({ value: 3 });
  });

  test('ends a session with what it came in by', async () => {
    const { open, cluster, lapses, hosted } = await hall();
    givenAnna(cluster);
    const anna = await open('anna.token');
    expect(hosted.running().router.sessions.size).toBe(1);
    lapses.get('user:anna')?.abort();
    await expect(anna.get('/stage/1')).rejects.toThrow('the right to be here ended');
    expect(hosted.running().router.sessions.size).toBe(0);
  });

  test('keeps nothing of a line that left while it was judged, or was turned away', async () => {
    const { hosted, cluster } = await hall();
    givenAnna(cluster);
    let released = 0;
    let letIn = (): void => undefined;
    hosted.admitBy({
      admit(source) {
        if (source === 'many') {
          throw new HansaError('RATE_LIMITED', 'too many requests from here');
        }
      },
      authenticate: () =>
        new Promise((resolve) => {
          letIn = () => resolve(person('user:anna'));
        }),
      lapse: () => ({ signal: new AbortController().signal, done: () => void (released += 1) }),
    });
    const hello = encodeFrame({ type: 'hello', version: 1, features: [], name: 'x', token: 't' });
    const said: string[] = [];
    const lineFrom = (remote: string) => {
      const close = (reason: string): void => void said.push(reason);
      return hosted.accept({ remote, send: () => 0, waiting: () => 0, close });
    };
    const leaving = lineFrom('10.0.0.1:99');
    leaving.frame(hello);
    leaving.closed('gone');
    letIn();
    await expect.poll(() => released).toBe(1);
    lineFrom('many:99').frame(hello);
    await expect.poll(() => said.join()).toContain('too many requests');
    expect(hosted.running().router.sessions.size).toBe(0);
  });

  test('serves callers of the API with their own rights, and keeps nothing of the call', async () => {
    const { api, cluster, hosted } = await hall();
    givenAnna(cluster);
    const caller = person('user:anna');
    await api.set({ address: '/stage/1', value: { on: true } }, { caller });
    await expect(api.set({ address: '/hall/1', value: 1 }, { caller })).rejects.toThrow('301');
    expect(await api.get({ address: '/stage/1' }, { caller })).toMatchObject({
      value: { on: true },
    });
    const watching = api.watch({ pattern: '/stage/*', types: ['param'] }, { caller });
    expect(await first(watching)).toMatchObject({ stood: true, value: { on: true } });
    await expect.poll(() => hosted.running().router.sessions.size).toBe(0);
  });

  test('has its params, rules, tokens and key again after a restart', async () => {
    const { api, desk, again } = await hall();
    await desk.putRule({ pattern: '/scene/**', durable: true });
    await desk.putRule({ pattern: '/peak/*', strategy: 'max', place: 0 });
    await api.set({ address: '/scene/1', value: 'dawn' });
    const { token, id } = await desk.makeToken({ subject: 'desk', scopes: ['write:/scene/**'] });
    const { key } = await desk.tokens({});
    const back = await again();
    expect(await back.api.get({ address: '/scene/1' })).toMatchObject({ value: 'dawn' });
    const { rules } = await back.desk.rules({});
    expect(rules.map(({ pattern }) => pattern)).toEqual(['/peak/*', '/scene/**']);
    await back.api.set({ address: '/peak/1', value: 5 });
    await expect(back.api.set({ address: '/peak/1', value: 4 })).rejects.toMatchObject({
      code: 'SIGNAL_CONFLICT',
    });
    expect(await back.desk.tokens({})).toMatchObject({ key, tokens: [{ id, revoked: false }] });
    const client = await back.open(token);
    await client.set({ address: '/scene/2', value: 'dusk' });
    expect(await back.desk.status({})).toMatchObject({ sessions: 1, params: 3, rules: 2 });
  });
});

describe('a token of the router', () => {
  test('of either form does what its scopes say, until it is taken back', async () => {
    const { desk, open } = await hall();
    for (const form of ['cap', 'cpsk'] as const) {
      const scopes = ['write:/stage/**'];
      const { token, id } = await desk.makeToken({ subject: 'desk', scopes, form });
      expect(token.startsWith(`${form}_`)).toBe(true);
      const client = await open(token);
      await client.set({ address: '/stage/1', value: 1 });
      await expect(client.set({ address: '/hall', value: 1 })).rejects.toThrow('301');
      expect((await desk.revokeToken({ id })).revoked).toBe(true);
      await expect(client.get('/stage/1')).rejects.toThrow('the right to be here ended');
      await expect(open(token)).rejects.toThrow('it was taken back');
    }
    await expect(desk.revokeToken({ id: 'none' })).rejects.toMatchObject({
      code: 'TOKEN_NOT_FOUND',
    });
  });

  test('is for any number of sessions, each of which it forgets when it has left', async () => {
    const { desk, open, hosted } = await hall();
    const { token, id } = await desk.makeToken({ subject: 'desk', scopes: ['read:/**'] });
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(token)));
    clients.slice(5).forEach((client) => client.close());
    await expect.poll(() => hosted.running().router.sessions.size).toBe(5);
    await desk.revokeToken({ id });
    expect(hosted.running().router.sessions.size).toBe(0);
  });

  test('expires to the second, and its sessions with it', async () => {
    const { desk, open, cluster } = await hall();
    const made = await desk.makeToken({ subject: 'desk', scopes: ['read:/**'], ttlMs: 5_000 });
    const client = await open(made.token);
    cluster.clock.advance(5_000);
    await expect.poll(async () => client.get('/x').catch(({ code }) => code)).not.toBe(undefined);
    await expect(open(made.token)).rejects.toMatchObject({ code: 'SIGNAL_TOKEN_EXPIRED' });
    expect((await desk.tokens({})).tokens).toEqual([]);
  });

  test('is judged by policies as well as by its scopes', async () => {
    const { desk, open, cluster } = await hall();
    await cluster.access.putPolicy({
      id: 'no-hall',
      text: `forbid (principal, action == Action::"signal.write", resource)
        when { resource has name && resource.name like "hall/*" };`,
    });
    const { token } = await desk.makeToken({ subject: 'desk', scopes: ['admin:/**'] });
    const client = await open(token);
    await client.set({ address: '/stage', value: 1 });
    await expect(client.set({ address: '/hall/1', value: 1 })).rejects.toThrow('301');
  });

  test('gives nothing that whoever makes it lacks', async () => {
    const { desk, cluster } = await hall();
    givenAnna(cluster);
    cluster.directories.define('stage', ['api:signal.read:stage/**', 'api:signal.read:stage']);
    cluster.directories.put('user:anna', { roles: ['stage'] });
    const call = { caller: person('user:anna') };
    await desk.makeToken({ subject: 'x', scopes: ['read:/stage/**'] }, call);
    for (const scope of ['read:/**', 'write:/stage/1', 'admin:/**', 'read:/stag*']) {
      const asked = desk.makeToken({ subject: 'x', scopes: [scope] }, call);
      await expect(asked).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
    }
    const nonsense = desk.makeToken({ subject: 'x', scopes: ['sing:/**'] });
    await expect(nonsense).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});
