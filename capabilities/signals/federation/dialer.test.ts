// A link that is lost, refused, or never answered, and how it is tried again.
import { afterEach, describe, expect, it } from 'vitest';
import type { Doorkeeper } from '../router/access.ts';
import type { FederationConfig } from './config.ts';
import type { FederationEvent } from './events.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site } from './sites.suite.ts';

let net: Network;
let hub: Site;
let leaf: Site;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

function make(config: Partial<FederationConfig> = {}, doorkeeper?: Doorkeeper): void {
  net = new Network();
  hub = net.site('hub', {}, doorkeeper === undefined ? {} : { doorkeeper });
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'], ...config });
}

/** A person is told of it: nobody dials again by itself. */
function expectFailed(reason: string): void {
  expect(net.problems.splice(0)).toMatchObject([['signal-link.failed', { message: reason }]]);
}

function status() {
  const [endpoint] = leaf.manager.endpoints();
  if (endpoint === undefined) {
    throw new Error('there is no endpoint');
  }
  return endpoint;
}

describe('a link', () => {
  it('goes through its states and tells of them', async () => {
    make();
    const receiver = leaf.manager.takeEventReceiver();
    net.start();
    expect(status().state).toBe('connecting');
    await net.advance(100);
    expect(status().state).toBe('active');
    net.cut('leaf', 'hub');
    await net.advance(10);
    expect(status()).toMatchObject({ state: 'disconnected', reason: 'the line broke' });
    leaf.manager.stop();
    const events: FederationEvent[] = [];
    for await (const event of receiver ?? []) {
      events.push(event);
    }
    expect(events.map(({ type }) => type)).toEqual([
      'peerNamespaces',
      'syncComplete',
      'connected',
      'disconnected',
    ]);
  });

  it('that is lost comes back, and its count of attempts begins anew', async () => {
    make();
    net.cut('leaf', 'hub');
    net.start();
    await net.advance(100_000);
    expect(status().attempts).toBeGreaterThan(3);
    net.join('leaf', 'hub');
    await net.advance(federationLimits.reconnectMsMax + 100);
    expect(status()).toMatchObject({ state: 'active', attempts: 0, peer: 'hub' });
  });

  it('is not dialled again at once where two routers of one name take turns', async () => {
    net = new Network();
    hub = net.site('hub', {});
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    const config = { mode, routerId: 'twin', ownedNamespaces: ['/twin/**'] };
    leaf = net.site('one', config);
    net.site('two', config);
    net.start();
    await net.advance(300_000);
    const came = net.logged.filter(([at, name]) => at === 'hub' && name === 'signal-peer.active');
    expect(came.length).toBeLessThan(60);
  });

  it('is tried with longer and longer waits', async () => {
    make({ reconnectDelayMs: 1_000 });
    net.cut('leaf', 'hub');
    net.start();
    const at: number[] = [];
    for (let second = 0; second < 240; second += 1) {
      const before = status().attempts;
      await net.advance(1_000);
      if (status().attempts > before) {
        at.push(second);
      }
    }
    const gaps = at.slice(1).map((moment, i) => moment - (at[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(31);
    expect(gaps.at(-1)).toBeGreaterThan(10);
    expect(at.length).toBeLessThan(25);
  });

  it('is given up after as many attempts as are allowed', async () => {
    make({ maxReconnectAttempts: 3 });
    net.cut('leaf', 'hub');
    net.start();
    await net.advance(200_000);
    expect(status()).toMatchObject({ state: 'failed', attempts: 4 });
    net.join('leaf', 'hub');
    await net.advance(200_000);
    expect(status().state).toBe('failed');
    expectFailed('hub cannot be reached');
  });

  it('is not tried again where that is not wanted', async () => {
    make({ autoReconnect: false });
    net.start();
    await net.advance(100);
    net.breakLines('leaf', 'hub');
    await net.advance(200_000);
    expect(status().state).toBe('disconnected');
  });

  it.each([
    [300, 'Authentication required'],
    [302, 'the token has expired'],
  ])('that is refused with %i has failed', async (code, message) => {
    make({}, { admit: () => ({ code, message }) });
    net.start();
    await net.advance(200_000);
    expect(status()).toMatchObject({ state: 'failed', reason: `${code} ${message}` });
    expectFailed(`${code} ${message}`);
  });

  it('is what its peer is known by, whatever becomes of it', async () => {
    let isOver = false;
    const refused = { code: 302, message: 'the token has expired' };
    const taken = { allows: () => true, subject: 'x' };
    make({}, { admit: async () => (isOver ? refused : taken) });
    const seen: (string | undefined)[] = [];
    const look = (): void => {
      const state = leaf.manager.peerInfo('hub')?.state;
      if (state !== seen.at(-1)) {
        seen.push(state);
      }
    };
    net.passed = look;
    const stepping = async (until: string): Promise<void> => {
      for (let ms = 0; ms < 60_000 && !seen.includes(until); ms += 10) {
        await net.advance(10);
        look();
      }
    };
    net.start();
    await stepping('active');
    isOver = true;
    net.cut('leaf', 'hub');
    await stepping('connecting');
    const away = status().attempts;
    expect(leaf.manager.peerInfo('hub')).toMatchObject({ state: 'disconnected', namespaces: [] });
    net.join('leaf', 'hub');
    await stepping('failed');
    const again = ['disconnected', 'connecting'];
    expect(seen).toEqual([
      'syncing',
      'active',
      ...Array.from({ length: away }, () => again).flat(),
      'handshaking',
      'failed',
    ]);
    expect(leaf.manager.peerInfo('hub')).toMatchObject({ state: 'failed', namespaces: [] });
    expect(leaf.manager.activePeers()).toEqual([]);
    expectFailed('302 the token has expired');
  });

  it('that is given up after its attempts has failed, and so has its peer', async () => {
    make({ maxReconnectAttempts: 2 });
    net.start();
    await net.advance(100);
    net.cut('leaf', 'hub');
    await net.advance(200_000);
    expect(status()).toMatchObject({ state: 'failed', peer: 'hub' });
    expect(leaf.manager.peerInfo('hub')).toMatchObject({ state: 'failed' });
    expectFailed('hub cannot be reached');
  });

  it('leaves nothing behind of a hub that came back as another one', async () => {
    make();
    net.start();
    await net.advance(100);
    const other = net.site('hub 2', {});
    other.manager.start(other.router);
    net.sites.set('hub', other);
    hub.manager.stop();
    hub.router.stop();
    await net.advance(60_000);
    expect(status()).toMatchObject({ state: 'active', peer: 'hub 2' });
    expect(leaf.manager.peerInfo('hub')).toMatchObject({ state: 'disconnected' });
    expect(leaf.manager.activePeers().map(({ routerId }) => routerId)).toEqual(['hub 2']);
  });

  it('of two hubs of another kind with one name is known by where each is', async () => {
    net = new Network();
    const named = { options: { name: 'CLASP' }, isStranger: true };
    const hubs = ['one', 'two'].map((id) =>
      net.site(id, { ownedNamespaces: [`/${id}/**`] }, named),
    );
    hub = hubs[0] ?? expect.fail('there are hubs');
    const mode = { kind: 'mesh', peers: ['one', 'two'] } as const;
    leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'] });
    net.start();
    await net.advance(100);
    const peers = leaf.manager.endpoints().map(({ peer }) => peer);
    expect(peers).toEqual(['CLASP', 'CLASP at two']);
    net.cut('leaf', 'two');
    await net.advance(10);
    expect(leaf.manager.endpoints().map(({ state }) => state)).toEqual(['active', 'disconnected']);
    expect(leaf.manager.peerInfo('CLASP')).toMatchObject({ state: 'active' });
    net.cut('leaf', 'one');
    net.join('leaf', 'two');
    await net.advance(60_000);
    expect(leaf.manager.endpoints().map(({ state }) => state)).toEqual(['disconnected', 'active']);
    expect(leaf.manager.peerInfo('CLASP')).toMatchObject({ state: 'active' });
  });

  it('is told of in the logs at both of its ends, each change once', async () => {
    make();
    net.start();
    await net.advance(100);
    net.breakLines('leaf', 'hub');
    await net.advance(60_000);
    const told = net.logged.filter(([, name]) => name.startsWith('signal-peer.'));
    for (const id of ['hub', 'leaf']) {
      expect(told.filter(([at]) => at === id).map(([, name]) => name)).toEqual([
        'signal-peer.active',
        'signal-peer.away',
        'signal-peer.active',
      ]);
    }
  });

  it('of two to the same router leaves its peer active when it ends', async () => {
    net = new Network();
    const meshOf = (id: string, peer: string): Site =>
      net.site(id, { mode: { kind: 'mesh', peers: [peer] }, ownedNamespaces: [`/${id}/**`] });
    [hub, leaf] = [meshOf('x', 'y'), meshOf('y', 'x')];
    net.start();
    await net.advance(100);
    expect(net.lines).toBe(2);
    net.breakOne('x', 'y');
    await net.settle();
    expect(net.lines).toBe(1);
    for (const [site, peer] of [
      [hub, 'y'],
      [leaf, 'x'],
    ] as const) {
      expect(site.manager.peerInfo(peer)).toMatchObject({ state: 'active' });
    }
  });

  it('sends the token and the name that it was given', async () => {
    const seen: unknown[] = [];
    make(
      { authToken: 'cpsk_x', clientName: 'bergen' },
      {
        admit: ({ token, name, isPeer }) => {
          seen.push([token, name, isPeer]);
          return { allows: () => true, subject: 'x' };
        },
      },
    );
    net.start();
    await net.advance(100);
    expect(seen).toEqual([['cpsk_x', 'bergen', true]]);
  });

  it('that declares more than its token allows is told so, and tries again', async () => {
    let mayOwn = false;
    make({}, { admit: () => ({ allows: (verb) => mayOwn || verb !== 'own', subject: 'x' }) });
    net.start();
    await net.advance(100);
    const reason = '403 insufficient scope for namespace: /leaf/**';
    expect(status()).toMatchObject({ state: 'disconnected', reason });
    expect(net.problems.splice(0)).toMatchObject([['signal-federation.disputed', {}]]);
    mayOwn = true;
    await net.advance(60_000);
    expect(status()).toMatchObject({ state: 'active' });
  });

  it('takes no write at addresses that its hub does not let it own', async () => {
    let mayOwn = true;
    make({}, { admit: () => ({ allows: (verb) => mayOwn || verb !== 'own', subject: 'x' }) });
    net.start();
    await net.advance(100);
    const client = await leaf.client();
    client.set('/leaf/x', 1);
    mayOwn = false;
    net.breakLines('leaf', 'hub');
    client.set('/leaf/x', 2); // away from its hub it judges what is its own
    await net.advance(60_000);
    client.set('/leaf/x', 3);
    const words = 'our hub does not let us own it: 403 insufficient scope for namespace: /leaf/**';
    expect(client.errors).toEqual([`403 ${words}`]);
    expect(leaf.value('/leaf/x')).toBe(2);
    net.problems.splice(0);
    mayOwn = true;
    await net.advance(120_000);
    client.set('/leaf/x', 4);
    await net.settle();
    expect([leaf.value('/leaf/x'), hub.value('/leaf/x')]).toEqual([4, 4]);
  });

  it('to a hub that does not answer is closed in time', async () => {
    make();
    net.loses = ({ from }) => from === 'hub';
    net.start();
    await net.advance(federationLimits.handshakeMs + 10);
    expect(status()).toMatchObject({
      state: 'disconnected',
      reason: 'the hub did not complete the handshake in time',
    });
  });

  it('asks again for what a hub was asked for and never heard', async () => {
    make();
    net.loses = ({ message }) => message.type === 'federation' && message.op === 'request';
    net.start();
    await net.advance(1_000);
    expect(status().state).toBe('syncing');
    net.loses = () => false;
    hub.set('/x', 1);
    await net.advance(5_000);
    hub.set('/x', 2);
    await net.advance(federationLimits.handshakeMs);
    expect(status().state).toBe('active');
  });

  it('to a hub that has fallen silent is closed and made anew', async () => {
    make();
    net.start();
    await net.advance(100);
    net.loses = ({ from }) => from === 'hub';
    await net.advance(federationLimits.silenceMs + federationLimits.pingMs);
    net.loses = () => false;
    await net.advance(60_000);
    expect(status().state).toBe('active');
    leaf.set('/leaf/x', 1);
    await net.settle();
    expect(hub.value('/leaf/x')).toBe(1);
  });

  it('ends when the manager stops, and nothing is dialled after', async () => {
    make();
    net.start();
    await net.advance(100);
    leaf.manager.stop();
    await net.advance(200_000);
    expect(net.lines).toBe(0);
    expect(hub.manager.peerInfo('leaf')).toMatchObject({ state: 'disconnected' });
  });
});
