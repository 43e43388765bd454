import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { remote, type Caller, type Principal } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, test } from 'vitest';
import {
  callerOf,
  carrierTo,
  clusterOf,
  collect,
  linked,
  nodeOf,
  settled,
} from '../../testkit/test-cluster.ts';
import { refused } from '../../testkit/test-tokens.ts';
import {
  bergen,
  crypto,
  lubeck,
  makeTokenCluster,
  riga,
  startedClock,
  tokenFederation,
  wayTo,
  type TokenCluster,
} from '../../testkit/token-clusters.ts';
import {
  followedPerPeerMax,
  followsPerPeerMax,
  tokenTtlMaxMs,
  type IssuedToken,
} from './contract.ts';
import { createFollowed } from './followed.ts';
import { tokenTables } from './keys.ts';
import { revocationsPeerContract, toldPerItemMax, type RevocationsPeer } from './wire.ts';

const caller: Caller = {
  kind: 'principal',
  principal: 'user:anna' as Principal,
  proof: 'session:1',
  expiresMs: 2_000_000_000_000,
};

const forBoth = { at: ['bergen', 'riga'], caps: ['api:*'] };

function issued(at: TokenCluster, given: { readonly at?: string[] } = {}): Promise<IssuedToken> {
  return at.tokens.issueOwn({ ...forBoth, ...given }, { caller });
}

function taken({ authority }: TokenCluster, { token }: IssuedToken): boolean {
  try {
    authority.authenticate({ token });
    return true;
  } catch {
    return false;
  }
}

async function follow(
  to: TokenCluster,
  from: number,
): Promise<{ next(): Promise<readonly string[]>; leave(): Promise<void> }> {
  const wire = remote(revocationsPeerContract, wayTo(to, from));
  const leaving = new AbortController();
  const items = wire.follow({}, { signal: leaving.signal })[Symbol.asyncIterator]();
  return {
    async next() {
      const { value } = await items.next();
      const { revoked } = value as { revoked: readonly { jti: string }[] };
      return revoked.map(({ jti }) => jti);
    },
    async leave() {
      leaving.abort();
      await items.return?.();
    },
  };
}

describe('a revocation', () => {
  test('reaches every cluster the token was made for, and ends what goes on there', async () => {
    const made = await tokenFederation();
    const token = await issued(made.lubeck);
    const signals = [made.bergen, made.riga].map(
      ({ authority }) => authority.lapse(authority.authenticate({ token: token.token })).signal,
    );
    await made.lubeck.tokens.revoke({ jti: token.jti });
    await settled(() => signals.every(({ aborted }) => aborted));
    expect(signals.map(({ reason }) => (reason as { code: string }).code)).toEqual([
      'TOKEN_REVOKED',
      'TOKEN_REVOKED',
    ]);
    expect(() => made.bergen.authority.authenticate(token)).toThrow(refused('TOKEN_REVOKED'));
    expect(await made.bergen.tokens.check(token)).toMatchObject({
      problem: { code: 'TOKEN_REVOKED' },
    });
  });

  test('reaches one that was away when it is back, and stays through a restart without its home', async () => {
    const made = await tokenFederation();
    const token = await issued(made.lubeck);
    const away = await made.bergen.restart();
    away.peers.set(linked(lubeck, 'lubeck'));
    await made.lubeck.tokens.revoke({ jti: token.jti });
    await settled(() => !taken(made.riga, token));
    expect(taken(away, token)).toBe(true);
    away.peers.set(linked(lubeck, 'lubeck'), wayTo(made.lubeck, 11));
    await settled(() => !taken(away, token));
    const again = await away.restart();
    again.peers.set(linked(lubeck, 'lubeck'));
    expect(() => again.authority.authenticate(token)).toThrow(refused('TOKEN_REVOKED'));
  });

  test('of what speaks for somebody is told to no cluster that it was not made for', async () => {
    const { lubeck: home } = await tokenFederation();
    const elsewhere = await issued(home, { at: ['bergen'] });
    const atHome = await issued(home, { at: ['lubeck'] });
    const both = await issued(home);
    const label = await home.tokens.issue({ audience: ['bearer'], caps: ['app:a'] });
    for (const { jti } of [elsewhere, atHome, both, label]) {
      await home.tokens.revoke({ jti });
    }
    const toRiga = await follow(home, 21);
    expect(new Set(await toRiga.next())).toEqual(new Set([both.jti, label.jti]));
    const late = await issued(home, { at: ['bergen'] });
    const last = await issued(home);
    await home.tokens.revoke({ jti: late.jti });
    await home.tokens.revoke({ jti: last.jti });
    expect(await toRiga.next()).toEqual([last.jti]);
    await toRiga.leave();
  });

  test('is told to nobody who is not linked', async () => {
    const { lubeck: home } = await tokenFederation();
    const stranger = await follow(home, 31);
    await expect(stranger.next()).rejects.toEqual(refused('LINK_NOT_FOUND'));
  });

  test('is told over a few streams at a time, and in items of a bounded length', async () => {
    const { lubeck: home } = await tokenFederation();
    const issuing = Array.from({ length: toldPerItemMax + 1 }, () =>
      home.tokens.issue({ audience: ['bearer'], caps: ['app:a'] }),
    );
    for (const { jti } of await Promise.all(issuing)) {
      await home.tokens.revoke({ jti });
    }
    // bergen itself follows over one of them.
    const streams = await Promise.all(
      Array.from({ length: followsPerPeerMax - 1 }, () => follow(home, 11)),
    );
    for (const stream of streams) {
      expect(await stream.next()).toHaveLength(toldPerItemMax);
      expect(await stream.next()).toHaveLength(1);
    }
    const oneMore = await follow(home, 11);
    await expect(oneMore.next()).rejects.toEqual(refused('RATE_LIMITED'));
    await streams[0]?.leave();
    await settled(async () => {
      const again = await follow(home, 11);
      return again.next().then(
        () => true,
        () => false,
      );
    });
    await Promise.all(streams.map((stream) => stream.leave()));
  });

  test('takes what was issued by way of the token at another cluster down with it', async () => {
    const made = await tokenFederation();
    const caps = ['api:tokens.write', 'app:a'];
    await made.bergen.tokens.honour({ peer: 'lubeck', caps });
    const root = await made.lubeck.tokens.issue({ audience: ['bearer'], caps });
    const by = made.bergen.authority.authenticate({ token: root.token });
    const ask = { audience: ['bearer'], caps: ['app:a'] };
    const child = await made.bergen.tokens.issue(ask, { caller: by });
    expect(taken(made.bergen, child)).toBe(true);
    await made.lubeck.tokens.revoke({ jti: root.jti });
    await settled(() => !taken(made.bergen, child));
    expect(taken(made.bergen, root)).toBe(false);
  });
});

describe('a hostile peer', () => {
  /** What riga says of revocations, in place of what it would. */
  function lying(told: () => ReturnType<RevocationsPeer['follow']>): RevocationsPeer {
    return { follow: () => told() };
  }

  function linkLiar(to: TokenCluster, service: RevocationsPeer): void {
    const served = [{ contract: revocationsPeerContract, service }];
    const way = carrierTo(served, callerOf(bergen, nodeOf(crypto, 12)));
    to.peers.set(linked(riga, 'riga'), way);
  }

  test('revokes its own tokens and no others', async () => {
    const made = await tokenFederation();
    const token = await issued(made.lubeck);
    let told = false;
    const service = lying(async function* () {
      yield { revoked: [{ jti: token.jti, untilMs: made.clock.now() + 60_000 }] };
      told = true;
    });
    const receiver = await made.bergen.restart();
    receiver.peers.set(linked(lubeck, 'lubeck'));
    linkLiar(receiver, service);
    await settled(() => told);
    expect(taken(receiver, token)).toBe(true);
  });

  test('that takes back more than anybody issues is not believed any more, and fills nothing', async () => {
    const clock = startedClock();
    const store = createMemoryStore({ clock });
    const tables = tokenTables(store, createMsgpackCodec());
    const rowOf = (at: number) => ({
      root: lubeck,
      jti: String(at).padStart(22, '0'),
      untilMs: clock.now() + tokenTtlMaxMs,
    });
    const rows = Array.from({ length: followedPerPeerMax - 1 }, (_, at) => rowOf(at));
    for (let at = 0; at < rows.length; at += store.limits.transactionOpsMax) {
      const some = rows.slice(at, at + store.limits.transactionOpsMax);
      await store.batchWrite(some.map((row) => tables.followed.put([row.root, row.jti], row)));
    }
    const made = await tokenFederation(undefined, store);
    const token = await issued(made.lubeck);
    expect(taken(made.bergen, token)).toBe(true);
    const others = await Promise.all([issued(made.lubeck), issued(made.lubeck)]);
    for (const { jti } of others) {
      await made.lubeck.tokens.revoke({ jti });
    }
    await settled(() => !taken(made.bergen, token));
    expect(() => made.bergen.authority.authenticate(token)).toThrow(refused('TOKEN_ISSUER'));
    expect(await collect(tables.followed.rows())).toHaveLength(followedPerPeerMax);
    made.clock.advance(tokenTtlMaxMs + 3_600_000);
    await settled(async () => {
      const first = await tables.followed.rows()[Symbol.asyncIterator]().next();
      return first.done === true;
    });
  });

  test('that never ends is left after so many entries, and asked again a second later', async () => {
    const { bergen: before } = await tokenFederation();
    const receiver = await before.restart();
    let asked = 0;
    let items = 0;
    const service = lying(async function* () {
      asked += 1;
      for (items = 0; ; items += 1) {
        yield { revoked: [] };
      }
    });
    linkLiar(receiver, service);
    await settled(() => items >= 2 * followedPerPeerMax);
    expect([asked, items]).toEqual([1, 2 * followedPerPeerMax]);
    receiver.clock.advance(1_000);
    await settled(() => asked === 2);
  });

  test('cannot have a revocation kept for longer than a token may live', async () => {
    const { clock } = await makeTokenCluster();
    const store = createMemoryStore({ clock });
    const tables = tokenTables(store, createMsgpackCodec());
    const followed = createFollowed({
      store,
      clock,
      tables,
      rows: {
        rows: new Map(),
        generation: 0,
        find: () => undefined,
        reached: async () => undefined,
        subscribe: () => () => undefined,
        start: async () => undefined,
      },
    });
    const jti = 'j'.repeat(22);
    const told = [
      { jti, untilMs: Number.MAX_SAFE_INTEGER },
      { jti: 'k'.repeat(22), untilMs: clock.now() - 1 },
    ];
    expect(await followed.take(lubeck, told)).toEqual([jti]);
    const [row] = await collect(tables.followed.rows());
    expect(row?.value.untilMs).toBe(clock.now() + tokenTtlMaxMs + 120_000);
  });
});

test('a cluster of an older program is asked again, now and then', async () => {
  const clock = startedClock();
  const receiver = await makeTokenCluster(11, 'bergen', { clock });
  const peer = callerOf(clusterOf(crypto, 11), nodeOf(crypto, 12));
  receiver.peers.set(linked(lubeck, 'lubeck'), carrierTo([], peer));
  await settled(() => receiver.events.some((line) => line.includes('METHOD_UNKNOWN')));
  const count = (): number =>
    receiver.events.filter((line) => line.includes('METHOD_UNKNOWN')).length;
  clock.advance(59_000);
  expect(count()).toBe(1);
  clock.advance(1_000);
  await settled(() => count() === 2);
});
