// The router on its own, over real sockets and a real store.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SignalMessage } from '@hansa/capabilities/signals/frames/messages';
import { wireValue } from '@hansa/capabilities/signals/frames/values';
import { silentLog } from '@hansa/foundation';
import { dialTcp, dialWebSocket } from '@hansa/signal-sockets';
import { afterEach, expect, test } from 'vitest';
import {
  openSignalClient,
  type SignalClient,
  type SignalClientNeeds,
} from '../testkit/signal-client.ts';
import { dialSignals } from './signal-dialling.ts';
import { serveSignals, type SignalServer, type SignalServerOptions } from './signal-server.ts';

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

async function serve(more: Partial<SignalServerOptions> = {}): Promise<SignalServer> {
  const server = await serveSignals({
    host: '127.0.0.1',
    port: 0,
    open: true,
    log: silentLog,
    ...more,
  });
  ends.push(() => server.stop());
  return server;
}

async function client(dial: SignalClientNeeds['dial'], token?: string): Promise<SignalClient> {
  const one = await openSignalClient({ dial, token });
  ends.push(async () => one.close());
  return one;
}

const set = (address: string, value: number): SignalMessage => ({
  type: 'set',
  address,
  value: wireValue(value),
  lock: false,
  unlock: false,
});

test('clients over WebSocket and TCP see one state', async () => {
  const server = await serve({ tcpPort: 0 });
  const web = await client((accept) => dialWebSocket({ url: server.url, accept }));
  const tcp = await client((accept) =>
    dialTcp({ host: '127.0.0.1', port: server.tcpPort ?? 0, accept }),
  );
  await tcp.next('snapshot');
  tcp.say({ type: 'subscribe', id: 1, pattern: '/light/**', types: 0xff });
  tcp.say({ type: 'ping' });
  await tcp.next('pong');
  web.say(set('/light/a', 0.5));
  expect(await web.next('ack')).toMatchObject({ address: '/light/a', revision: 1 });
  expect(await tcp.next('set')).toMatchObject({ address: '/light/a', revision: 1 });
});

test('with a folder, what was acknowledged is there after a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signals-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const options = { rules: [{ pattern: '/scene/**', durable: true }] };
  const first = await serve({ folder, options });
  const writer = await client((accept) => dialWebSocket({ url: first.url, accept }));
  writer.say(set('/scene/a', 3));
  await writer.next('ack');
  await first.stop();
  const second = await serve({ folder, options });
  const reader = await client((accept) => dialWebSocket({ url: second.url, accept }));
  expect((await reader.next('snapshot')).params).toMatchObject([{ address: '/scene/a' }]);
});

test('with a journal it replays what passed', async () => {
  const server = await serve({ journal: true });
  const one = await client((accept) => dialSignals({ url: server.url, accept }));
  one.say(set('/light/a', 1));
  await one.next('ack');
  one.say({ type: 'replay', pattern: '/light/**', types: 0xff });
  expect(await one.next('set')).toMatchObject({ address: '/light/a', revision: 1 });
});

test('with a rule that says so it replays after a restart what passed before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signals-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const options = { rules: [{ pattern: '/cue/**', journalEntries: 2 }] };
  const first = await serve({ folder, options });
  const writer = await client((accept) => dialWebSocket({ url: first.url, accept }));
  for (const number of [1, 2, 3]) {
    writer.say({ type: 'publish', address: `/cue/${number}`, signal: 'event', phase: 'start' });
  }
  writer.say(set('/light/a', 1));
  await writer.next('ack');
  await first.stop();
  const second = await serve({ folder, options });
  const reader = await client((accept) => dialWebSocket({ url: second.url, accept }));
  reader.say({ type: 'replay', pattern: '/cue/**', types: 0xff });
  expect(await reader.next('publish')).toMatchObject({ address: '/cue/2', signal: 'event' });
  expect(await reader.next('publish')).toMatchObject({ address: '/cue/3' });
  reader.say({ type: 'replay', pattern: '/light/**', types: 0xff });
  expect(await reader.next('error')).toMatchObject({ address: '/light/**' });
});

test('a rule for what is no pattern is told at the start', async () => {
  const options = { rules: [{ pattern: 'light' }] };
  await expect(serve({ options })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test.each(['http://127.0.0.1:1', 'tcp://127.0.0.1', 'tcp:', 'light', ''])(
  '"%s" is no address of a router',
  async (url) => {
    const dialled = dialSignals({ url, accept: () => expect.fail('nobody is dialled') });
    await expect(dialled).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  },
);

test('an open router stays on loopback; nothing is durable without a folder', async () => {
  await expect(serve({ host: '0.0.0.0' })).rejects.toThrow('take writes from anywhere');
  const options = { rules: [{ pattern: '/**', durable: true }] };
  await expect(serve({ options })).rejects.toThrow('no param is durable');
  const journals = { rules: [{ pattern: '/**', journalEntries: 10 }] };
  await expect(serve({ options: journals })).rejects.toThrow('no rule has a journal');
});

test('an open router lets in no page of just anywhere, and nobody is named wrongly', async () => {
  for (const origins of [['*'], ['null'], ['show.example']]) {
    await expect(serve({ origins })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  }
  const tokens = [{ token: 'cpsk_1', scopes: ['read:/**'], subject: 'ann' }];
  await serve({ open: false, tokens, origins: ['*'] });
  await serve({ origins: ['https://show.example'] });
});

test('on loopback it is announced to nobody, and says so', async () => {
  await expect(serve({ announced: true })).rejects.toMatchObject({ code: 'DISCOVERY_OFF' });
});

test('without --open a token is asked for', async () => {
  const tokens = [{ token: 'cpsk_1', scopes: ['read:/**'], subject: 'ann' }];
  const server = await serve({ open: false, tokens });
  const dial: SignalClientNeeds['dial'] = (accept) => dialWebSocket({ url: server.url, accept });
  const stranger = await client(dial);
  expect(await stranger.next('error')).toMatchObject({ code: 300 });
  await expect(stranger.next('welcome')).rejects.toThrow('closed');
  const known = await client(dial, 'cpsk_1');
  await known.next('welcome');
  known.say(set('/a', 1));
  expect(await known.next('error')).toMatchObject({ code: 301, address: '/a' });
});

test('a taken port gives back what was opened', async () => {
  const server = await serve();
  const folder = await mkdtemp(join(tmpdir(), 'signals-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  await expect(serve({ port: server.port, folder })).rejects.toMatchObject({ code: 'PORT_TAKEN' });
  await serve({ folder });
});
