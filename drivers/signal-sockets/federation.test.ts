// Three routers over real sockets: two sites and their hub, with the published client at the sites.
import { FederationManager } from '@hansa/capabilities/signals/federation/manager';
import type { FederationConfig } from '@hansa/capabilities/signals/federation/config';
import { createRouter, type Router } from '@hansa/capabilities/signals/router/router';
import { silentLog } from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { Clasp } from '@clasp-to/core';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { until } from '../../testkit/signal-ends.ts';
import { dialWebSocket, listenWebSocket } from './index.ts';

const host = '127.0.0.1';
const ending: (() => Promise<void> | void)[] = [];

beforeAll(() => {
  vi.stubGlobal('WebSocket', WebSocket);
  vi.spyOn(console, 'debug').mockReturnValue();
  vi.spyOn(console, 'error').mockReturnValue();
});

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) {
    await end();
  }
});

interface Opened {
  readonly router: Router;
  readonly manager: FederationManager;
  readonly url: string;
}

async function open(config: Partial<FederationConfig>): Promise<Opened> {
  const needs = { clock: createSystemClock(), random: createSystemRandom(), log: silentLog };
  const manager = new FederationManager(config, { ...needs, dial: dialWebSocket });
  const router = createRouter({
    ...needs,
    peers: manager.peers,
    options: { messagesPerSecondMax: 0 },
  });
  manager.start(router);
  const listener = await listenWebSocket({ host, port: 0, accept: router.accept });
  ending.push(async () => {
    manager.stop();
    router.stop();
    await listener.close();
  });
  return { router, manager, url: `ws://${host}:${listener.port}` };
}

async function client({ url }: Opened): Promise<Clasp> {
  const made = new Clasp(url, { name: 'tester', reconnect: false });
  ending.push(() => made.close());
  await made.connect();
  return made;
}

it('a light that is set in bergen is seen in visby, and can be set from there', async () => {
  const hub = await open({ routerId: 'hub' });
  const mode = { kind: 'leaf', hubEndpoint: hub.url } as const;
  const bergen = await open({ mode, routerId: 'bergen', ownedNamespaces: ['/bergen/**'] });
  const visby = await open({ mode, routerId: 'visby', ownedNamespaces: ['/visby/**'] });
  await until(() =>
    [bergen, visby].every(({ manager }) => manager.endpoints()[0]?.state === 'active'),
  );
  expect(
    hub.manager
      .activePeers()
      .map(({ routerId }) => routerId)
      .sort(),
  ).toEqual(['bergen', 'visby']);
  const [here, there] = [await client(bergen), await client(visby)];
  const seen: unknown[] = [];
  there.on('/bergen/**', (value) => void seen.push(value));
  here.set('/bergen/light', 0.25);
  await until(() => seen.includes(0.25));
  there.set('/bergen/light', 0.75);
  await until(() => bergen.router.get('/bergen/light')?.revision === 2);
  await until(() => seen.includes(0.75));
  expect(hub.router.get('/bergen/light')?.revision).toBe(2);
});
