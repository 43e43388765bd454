// The manager without a router: who its peers are, from the events that it is given.
import { silentLog } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHandClock } from '../../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../../testkit/seeded-random.ts';
import { wireValue } from '../frames/values.ts';
import { overlaps } from '../patterns/covering.ts';
import { matcherOf } from '../patterns/matching.ts';
import { namespacesConflict, peerStates, type FederationConfig } from './config.ts';
import { reconnectWaitMs } from './dialer.ts';
import { federationLimits } from './limits.ts';
import { FederationManager } from './manager.ts';
import { createNamespaceBook, type Holder } from './namespaces.ts';

function managerOf(config: Partial<FederationConfig> = {}): FederationManager {
  const clock = createHandClock();
  return new FederationManager(config, { clock, random: createSeededRandom(1), log: silentLog });
}

function withPeers(...peers: (readonly [string, string])[]): FederationManager {
  const manager = managerOf({ routerId: 'here', ownedNamespaces: ['/site-a/**'] });
  for (const [peer, pattern] of peers) {
    manager.processEvent({ type: 'peerNamespaces', peer, patterns: [pattern] });
  }
  return manager;
}

describe('the configuration', () => {
  it('is as the table of the README where nothing is said', () => {
    const { config, mode, ownedNamespaces, routerId } = managerOf();
    expect(mode).toEqual({ kind: 'hub' });
    expect(ownedNamespaces).toEqual(['/**']);
    expect(routerId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(config).toMatchObject({
      authToken: undefined,
      autoReconnect: true,
      reconnectDelayMs: 5_000,
      maxReconnectAttempts: 0,
      syncIntervalMs: 30_000,
      clientName: 'clasp-federation',
      features: ['param', 'event', 'stream', 'federation'],
    });
  });

  it.each([
    ['an id of nothing', { routerId: '' }],
    ['an id that is too long', { routerId: 'x'.repeat(federationLimits.routerIdBytesMax + 1) }],
    ['no pattern', { ownedNamespaces: ['site-a'] }],
    ['too many patterns', { ownedNamespaces: Array.from({ length: 1_001 }, (_, i) => `/${i}`) }],
    ['no time', { syncIntervalMs: 0 }],
    ['no wait', { reconnectDelayMs: Number.NaN }],
    ['half an attempt', { maxReconnectAttempts: 0.5 }],
    ['a pattern of what is each router’s own', { ownedNamespaces: ['/clasp/**'] }],
    ['an id of two lines', { routerId: 'a\nb' }],
    ['a feature that is none', { features: ['streams'] }],
    ['no feature', { mode: { kind: 'leaf', hubEndpoint: 'x' }, features: ['param'] }],
  ] as [string, Partial<FederationConfig>][])('is refused with %s', (_what, config) => {
    expect(() => managerOf(config)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });

  it('knows six states of a peer', () => {
    expect(peerStates).toHaveLength(6);
  });
});

describe('a manager', () => {
  it('begins without peers', () => {
    const manager = managerOf();
    expect(manager.peerCount()).toBe(0);
    expect(manager.activePeers()).toEqual([]);
    expect(manager.peerInfo('b')).toBeUndefined();
  });

  it('forwards to who declared the address, and nothing that only it owns', () => {
    const manager = withPeers(['b', '/site-b/**']);
    expect(manager.shouldForward('/site-b/lights/1')).toBe(true);
    expect(manager.shouldForward('/site-a/lights/1')).toBe(false);
    expect(manager.isLocal('/site-a/lights/1')).toBe(true);
    expect(manager.isLocal('/site-b/lights/1')).toBe(false);
    expect(manager.isRemote('/site-b/lights/1')).toBe(true);
    expect(manager.isRemote('/site-a/lights/1')).toBe(false);
  });

  it('does not forward to where it came from', () => {
    const manager = withPeers(['b', '/shared/**'], ['c', '/shared/**']);
    expect(manager.peersForAddress('/shared/x')).toEqual(['b', 'c']);
    expect(manager.peersForAddress('/shared/x', 'b')).toEqual(['c']);
    expect(withPeers(['b', '/shared/**']).shouldForward('/shared/x', 'b')).toBe(false);
  });

  it('knows a peer through all that becomes of it', () => {
    const manager = withPeers(['b', '/site-b/**']);
    expect(manager.peerInfo('b')).toMatchObject({ state: 'syncing' });
    manager.processEvent({ type: 'connected', peer: 'b' });
    expect(manager.activePeers()).toEqual([
      { routerId: 'b', state: 'active', namespaces: ['/site-b/**'] },
    ]);
    manager.processEvent({ type: 'syncComplete', peer: 'b', patterns: [] });
    const remote = { peer: 'b', address: '/site-b/x', value: wireValue(1) } as const;
    manager.processEvent({ type: 'remoteSet', ...remote });
    manager.processEvent({ type: 'peerNamespaces', peer: 'b', patterns: ['/new/**'] });
    expect(manager.peerInfo('b')).toMatchObject({ state: 'active', namespaces: ['/new/**'] });
    manager.processEvent({ type: 'disconnected', peer: 'b', reason: 'gone' });
    expect(manager.shouldForward('/new/x')).toBe(false);
    expect(manager.peerInfo('b')).toMatchObject({ state: 'disconnected', namespaces: [] });
    expect([manager.peerCount(), manager.activePeers().length]).toEqual([1, 0]);
    expect(manager.removePeer('b')).toBe(true);
    expect(manager.peerCount()).toBe(0);
  });

  it('keeps no more peers than its bound, those that are away going first', () => {
    const manager = managerOf();
    const { routersMax } = federationLimits;
    for (let i = 0; i < routersMax; i += 1) {
      manager.processEvent({ type: 'connected', peer: `p${i}` });
    }
    manager.processEvent({ type: 'disconnected', peer: 'p7', reason: '' });
    manager.processEvent({ type: 'connected', peer: 'one more' });
    expect(manager.peerCount()).toBe(routersMax);
    expect(manager.peerInfo('p7')).toBeUndefined();
    manager.processEvent({ type: 'connected', peer: 'and one' });
    expect(manager.peerCount()).toBe(routersMax);
  });

  it('gives its receiver once', () => {
    const manager = managerOf();
    expect(manager.takeEventReceiver()).toBeDefined();
    expect(manager.takeEventReceiver()).toBeUndefined();
  });

  it('has no link without a router', () => {
    expect(() => managerOf().createLink({} as never)).toThrow('not started');
  });
});

describe('namespaces', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['/a/**', '/a/**', true],
    ['/a/**', '/a/b', true],
    ['/a/b', '/a', true],
    ['/a/b/**', '/a/c/**', false],
    ['/a/*/x', '/a/*/y', true],
    ['/*/x', '/b/**', true],
    ['/a', '/ab', false],
    ['/a/zone5*', '/a/zone6', true],
  ];

  it.each(table)('%s and %s overlap: %s', (one, other, expected) => {
    expect(overlaps(one, other)).toBe(expected);
    expect(overlaps(other, one)).toBe(expected);
    for (const [held, asked] of [
      [one, other],
      [other, one],
    ] as const) {
      const book = createNamespaceBook();
      book.claim(holder('b'), [held]);
      expect(book.conflict(asked, anybody) !== undefined).toBe(expected);
      expect(namespacesConflict(held, asked)).toBe(expected);
    }
  });

  it('of all that is left stand beside any but themselves', () => {
    const book = createNamespaceBook();
    book.claim(holder('b'), ['/a/**']);
    expect(book.conflict('/**', anybody)).toBeUndefined();
    book.claim(holder('c'), ['/**']);
    expect(book.conflict('/b/**', anybody)).toBeUndefined();
    expect(book.conflict('/**', anybody)).toEqual({ holder: holder('c'), pattern: '/**' });
  });

  it('are what their holders claimed last, whoever claimed what before', () => {
    const pattern = fc
      .array(fc.constantFrom('a', 'b', '*', '**', 'a*'), { minLength: 1, maxLength: 3 })
      .map((segments) => `/${segments.join('/')}`);
    const claim = fc.record({ by: fc.constantFrom('x', 'y', 'z'), patterns: fc.array(pattern) });
    fc.assert(
      fc.property(
        fc.array(claim),
        pattern,
        fc.constantFrom('x', 'nobody'),
        (claims, asked, but) => {
          const book = createNamespaceBook();
          const held = new Map<string, readonly string[]>();
          for (const { by, patterns } of claims) {
            book.claim(holder(by), patterns);
            held.set(by, patterns);
          }
          const clashes = [...held].some(
            ([by, patterns]) =>
              by !== but && patterns.some((theirs) => namespacesConflict(theirs, asked)),
          );
          expect(book.conflict(asked, ({ id }) => id !== but) !== undefined).toBe(clashes);
          const address = asked.replaceAll('*', 'a');
          const found: string[] = [];
          book.match(address, ({ holder: { id } }) => void found.push(id));
          const matching = [...held].flatMap(([by, patterns]) =>
            patterns.filter((theirs) => matcherOf(theirs)(address)).map(() => by),
          );
          expect(found.toSorted()).toEqual(matching.toSorted());
        },
      ),
    );
  });
});

function holder(id: string): Holder {
  return { kind: 'router', id, name: id };
}

function anybody(): boolean {
  return true;
}

describe('the wait before a new attempt', () => {
  it('doubles up to half a minute, and is never twice the same', () => {
    const random = { bytes: () => new Uint8Array(), fraction: () => 1 };
    const waits = [1, 2, 3, 4, 9, 1_000].map((n) => reconnectWaitMs(5_000, n, random));
    expect(waits).toEqual([5_000, 10_000, 20_000, 30_000, 30_000, 30_000]);
    const least = { ...random, fraction: () => 0 };
    expect(reconnectWaitMs(5_000, 2, least)).toBe(5_000);
    expect(reconnectWaitMs(0, 1, least)).toBeGreaterThan(0);
  });
});
