// Links under judgement: labels that rules speak of, and clusters that are blocked.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { serve, silentLog, utf8, type ClusterId } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  clusterOf,
  createTestSigner,
  nodeOf,
  ungoverned,
  type TestTrust,
} from '../../testkit/test-cluster.ts';
import { createTestKeys } from '../../testkit/test-keys.ts';
import type { StandingChange } from '../policies/contract.ts';
import { labelsMax } from '../resources/contract.ts';
import { createLinkPeer } from './peer-service.ts';
import { uniqueName } from './records.ts';
import { createLinks, type LinksService } from './service.ts';
import { readToken } from './token.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 11);
const gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }) as const,
  authorise: () => undefined,
  record: () => undefined,
};

let trust: TestTrust;
let forecasts: StandingChange[];
let lubeck: LinksService;

beforeEach(async () => {
  const clock = createHandClock();
  clock.advance(1_700_000_000_000);
  const governed = ungoverned();
  trust = governed.trust;
  forecasts = [];
  lubeck = createLinks({
    store: createMemoryStore({ clock }),
    codec,
    crypto,
    clock,
    random: createSeededRandom(7),
    log: silentLog,
    signer: createTestSigner(crypto, 1, 'lubeck'),
    keys: createTestKeys(),
    transport: undefined,
    edge: serve([], gate),
    trust,
    forecast(change) {
      forecasts.push(change);
      return governed.forecast(change);
    },
  });
  await lubeck.parts.records.links.start(new AbortController().signal);
});

async function redeemed(by: ClusterId = bergen): Promise<void> {
  const { token } = await lubeck.links.invite({ confirm: true });
  await createLinkPeer(lubeck.parts).redeem(
    {
      nonce: readToken(codec, crypto, token).nonce,
      accepterNonce: utf8('b'.repeat(32)),
      lastEpoch: 0,
      standing: { epoch: 0, mine: true, confirmed: true, endpoints: [] },
    },
    { caller: callerOf(by, nodeOf(crypto, 12)) },
  );
}

describe('labels of a link', () => {
  test('are written and wiped, seen in its standing, and change what policy caches against', async () => {
    const { links, parts } = lubeck;
    const { peers } = parts.roster;
    await redeemed();
    const before = peers.generation;
    const labels = { region: 'eu', tier: 'gold' };
    await expect(links.label({ peer: bergen, set: labels })).resolves.toMatchObject({ labels });
    expect(peers.standing(bergen).labels).toEqual(labels);
    expect(peers.generation).toBeGreaterThan(before);
    await links.label({ peer: bergen, set: { region: 'us' }, wipe: ['tier', 'region'] });
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({ labels: { region: 'us' } });
  });

  test('are planned with what they would be, and then not written', async () => {
    const { links } = lubeck;
    await redeemed();
    await links.label({ peer: bergen, set: { region: 'eu' } });
    await links.planLabels({ peer: bergen, set: { tier: 'gold' } });
    expect(forecasts).toEqual([{ cluster: bergen, labels: { region: 'eu', tier: 'gold' } }]);
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({ labels: { region: 'eu' } });
  });

  test('outlast the link, as rules for its cluster do', async () => {
    const { links } = lubeck;
    await redeemed();
    await links.label({ peer: bergen, set: { region: 'eu' } });
    await links.close({ peer: bergen });
    await redeemed();
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({
      status: expect.not.stringMatching('closed'),
      labels: { region: 'eu' },
    });
  });

  test('are at most thirty-two; one more is refused, and takes the place of one that goes', async () => {
    const { links } = lubeck;
    await redeemed();
    const many = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`label-${at}`, 'x']));
    const held = async () => (await links.show({ peer: bergen })).labels;
    await links.label({ peer: bergen, set: many(labelsMax) });
    const more = { peer: bergen, set: { more: 'x' } };
    await expect(links.label(more)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(await held()).toEqual(many(labelsMax));
    await links.label({ ...more, wipe: ['label-0'] });
    expect(Object.keys(await held())).toHaveLength(labelsMax);
    expect(await held()).toMatchObject({ more: 'x' });
  });
});

describe('a blocked cluster', () => {
  const blocked = { code: 'CLUSTER_BLOCKED' };

  test('has a link that is shown as blocked, is not active, and cannot be called', async () => {
    const { links, parts } = lubeck;
    const { peers } = parts.roster;
    await redeemed();
    const told: ClusterId[] = [];
    peers.subscribe((peer) => told.push(peer));
    const before = peers.generation;
    trust.set(bergen, 'blocked');
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({ status: 'blocked' });
    expect(peers.standing(bergen)).toMatchObject({ active: false, trust: 'blocked' });
    expect(() => peers.carrier(bergen)).toThrow(expect.objectContaining(blocked));
    expect(() => peers.observer(bergen)).toThrow(expect.objectContaining(blocked));
    expect(told).toEqual([bergen]);
    expect(peers.generation).toBeGreaterThan(before);
    trust.set(bergen, 'public');
    expect(peers.standing(bergen)).toMatchObject({ active: true, trust: 'public' });
  });

  test('redeems no invitation, and leaves it to whoever it was for', async () => {
    trust.set(bergen, 'blocked');
    await expect(redeemed()).rejects.toMatchObject(blocked);
    expect((await lubeck.links.list({})).links).toEqual([]);
  });

  test('is not linked to by a token of its own making', async () => {
    const { clock, random } = lubeck.parts;
    const theirs = createLinks({
      ...lubeck.parts,
      store: createMemoryStore({ clock }),
      signer: createTestSigner(crypto, 11, 'bergen'),
      random,
    });
    const { token } = await theirs.links.invite({});
    trust.set(bergen, 'blocked');
    await expect(lubeck.links.accept({ token })).rejects.toMatchObject(blocked);
  });
});

test.each(['public', 'trusted', 'token'])(
  'no peer is ever called "%s", which in a rule means many',
  (word) => {
    expect(uniqueName(lubeck.parts.records, word, bergen)).toBe(`${word}-${bergen.slice(0, 8)}`);
  },
);
