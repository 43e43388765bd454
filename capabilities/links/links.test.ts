import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  serve,
  silentLog,
  utf8,
  type Call,
  type ClusterId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  clusterOf,
  collect,
  createTestSigner,
  nodeOf,
  ungoverned,
} from '../../testkit/test-cluster.ts';
import { createTestKeys } from '../../testkit/test-keys.ts';
import { inviteTtlDefaultMs, invitesOpenMax } from './contract.ts';
import type { InviteRecord } from './keys.ts';
import { createLinkPeer } from './peer-service.ts';
import { createLinks } from './service.ts';
import { readToken } from './token.ts';
import type { LinkPeer, Standing } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const signer = createTestSigner(crypto, 1, 'lubeck');
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);
const gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }) as const,
  authorise: () => undefined,
  record: () => undefined,
};

let clock: HandClock;
let store: KeyValueStore;

beforeEach(() => {
  clock = createHandClock();
  clock.advance(1_700_000_000_000);
  store = createMemoryStore({ clock });
});

async function open(on = store, as = signer) {
  const { links, parts } = createLinks({
    store: on,
    codec,
    crypto,
    clock,
    random: createSeededRandom(7),
    log: silentLog,
    signer: as,
    transport: undefined,
    edge: serve([], gate),
    ...ungoverned(),
    keys: createTestKeys(),
  });
  await parts.records.links.start(new AbortController().signal);
  return { links, parts, peer: createLinkPeer(parts) };
}

function as(cluster: ClusterId): Call {
  return { caller: callerOf(cluster, nodeOf(crypto, 12)) };
}

const used = { code: 'LINK_TOKEN_USED' };
const standing: Standing = { epoch: 0, mine: true, confirmed: false, endpoints: [] };

function nonceOf(token: string): Uint8Array {
  return readToken(codec, crypto, token).nonce;
}

function redeem(
  peer: LinkPeer,
  token: string,
  given: { by?: ClusterId; lastEpoch?: number; standing?: Partial<Standing> } = {},
): Promise<{ standing: Standing }> {
  const input = {
    nonce: nonceOf(token),
    accepterNonce: utf8('b'.repeat(32)),
    lastEpoch: given.lastEpoch ?? 0,
    standing: { ...standing, ...given.standing },
  };
  return peer.redeem(input, as(given.by ?? bergen));
}

describe('an invitation', () => {
  test('makes one link, which is pending until both sides confirm its words', async () => {
    const { links, peer } = await open();
    const { token, expiresMs } = await links.invite({});
    expect(expiresMs).toBe(clock.now() + inviteTtlDefaultMs);
    const answer = await redeem(peer, token);
    expect(answer.standing).toMatchObject({ epoch: 1, mine: true, confirmed: false });
    const { links: all } = await links.list({});
    expect(all).toMatchObject([{ peer: bergen, status: 'pending', mine: true, theirs: true }]);
    const words = all[0]?.checkWords;
    const confirmed = await links.confirm({ peer: bergen, words });
    expect(confirmed).toMatchObject({ confirmedHere: true, confirmedThere: false });
    expect(confirmed.status).toBe('pending');
    await peer.standing({ ...standing, epoch: 1, confirmed: true }, as(bergen));
    const shown = await links.show({ peer: bergen });
    expect(shown).toMatchObject({ confirmedThere: true, status: 'disconnected' });
  });

  test('is used up by whoever comes first: the second is told by whom and when', async () => {
    const { links, peer } = await open();
    const { token } = await links.invite({});
    await redeem(peer, token);
    clock.advance(180_000);
    const second = redeem(peer, token, { by: visby });
    await expect(second).rejects.toMatchObject({
      code: 'LINK_TOKEN_USED',
      message: expect.stringMatching(/used by .* 3 minutes ago/),
    });
    await expect(links.list({})).resolves.toMatchObject({ links: [{ peer: bergen }] });
  });

  test('whose answer was lost may be redeemed again by the same cluster until it confirms', async () => {
    const { links, peer } = await open();
    const { token } = await links.invite({});
    await redeem(peer, token);
    await expect(redeem(peer, token)).resolves.toMatchObject({ standing: { epoch: 1 } });
    expect((await links.list({})).links).toHaveLength(1);
    await expect(redeem(peer, token, { by: visby })).rejects.toMatchObject(used);
    const { checkWords } = await links.confirm({ peer: bergen });
    await expect(redeem(peer, token)).rejects.toMatchObject(used);
    expect((await links.show({ peer: bergen })).checkWords).toBe(checkWords);
  });

  test.each([1, 2])(
    'that two redeem at the same time, at %i node(s), links exactly one',
    async (n) => {
      const [one, two] = [await open(), await open()];
      const { token } = await one.links.invite({});
      const rivals = [bergen, visby, clusterOf(crypto, 15), clusterOf(crypto, 17)];
      const done = await Promise.allSettled(
        rivals.map((by, index) => redeem((index % n === 0 ? one : two).peer, token, { by })),
      );
      const won = done.filter(({ status }) => status === 'fulfilled');
      expect(won).toHaveLength(1);
      for (const each of done) {
        if (each.status === 'rejected') {
          expect(each.reason).toMatchObject({ code: 'LINK_TOKEN_USED' });
        }
      }
      const rows = await collect(one.parts.records.tables.links.rows());
      expect(rows).toHaveLength(1);
    },
  );

  test('that was withdrawn links nobody, and one that was redeemed cannot be withdrawn', async () => {
    const { links, peer } = await open();
    const { id, token } = await links.invite({});
    await links.revoke({ id });
    await expect(redeem(peer, token)).rejects.toMatchObject({ code: 'LINK_TOKEN_REVOKED' });
    await expect(links.inspect({ token })).resolves.toMatchObject({ usable: false });
    await expect(links.revoke({ id })).rejects.toMatchObject(used);
    await expect(links.revoke({ id: 'none' })).rejects.toMatchObject({
      code: 'LINK_TOKEN_UNKNOWN',
    });
    const second = await links.invite({});
    await redeem(peer, second.token);
    await expect(links.revoke({ id: second.id })).rejects.toMatchObject(used);
  });

  test('is worth nothing from the moment at which it expires', async () => {
    const { links, peer } = await open();
    const early = await links.invite({ ttlMs: 60_000 });
    clock.advance(59_999);
    await expect(redeem(peer, early.token)).resolves.toMatchObject({ standing: { epoch: 1 } });
    const late = await links.invite({ ttlMs: 60_000 });
    clock.advance(60_000);
    const refused = redeem(peer, late.token, { by: visby });
    await expect(refused).rejects.toMatchObject({ code: 'LINK_TOKEN_EXPIRED' });
  });

  test('that this cluster never made is LINK_TOKEN_UNKNOWN', async () => {
    const { links } = await open(createMemoryStore({ clock }));
    const { peer } = await open();
    const { token } = await links.invite({});
    await expect(redeem(peer, token)).rejects.toMatchObject({ code: 'LINK_TOKEN_UNKNOWN' });
  });

  test('lies in the store without its nonce: who reads the store cannot redeem it', async () => {
    const { links } = await open();
    const { token } = await links.invite({});
    const nonce = Buffer.from(nonceOf(token));
    const { entries } = await store.scan({ prefix: utf8('') });
    expect(entries.length).toBeGreaterThan(0);
    for (const { key, value } of entries) {
      expect(Buffer.from(key).includes(nonce)).toBe(false);
      expect(Buffer.from(key).includes(nonce.toString('hex'))).toBe(false);
      expect(Buffer.from(value).includes(nonce)).toBe(false);
    }
  });

  test('with serve-only keeps no half here: the link is theirs alone', async () => {
    const { links, peer } = await open();
    const { token } = await links.invite({ serveOnly: true, confirm: true });
    const { standing: said } = await redeem(peer, token);
    expect(said).toMatchObject({ mine: false, confirmed: true });
    const [only] = (await links.list({})).links;
    expect(only).toMatchObject({ mine: false, theirs: true, confirmedHere: true });
  });

  test('is one too many where as many are open as may be', async () => {
    const { links, peer } = await open();
    const tokens: string[] = [];
    for (let i = 0; i < invitesOpenMax; i += 1) {
      tokens.push((await links.invite({})).token);
    }
    await expect(links.invite({})).rejects.toMatchObject({ code: 'LINKS_FULL' });
    await redeem(peer, tokens[0] ?? '');
    await expect(links.invite({})).resolves.toMatchObject({ serveOnly: false });
    clock.advance(inviteTtlDefaultMs);
    await expect(links.invite({})).resolves.toMatchObject({ serveOnly: false });
  });

  test('to a cluster that is linked already is LINK_EXISTS, and stays good for another', async () => {
    const { links, peer } = await open();
    await redeem(peer, (await links.invite({})).token);
    const { token } = await links.invite({});
    await expect(redeem(peer, token)).rejects.toMatchObject({ code: 'LINK_EXISTS' });
    await expect(redeem(peer, token, { by: visby })).resolves.toMatchObject({
      standing: { epoch: 1 },
    });
  });

  test('is redeemed by clusters alone', async () => {
    const { links, peer } = await open();
    const { token } = await links.invite({});
    const input = { nonce: nonceOf(token), accepterNonce: utf8(''), lastEpoch: 0, standing };
    const owner: Call = { caller: { kind: 'owner' } };
    await expect(peer.redeem(input, owner)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('inspecting a token', () => {
  test('tells what it is, and after its use who used it and when', async () => {
    const { links, peer } = await open();
    const { token, expiresMs } = await links.invite({});
    const fresh = await links.inspect({ token });
    expect(fresh).toMatchObject({
      cluster: signer.cluster,
      name: 'lubeck',
      expiresMs,
      usable: true,
    });
    expect(fresh.problem).toBeUndefined();
    const usedMs = clock.now();
    await redeem(peer, token);
    clock.advance(60_000);
    const used = await links.inspect({ token });
    expect(used).toMatchObject({
      usable: false,
      usedBy: bergen,
      usedMs,
      problem: { code: 'LINK_TOKEN_USED' },
    });
  });

  test('tells since when it has expired', async () => {
    const { links } = await open();
    const { token } = await links.invite({});
    clock.advance(inviteTtlDefaultMs + 180_000);
    const report = await links.inspect({ token });
    expect(report).toMatchObject({ usable: false, problem: { code: 'LINK_TOKEN_EXPIRED' } });
    expect(report.problem?.message).toMatch(/expired 3 minutes ago/);
  });

  test('elsewhere tells only what the token itself says', async () => {
    const { links } = await open();
    const { token } = await links.invite({});
    const bergens = createTestSigner(crypto, 11, 'bergen');
    const { links: other } = await open(createMemoryStore({ clock }), bergens);
    await expect(other.inspect({ token })).resolves.toMatchObject({ usable: true, name: 'lubeck' });
    const damaged = other.inspect({ token: `${token}A` });
    await expect(damaged).rejects.toMatchObject({ code: 'LINK_TOKEN_TAMPERED' });
  });
});

describe('accepting', () => {
  test('a token of one’s own is LINK_TO_SELF', async () => {
    const { links } = await open();
    const { token } = await links.invite({});
    await expect(links.accept({ token })).rejects.toMatchObject({ code: 'LINK_TO_SELF' });
  });
});

describe('confirming', () => {
  test('with other words is refused, and leaves the link pending', async () => {
    const { links, peer } = await open();
    await redeem(peer, (await links.invite({})).token);
    const wrong = links.confirm({ peer: bergen, words: 'amber ferry acorn anchor cedar fjord' });
    await expect(wrong).rejects.toMatchObject({ code: 'LINK_WORDS_DIFFER' });
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({ confirmedHere: false });
  });

  test('twice is LINK_NOT_PENDING, and of nobody LINK_NOT_FOUND', async () => {
    const { links, peer } = await open();
    await redeem(peer, (await links.invite({})).token);
    await links.confirm({ peer: bergen });
    const again = links.confirm({ peer: bergen });
    await expect(again).rejects.toMatchObject({
      code: 'LINK_NOT_PENDING',
      fix: expect.stringContaining('hansa link show'),
    });
    const nobody = links.confirm({ peer: 'nobody' });
    await expect(nobody).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
  });
});

describe('how a peer sees the link', () => {
  test('counts where it speaks of this link’s epoch, and of no other', async () => {
    const { links, peer } = await open();
    await redeem(peer, (await links.invite({})).token);
    for (const epoch of [0, 2]) {
      await peer.standing({ epoch, mine: false, confirmed: true, endpoints: [] }, as(bergen));
      await expect(links.show({ peer: bergen })).resolves.toMatchObject({
        theirs: true,
        confirmedThere: false,
      });
    }
    await peer.standing({ epoch: 1, mine: false, confirmed: true, endpoints: [] }, as(bergen));
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({
      theirs: false,
      confirmedThere: true,
    });
  });

  test('never confirms our side for us', async () => {
    const { links, peer } = await open();
    await redeem(peer, (await links.invite({})).token, { standing: { confirmed: true } });
    await peer.standing({ epoch: 1, mine: true, confirmed: true, endpoints: [] }, as(bergen));
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({
      confirmedHere: false,
      status: 'pending',
    });
  });

  test('is nobody’s to tell who has no link, or whose link was closed', async () => {
    const { links, peer } = await open();
    const stranger = peer.standing(standing, as(visby));
    await expect(stranger).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
    await redeem(peer, (await links.invite({})).token);
    await links.close({ peer: bergen });
    const closed = peer.standing(standing, as(bergen));
    await expect(closed).rejects.toMatchObject({ code: 'LINK_CLOSED' });
  });
});

describe('a closed link', () => {
  test('is closed also while the peer is away, and comes back in a later epoch', async () => {
    const { links, peer, parts } = await open();
    await redeem(peer, (await links.invite({})).token);
    const { link } = await links.close({ peer: bergen });
    expect(link).toMatchObject({ status: 'closed', mine: false });
    expect(parts.roster.peers.standing(bergen)).toMatchObject({ active: false, mine: false });
    expect(parts.roster.peers.all()).toEqual([]);
    const again = await redeem(peer, (await links.invite({})).token, { lastEpoch: 5 });
    expect(again.standing.epoch).toBe(6);
    await expect(links.show({ peer: bergen })).resolves.toMatchObject({
      status: 'pending',
      confirmedHere: false,
      epoch: 6,
    });
  });
});

describe('a link changed by two nodes at the same time', () => {
  test('keeps both changes', async () => {
    const [one, two] = [await open(), await open()];
    await redeem(one.peer, (await one.links.invite({})).token);
    await Promise.all([
      one.parts.records.update(bergen, (link) => ({ ...link, confirmedHere: true })),
      two.parts.records.update(bergen, (link) => ({ ...link, confirmedThere: true })),
    ]);
    await expect(one.links.show({ peer: bergen })).resolves.toMatchObject({
      confirmedHere: true,
      confirmedThere: true,
    });
  });
});

test('an invitation record holds no secret and its state', async () => {
  const { links, parts } = await open();
  const { token, id } = await links.invite({});
  const invite: InviteRecord | undefined = await parts.records.invite(nonceOf(token));
  expect(invite).toMatchObject({ id, state: 'open', confirm: false, serveOnly: false });
});
