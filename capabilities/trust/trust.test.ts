import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  clusterIdSchema,
  silentLog,
  type Call,
  type ClusterId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { StandingChange } from '../policies/contract.ts';
import { trustCapability, trustLevels } from './capability.ts';
import {
  blockedMax,
  requestGapMs,
  requestKeptMs,
  requestsMax,
  trustContract,
  trustedMax,
  type Trust,
} from './contract.ts';
import type { Levels } from './levels.ts';
import { trustSuite } from './trust.suite.ts';
import { trustPeerContract, type TrustPeer } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const signer = createTestSigner(crypto, 1, 'lubeck');
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);

let clock: HandClock;
let store: KeyValueStore;
let peers: TestPeers;

beforeEach(() => {
  clock = createHandClock();
  clock.advance(1_700_000_000_000);
  store = createMemoryStore({ clock });
  peers = createTestPeers();
  peers.set(linked(bergen, 'bergen'));
});

interface Opened {
  readonly trust: Trust;
  readonly peer: TrustPeer;
  readonly judging: Levels;
}

async function open(): Promise<Opened> {
  const judging = trustLevels({ store, codec, clock });
  const { trust, capability: made } = trustCapability({
    store,
    codec,
    clock,
    log: silentLog,
    signer,
    peers,
    judging,
    reaching: { meet: () => Promise.reject(new Error('nobody is visited here')) },
    forecast: ({ cluster, trust }: StandingChange) => ({
      truncated: false,
      rows:
        trust === 'blocked'
          ? [
              {
                change: 'loses',
                peer: cluster,
                peerName: 'bergen',
                resource: 'git/hansa' as never,
                verbs: ['see'],
              },
            ]
          : [],
    }),
  });
  await made.start(new AbortController().signal);
  const peer = made.servesPeers[0]?.service as TrustPeer;
  return { trust, peer, judging };
}

function as(cluster: ClusterId): Call {
  return { caller: callerOf(cluster, nodeOf(crypto, 12)) };
}

const numbered = (at: number): ClusterId =>
  clusterIdSchema.parse((at + 1).toString(16).padStart(64, '0'));

const everyRoad = roads<Trust>(trustContract, async () => {
  const { trust, peer } = await open();
  await peer.request({ message: 'Grace of visby' }, as(visby));
  return trust;
});
everyRoad.forEach((road) => trustSuite(road, { bergen, visby, own: signer.cluster }));

describe('levels', () => {
  test('survive a restart, and tell whoever listens', async () => {
    const { trust, judging } = await open();
    const told: ClusterId[] = [];
    judging.levels.subscribe((cluster) => told.push(cluster));
    const before = judging.levels.generation;
    await trust.set({ peer: bergen, level: 'blocked', note: 'a stolen key' });
    expect(told).toEqual([bergen]);
    expect(judging.levels.generation).toBeGreaterThan(before);
    const again = await open();
    expect(again.judging.levels.level(bergen)).toBe('blocked');
    expect(again.judging.levels.level(visby)).toBe('public');
    expect(again.judging.levels.judged()).toEqual([bergen]);
    expect((await again.trust.list({})).judgements[0]).toMatchObject({ note: 'a stolen key' });
  });

  test.each([
    ['trusted', trustedMax],
    ['blocked', blockedMax],
  ] as const)('%s are at most %i, and one more is told so', async (level, max) => {
    const { trust, judging } = await open();
    for (let at = 0; at < max; at += 1) {
      await judging.set(numbered(at), level, undefined);
    }
    const over = trust.set({ peer: bergen, level });
    await expect(over).rejects.toMatchObject({ code: 'TRUST_FULL' });
    // Whoever is on the list already may be said again, and the other list has room.
    await trust.set({ peer: numbered(0), level, note: 'still' });
    await trust.set({ peer: bergen, level: level === 'trusted' ? 'blocked' : 'trusted' });
    expect((await trust.list({})).judgements).toHaveLength(max + 1);
  });

  test('hold their bounds whoever sets them at the same time', async () => {
    const [one, two] = [await open(), await open()];
    for (let at = 0; at < trustedMax - 5; at += 1) {
      await one.judging.set(numbered(at), 'trusted', undefined);
    }
    const more = Array.from({ length: 20 }, (_, at) =>
      (at % 2 === 0 ? one : two).judging.set(numbered(1_000 + at), 'trusted', undefined),
    );
    const done = await Promise.allSettled(more);
    expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect((await one.trust.list({})).judgements).toHaveLength(trustedMax);
  });

  test('are what was said last of each cluster', async () => {
    const step = fc.record({
      at: fc.nat(4),
      level: fc.constantFrom('trusted' as const, 'blocked' as const, 'public' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        store = createMemoryStore({ clock });
        const { judging } = await open();
        const model = new Map<ClusterId, string>();
        for (const { at, level } of steps) {
          await judging.set(numbered(at), level, undefined);
          model.set(numbered(at), level);
        }
        for (let at = 0; at < 5; at += 1) {
          expect(judging.levels.level(numbered(at))).toBe(model.get(numbered(at)) ?? 'public');
        }
        const wanted = [...model].filter(([, level]) => level !== 'public').map(([id]) => id);
        expect(new Set(judging.levels.judged())).toEqual(new Set(wanted));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a request for trust', () => {
  const message = 'Grace of visby, as agreed';

  test('waits for an hour, over a restart as well, and then no longer', async () => {
    const { peer } = await open();
    await peer.request({ message }, as(visby));
    const { trust } = await open();
    const requestedMs = clock.now();
    const waiting = {
      cluster: visby,
      message,
      requestedMs,
      expiresMs: requestedMs + requestKeptMs,
    };
    expect((await trust.requests({})).requests).toEqual([waiting]);
    clock.advance(requestKeptMs - 1);
    expect((await trust.requests({})).requests).toHaveLength(1);
    clock.advance(1);
    expect((await trust.requests({})).requests).toEqual([]);
    const late = trust.accept({ peer: visby });
    await expect(late).rejects.toMatchObject({ code: 'TRUST_REQUEST_NOT_FOUND' });
  });

  test('is one for each cluster: a later one takes the place of the one before', async () => {
    const { peer, trust } = await open();
    await peer.request({ message: 'first' }, as(bergen));
    const hasty = peer.request({ message: 'second' }, as(bergen));
    await expect(hasty).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      facts: { retryAfterSeconds: requestGapMs / 1_000 },
    });
    clock.advance(requestGapMs);
    await peer.request({ message: 'third' }, as(bergen));
    expect((await trust.requests({})).requests).toMatchObject([
      { name: 'bergen', message: 'third' },
    ]);
  });

  test('of who is trusted or blocked is not listened to, and answered alike', async () => {
    const { peer, trust } = await open();
    const answers = [await peer.request({ message }, as(visby))];
    await trust.reject({ peer: visby });
    await trust.set({ peer: visby, level: 'trusted' });
    await trust.set({ peer: bergen, level: 'blocked' });
    answers.push(await peer.request({ message }, as(visby)));
    answers.push(await peer.request({ message }, as(bergen)));
    expect(answers).toEqual([{}, {}, {}]);
    await trust.set({ peer: visby, level: 'public' });
    await trust.set({ peer: bergen, level: 'public' });
    expect((await trust.requests({})).requests).toEqual([]);
  });

  test('waits no longer when its cluster is blocked meanwhile', async () => {
    const { peer, trust } = await open();
    await peer.request({ message }, as(visby));
    await trust.set({ peer: visby, level: 'blocked' });
    expect((await trust.requests({})).requests).toEqual([]);
  });

  test('finds a table of strangers full, and a linked cluster finds its place in it', async () => {
    const { peer, trust } = await open();
    for (let at = 0; at < requestsMax; at += 1) {
      await peer.request({ message: '' }, as(numbered(at)));
      clock.advance(1_000);
    }
    const stranger = peer.request({ message }, as(visby));
    await expect(stranger).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      facts: { retryAfterSeconds: (requestKeptMs - requestsMax * 1_000) / 1_000 },
    });
    await peer.request({ message }, as(bergen));
    const { requests } = await trust.requests({});
    expect(requests).toHaveLength(requestsMax);
    expect(requests.map(({ cluster }) => cluster)).not.toContain(numbered(0));
    expect(requests.at(-1)).toMatchObject({ cluster: bergen });
    clock.advance(requestKeptMs);
    await peer.request({ message }, as(visby));
    expect((await trust.requests({})).requests).toHaveLength(1);
  });

  test('is refused whole where its message is longer than a person reads', async () => {
    const { peer } = await open();
    const served = [{ contract: trustPeerContract, service: peer }];
    const carrier = carrierTo(served, callerOf(visby, nodeOf(crypto, 14)));
    const ask = (text: string): Promise<unknown> =>
      carrier.call(trustPeerContract, 'request', { message: text }, {});
    await expect(ask('x'.repeat(1_025))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await ask('x'.repeat(1_024));
  });

  test('of ours goes over the link, and to nobody whom we do not know', async () => {
    const far = await open();
    store = createMemoryStore({ clock });
    const served = [{ contract: trustPeerContract, service: far.peer }];
    peers.set(linked(bergen, 'bergen'), carrierTo(served, callerOf(visby, nodeOf(crypto, 14))));
    const { trust } = await open();
    await trust.request({ peer: 'bergen', message: 'we are visby' });
    expect((await far.trust.requests({})).requests).toMatchObject([
      { cluster: visby, message: 'we are visby' },
    ]);
    const nobody = trust.request({ peer: 'nobody' });
    await expect(nobody).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
  });
});
