// The published client, unmodified, against the router over a real WebSocket.
import type { Doorkeeper } from '@hansa/capabilities/signals/router/access';
import {
  createRouter,
  type Router,
  type RouterOptions,
} from '@hansa/capabilities/signals/router/router';
import { silentLog } from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { Clasp, encodeMessage, type ConnectOptions, type Value } from '@clasp-to/core';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { until } from '../../testkit/signal-ends.ts';
import { listenWebSocket, type SignalListener } from './index.ts';

const host = '127.0.0.1';
const ending: (() => Promise<void> | void)[] = [];

beforeAll(() => {
  // The client takes the global one, which this version of Node lacks; it prints every ACK.
  vi.stubGlobal('WebSocket', WebSocket);
  vi.spyOn(console, 'debug').mockReturnValue();
  vi.spyOn(console, 'error').mockReturnValue();
});

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) {
    await end();
  }
});

interface Site {
  readonly router: Router;
  readonly listener: SignalListener;
  readonly url: string;
}

async function openSite(
  more: { readonly options?: RouterOptions; readonly doorkeeper?: Doorkeeper; port?: number } = {},
): Promise<Site> {
  const router = createRouter({
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: silentLog,
    doorkeeper: more.doorkeeper,
    options: { messagesPerSecondMax: 0, ...more.options },
  });
  const { accept } = router;
  const listener = await listenWebSocket({ host, port: more.port ?? 0, accept });
  ending.push(async () => {
    router.stop();
    await listener.close();
  });
  return { router, listener, url: `ws://${host}:${listener.port}` };
}

async function joined({ url }: Site, options: ConnectOptions = {}): Promise<Clasp> {
  const client = new Clasp(url, { name: 'tester', reconnect: false, ...options });
  ending.push(() => client.close());
  await client.connect();
  return client;
}

type Heard = (readonly [string, Value])[];

/** Resolves when the router has the subscription. */
async function hearing(site: Site, client: Clasp, pattern: string, options = {}): Promise<Heard> {
  const heard: Heard = [];
  client.on(pattern, (value, address) => void heard.push([address, value]), options);
  const session = site.router.sessions.get(client.session ?? '');
  await until(() =>
    [...(session?.subscriptions.values() ?? [])].some((it) => it.pattern === pattern),
  );
  return heard;
}

/** What the client cannot say by its methods. */
function say(client: Clasp, message: Parameters<typeof encodeMessage>[0]): void {
  const { ws } = client as unknown as { readonly ws: WebSocket };
  ws.send(encodeMessage(message));
}

describe('the published client', () => {
  it('is welcomed with a session and the time', async () => {
    const site = await openSite();
    const client = await joined(site);
    expect(client.connected).toBe(true);
    expect(site.router.sessions.get(client.session ?? '')?.name).toBe('tester');
    expect(Math.abs(client.time() / 1_000 - Date.now())).toBeLessThan(2_000);
  });

  it('sets what all subscribers are told of, itself among them', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    const [mine, theirs] = [await hearing(site, a, '/l/*'), await hearing(site, b, '/**')];
    const values: Value[] = [
      0.75,
      'grün',
      true,
      null,
      [1, 'x', [null]],
      { r: 1, g: { b: 'deep' } },
      Uint8Array.of(1, 2, 255),
    ];
    values.forEach((value, i) => a.set(`/l/${i}`, value));
    await until(() => mine.length === values.length && theirs.length === values.length);
    const expected = values.map((value, i) => [`/l/${i}`, value]);
    expect(mine).toEqual(expected);
    expect(theirs).toEqual(expected);
    expect(site.router.get('/l/0')?.revision).toBe(1);
    await expect(b.get('/l/5')).resolves.toEqual(values[5]);
  });

  it('publishes what everybody but itself is told of', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    const [mine, theirs] = [await hearing(site, a, '/**'), await hearing(site, b, '/**')];
    a.emit('/cue', { go: true });
    a.stream('/sensor', 0.5);
    a.gesture('/touch', 1, 'start', { x: 0 });
    a.gesture('/touch', 1, 'end', { x: 1 });
    a.timeline('/fade', [{ time: 0, value: 1 }]);
    a.set('/last', 1);
    await until(() => theirs.length === 6 && mine.length === 1);
    expect(theirs.slice(0, 4)).toEqual([
      ['/cue', { go: true }],
      ['/sensor', 0.5],
      ['/touch', { x: 0, gestureId: 1, phase: 'start' }],
      ['/touch', { x: 1, gestureId: 1, phase: 'end' }],
    ]);
    expect(theirs.map(([address]) => address).slice(4)).toEqual(['/fade', '/last']);
    expect(mine).toEqual([['/last', 1]]);
  });

  it('hears what its patterns match, and nothing after it has unsubscribed', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    const one = await hearing(site, b, '/zone/*/level');
    const part = await hearing(site, b, '/zone/5*/level');
    const stop = b.on('/zone/**', () => undefined);
    a.set('/zone/51/level', 1);
    a.set('/zone/6/level', 2);
    a.set('/zone/6/level/deep', 3);
    a.set('/other', 4);
    await until(() => site.router.paramCount === 4 && one.length === 2);
    expect(one).toEqual([
      ['/zone/51/level', 1],
      ['/zone/6/level', 2],
    ]);
    // The client tells a subscription of its own apart by a regular expression of its own.
    expect(part).toContainEqual(['/zone/51/level', 1]);
    stop();
    const session = site.router.sessions.get(b.session ?? '');
    await until(() => session?.subscriptions.size === 2);
  });

  it('is told all there is when it joins late, however large', async () => {
    const site = await openSite();
    const a = await joined(site);
    const large = 'x'.repeat(3_900);
    for (let i = 0; i < 40; i += 1) {
      a.set(`/large/${i}`, large);
    }
    for (let i = 0; i < 3_000; i += 1) {
      a.set(`/small/${i}`, i);
    }
    await until(() => site.router.paramCount === 3_040);
    const b = await joined(site);
    await until(() => b.cached('/small/2999') === 2_999 && b.cached('/large/39') === large);
    const seen = new Set<string>();
    const c = await joined(site);
    c.on('/**', (_value, address) => void seen.add(address));
    await until(() => seen.size === 3_040);
  });

  it('changes several things at once, or at a time', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    const heard = await hearing(site, b, '/**');
    a.bundle([{ set: ['/l/1', 1] }, { set: ['/l/2', 2] }, { emit: ['/done', 'now'] }]);
    await until(() => heard.length === 3);
    expect(heard.map(([address]) => address)).toEqual(['/l/1', '/l/2', '/done']);
    const at = Math.floor(a.time() + 150_000);
    a.bundle([{ set: ['/l/1', 7] }], { at });
    await until(() => heard.length === 4);
    expect(Date.now() * 1_000).toBeGreaterThanOrEqual(at - 2_000);
    expect(site.router.get('/l/1')?.revision).toBe(2);
  });

  it('changes nothing by a bundle of which one part is refused', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    say(a, { type: 'SET', address: '/held', value: 1, lock: true });
    await until(() => site.router.get('/held') !== undefined);
    b.bundle([{ set: ['/free', 1] }, { set: ['/held', 2] }]);
    await until(() => b.getLastError() !== null);
    expect(site.router.get('/free')).toBeUndefined();
    expect(b.getLastError()?.address).toBe('/held');
  });

  it('writes through no lock of another, until its holder has left', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    const heard = await hearing(site, b, '/**');
    say(a, { type: 'SET', address: '/held', value: 1, lock: true });
    await until(() => heard.length === 1);
    b.set('/held', 2);
    await until(() => b.getLastError() !== null);
    b.clearError();
    say(b, { type: 'SET', address: '/held', value: 3, unlock: true });
    await until(() => b.getLastError() !== null);
    expect(heard).toEqual([['/held', 1]]);
    a.close();
    await until(() => site.router.sessions.size === 1);
    b.set('/held', 4);
    await until(() => heard.length === 2);
    expect(heard[1]).toEqual(['/held', 4]);
  });

  it('is told no more often and no less changed than it asked for, and in the end what is', async () => {
    const site = await openSite();
    const [a, b] = [await joined(site), await joined(site)];
    const often = await hearing(site, b, '/rate', { maxRate: 20 });
    const changed = await hearing(site, b, '/level', { epsilon: 0.5 });
    for (let i = 1; i <= 100; i += 1) {
      a.set('/rate', i);
      a.set('/level', i / 100);
    }
    await until(() => often.at(-1)?.[1] === 100);
    expect(often.length).toBeLessThanOrEqual(4);
    await until(() => changed.length >= 2);
    expect(changed.length).toBeLessThanOrEqual(3);
  });

  it('is told of a pattern that is none', async () => {
    const site = await openSite();
    const client = await joined(site);
    client.on('no/slash', () => undefined);
    await until(() => client.getLastError() !== null);
    expect(client.getLastError()).toMatchObject({ code: 202, address: 'no/slash' });
  });

  it('is turned away at once without a token that counts', async () => {
    const doorkeeper: Doorkeeper = {
      admit: ({ token }) =>
        token === 'cpsk_good'
          ? { allows: (verb) => verb !== 'write', subject: 'reader' }
          : { code: 300, message: 'Authentication required' },
    };
    const site = await openSite({ doorkeeper });
    // The client rejects with the reason of the close, where there is one.
    await expect(joined(site)).rejects.toThrow('Authentication required');
    await expect(joined(site, { token: 'cpsk_bad' })).rejects.toThrow('Authentication required');
    const reader = await joined(site, { token: 'cpsk_good' });
    reader.set('/a', 1);
    await until(() => reader.getLastError() !== null);
    expect(reader.getLastError()).toMatchObject({ code: 301, address: '/a' });
  });

  it('comes back after the router was away, and is told of what it had subscribed to', async () => {
    const first = await openSite();
    const client = new Clasp(first.url, { reconnectInterval: 20 });
    ending.push(() => client.close());
    await client.connect();
    const heard = await hearing(first, client, '/**');
    const { port } = first.listener;
    first.router.stop();
    await first.listener.close();
    await until(() => !client.connected);
    const second = await openSite({ port });
    await until(() => second.router.sessions.size === 1);
    const [session] = second.router.sessions.values();
    await until(() => session?.subscriptions.size === 1);
    const other = await joined(second);
    other.set('/back', 1);
    await until(() => heard.some(([address]) => address === '/back'));
  });

  it('is one of many that are all told', async () => {
    const site = await openSite();
    const clients = await Promise.all(Array.from({ length: 50 }, () => joined(site)));
    const heard = await Promise.all(clients.map((client) => hearing(site, client, '/show/**')));
    for (let i = 0; i < 20; i += 1) {
      clients[i]?.set('/show/step', i);
    }
    await until(() => heard.every((each) => each.length === 20));
    const [first] = heard;
    expect(heard.every((each) => each.every(([, value], i) => value === first?.[i]?.[1]))).toBe(
      true,
    );
  });
});
