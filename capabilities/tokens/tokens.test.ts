import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog, type Carrier, type KeyValueStore, type Log } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  settled,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import { createTestKeys } from '../../testkit/test-keys.ts';
import { tokensCapability } from './capability.ts';
import {
  presentedPerPeerMax,
  tokensContract,
  tokenSkewMs,
  type TokenAuthority,
  type TokenCaller,
  type Tokens,
} from './contract.ts';
import { createHolder } from './holder.ts';
import { tokensSuite } from './tokens.suite.ts';
import { tokenPeerContract, type TokenPeer } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const lubeck = clusterOf(crypto, 1);
const bergen = clusterOf(crypto, 11);
const riga = clusterOf(crypto, 21);

interface Made extends ReturnType<typeof tokensCapability> {
  readonly tokens: Tokens;
  readonly peers: TestPeers;
  readonly clock: HandClock;
  readonly events: readonly string[];
  restart(): Promise<Made>;
}

interface Ground {
  readonly clock?: HandClock;
  readonly store?: KeyValueStore;
}

function startedClock(): HandClock {
  const clock = createHandClock();
  clock.advance(1_800_000_000_000);
  return clock;
}

async function make(byte = 1, name = 'lubeck', ground: Ground = {}): Promise<Made> {
  const clock = ground.clock ?? startedClock();
  const store = ground.store ?? createMemoryStore({ clock });
  const peers = createTestPeers();
  const events: string[] = [];
  const log: Log = {
    ...silentLog,
    event: (event, fields) => void events.push(JSON.stringify([event, fields])),
    with: () => log,
  };
  const made = tokensCapability({
    store,
    codec,
    clock,
    crypto,
    random: createSeededRandom(byte),
    log,
    signer: createTestSigner(crypto, byte, name),
    peers,
    keys: createTestKeys(),
  });
  const life = new AbortController();
  const { capability } = made;
  await capability.start(life.signal);
  const duties = capability.duties.map(({ run }) => run(life.signal).catch(() => undefined));
  const end = async (): Promise<void> => {
    life.abort();
    await Promise.all(duties);
    await capability.stop();
  };
  onTestFinished(end);
  return {
    ...made,
    tokens: capability.serves[0]?.service as Tokens,
    peers,
    clock,
    events,
    async restart() {
      await end();
      return make(byte, name, { clock, store });
    },
  };
}

const everyRoad = roads<Tokens>(tokensContract, async () => (await make()).tokens);
everyRoad.forEach(tokensSuite);

/** The way from a cluster to what another one lets peers call. */
function wayTo(to: Made, from: number): Carrier {
  const caller = callerOf(clusterOf(crypto, from), nodeOf(crypto, from + 1));
  return carrierTo(to.capability.servesPeers, caller);
}

/** lubeck, which issues, and bergen, which holds; bergen is connected to lubeck. */
async function pair(): Promise<{ issuer: Made; holder: Made; connect(): void }> {
  const clock = startedClock();
  const issuer = await make(1, 'lubeck', { clock });
  const holder = await make(11, 'bergen', { clock });
  issuer.peers.set(linked(bergen, 'bergen'));
  const connect = (): void => holder.peers.set(linked(lubeck, 'lubeck'), wayTo(issuer, 11));
  connect();
  return { issuer, holder, connect };
}

const wanted = { verb: 'pull', kind: 'git', name: 'team-a/one' } as const;
const request = { audience: ['bergen'], caps: ['pull:git:team-a/*'] };

describe('a token for a peer', () => {
  test('is shown by itself, covers what it says for that peer, and nothing for another', async () => {
    const { issuer, holder } = await pair();
    const { token, jti } = await issuer.tokens.issue(request);
    const { presented } = issuer;
    expect(presented.covers(bergen, wanted)).toBeUndefined();
    expect(await holder.tokens.add({ token })).toMatchObject({ jti, presentTo: lubeck });
    await settled(() => presented.covers(bergen, wanted) !== undefined);
    expect(presented.covers(bergen, wanted)).toMatchObject({ tokenId: jti });
    expect(presented.covers(bergen, { ...wanted, name: 'team-b/one' })).toBeUndefined();
    expect(presented.covers(bergen, { ...wanted, verb: 'push' })).toBeUndefined();
    expect(presented.covers(riga, wanted)).toBeUndefined();
    await settled(async () => (await holder.tokens.received({})).tokens[0]?.taken === true);
    expect(JSON.stringify(await holder.tokens.received({}))).not.toContain(token);
  });

  test('covers nothing any more when it is revoked, and its holder is told why', async () => {
    const { issuer, holder } = await pair();
    const { token, jti } = await issuer.tokens.issue(request);
    await holder.tokens.add({ token });
    await settled(() => issuer.presented.covers(bergen, wanted) !== undefined);
    let told = 0;
    issuer.presented.subscribe(() => (told += 1));
    const { generation } = issuer.presented;
    await issuer.tokens.revoke({ jti });
    await settled(() => issuer.presented.covers(bergen, wanted) === undefined);
    expect(issuer.presented.generation).toBeGreaterThan(generation);
    expect(told).toBeGreaterThan(0);
    await settled(async () => {
      const [row] = (await holder.tokens.received({})).tokens;
      return row?.taken === false && row.problem?.code === 'TOKEN_REVOKED';
    });
  });

  test('covers nothing any more when it has run out', async () => {
    const { issuer, holder } = await pair();
    const { token } = await issuer.tokens.issue({ ...request, ttlMs: 60_000 });
    await holder.tokens.add({ token });
    const { presented } = issuer;
    await settled(() => presented.covers(bergen, wanted) !== undefined);
    expect(presented.freshUntilMs()).toBe(issuer.clock.now() + 60_000 + tokenSkewMs);
    issuer.clock.advance(60_000 + tokenSkewMs);
    await settled(() => presented.covers(bergen, wanted) === undefined);
  });

  test('covers nothing when the connection ends, and is shown again on the next', async () => {
    const { issuer, holder, connect } = await pair();
    const { token, jti } = await issuer.tokens.issue(request);
    const stream = new AbortController();
    const wire = tokenPeer(issuer, 11);
    const items = wire.present({ tokens: [token] }, { signal: stream.signal });
    const reading = items[Symbol.asyncIterator]();
    expect((await reading.next()).value).toEqual({ verdicts: [{ taken: true }] });
    expect(issuer.presented.covers(bergen, wanted)).toEqual({
      ...issuer.presented.covers(bergen, wanted),
      tokenId: jti,
    });
    const next = reading.next();
    stream.abort();
    await expect(next).rejects.toMatchObject({ code: 'CANCELLED' });
    await settled(() => issuer.presented.covers(bergen, wanted) === undefined);
    holder.peers.disconnect(lubeck);
    await holder.tokens.add({ token });
    connect();
    await settled(() => issuer.presented.covers(bergen, wanted) !== undefined);
  });

  test('is refused to another cluster that shows it', async () => {
    const { issuer } = await pair();
    const { token } = await issuer.tokens.issue(request);
    const wire = tokenPeer(issuer, 21);
    const shown = wire.present({ tokens: [token, 'no token'] });
    const { value } = await shown[Symbol.asyncIterator]().next();
    expect(value?.verdicts).toMatchObject([
      { taken: false, problem: { code: 'TOKEN_WRONG_AUDIENCE' } },
      { taken: false, problem: { code: 'TOKEN_MALFORMED' } },
    ]);
    expect(issuer.presented.covers(riga, wanted)).toBeUndefined();
    expect(issuer.presented.covers(bergen, wanted)).toBeUndefined();
  });

  test('can be shown over a few streams at a time, and no more', async () => {
    const { issuer } = await pair();
    const { token } = await issuer.tokens.issue(request);
    const wire = tokenPeer(issuer, 11);
    const stop = new AbortController();
    const open = async (): Promise<unknown> =>
      wire
        .present({ tokens: [token] }, { signal: stop.signal })
        [Symbol.asyncIterator]()
        .next();
    for (let at = 0; at < 4; at += 1) {
      await open();
    }
    await expect(open()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    stop.abort();
  });

  test('is kept over a restart, as is what was revoked and honoured', async () => {
    const { issuer, holder } = await pair();
    const { token, jti } = await issuer.tokens.issue(request);
    await holder.tokens.add({ token });
    await issuer.tokens.revoke({ jti });
    await issuer.tokens.honour({ peer: 'bergen', caps: ['app:*'] });
    const again = await issuer.restart();
    expect(await again.tokens.check({ token })).toMatchObject({
      problem: { code: 'TOKEN_REVOKED' },
    });
    expect((await again.tokens.honoured({})).clusters).toMatchObject([{ cluster: bergen }]);
    expect((await (await holder.restart()).tokens.received({})).tokens).toMatchObject([{ jti }]);
  });

  test.each([
    ['TOKEN_WRONG_AUDIENCE', { audience: [`cluster:${riga}`] }],
    ['TOKEN_WRONG_AUDIENCE', { audience: [`key:${bergen}`] }],
  ])('is %s to a cluster it is not for: %j', async (code, given) => {
    const { issuer, holder } = await pair();
    const { token } = await issuer.tokens.issue({ ...request, ...given });
    await expect(holder.tokens.add({ token })).rejects.toMatchObject({ code });
  });

  test('is one of sixteen at most for one cluster', async () => {
    const { issuer, holder } = await pair();
    for (let at = 0; at < presentedPerPeerMax; at += 1) {
      const { token } = await issuer.tokens.issue(request);
      await holder.tokens.add({ token });
    }
    const { token } = await issuer.tokens.issue(request);
    await expect(holder.tokens.add({ token })).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    const [first] = (await holder.tokens.received({})).tokens;
    await holder.tokens.forget({ jti: first?.jti ?? '' });
    await holder.tokens.add({ token });
    await expect(issuer.tokens.add({ token })).rejects.toMatchObject({
      code: 'TOKEN_WRONG_AUDIENCE',
    });
  });

  test('may be narrowed by its holder for a third, who is told apart', async () => {
    const { issuer, holder } = await pair();
    const { token, jti } = await issuer.tokens.issue({ ...request, delegable: true });
    await holder.tokens.add({ token });
    holder.peers.set(linked(riga, 'riga'));
    const ask = { jti, audience: ['riga'], caps: ['pull:git:team-a/one'] };
    const child = await holder.tokens.delegate(ask);
    expect(child.audience).toEqual([`cluster:${riga}`]);
    const wire = tokenPeer(issuer, 21);
    const items = wire.present({ tokens: [child.token] })[Symbol.asyncIterator]();
    expect((await items.next()).value).toEqual({ verdicts: [{ taken: true }] });
    expect(issuer.presented.covers(riga, wanted)).toMatchObject({ tokenId: child.jti });
    const next = items.next();
    await issuer.tokens.revoke({ jti });
    expect((await next).value?.verdicts).toMatchObject([
      { taken: false, problem: { code: 'TOKEN_REVOKED' } },
    ]);
    await expect(
      holder.tokens.delegate({ ...ask, caps: ['pull:git:team-b/*'] }),
    ).rejects.toMatchObject({ code: 'TOKEN_WIDENED' });
  });
});

function tokenPeer(to: Made, from: number): TokenPeer {
  const carrier = wayTo(to, from);
  return {
    present: (input, call = {}) =>
      carrier.watch(tokenPeerContract, 'present', input, call) as ReturnType<TokenPeer['present']>,
  };
}

const own = createHolder({ crypto, random: createSeededRandom(9), clock: startedClock() });
const seed = '05'.repeat(32);

function callerBy(authority: TokenAuthority, token: string): TokenCaller {
  const at = { method: 'GET', path: '/links' };
  return authority.authenticate({
    token,
    possession: { ...at, proof: own.prove({ token, seed, ...at }) },
  });
}

describe('a caller with a token', () => {
  test('may what the scopes say, and is told the scope that it would need', async () => {
    const { tokens, authority } = await make();
    const { token } = await tokens.issue({
      audience: ['bearer'],
      caps: ['api:kv.*', 'api:*.read'],
    });
    const caller = authority.authenticate({ token });
    expect(caller).toMatchObject({ kind: 'token', holder: 'bearer' });
    for (const permission of ['kv.read', 'kv.write', 'links.read']) {
      authority.authorise(caller, permission);
    }
    for (const permission of ['links.write', 'peer', 'kv', 'kv.read.all']) {
      expect(() => authority.authorise(caller, permission)).toThrow(
        expect.objectContaining({ code: 'TOKEN_SCOPE', facts: { permission } }),
      );
    }
  });

  test('proves to be the holder where the token has one', async () => {
    const { tokens, authority } = await make();
    const key = own.principalOf(seed);
    const { token } = await tokens.issue({ audience: [key], caps: ['api:*'] });
    expect(() => authority.authenticate({ token })).toThrow(
      expect.objectContaining({ code: 'TOKEN_WRONG_AUDIENCE' }),
    );
    expect(callerBy(authority, token).holder).toBe(key);
  });

  test('cannot issue more than it has, nor for longer', async () => {
    const { tokens, authority, clock } = await make();
    const caps = ['api:tokens.write', 'api:kv.read'];
    const { token } = await tokens.issue({ audience: ['bearer'], caps, ttlMs: 60_000 });
    const caller = authority.authenticate({ token });
    const bearer = { audience: ['bearer'] };
    for (const wide of ['api:*', 'api:kv.write', 'see:*:**', 'app:*']) {
      const issued = tokens.issue({ ...bearer, caps: [wide] }, { caller });
      await expect(issued).rejects.toMatchObject({ code: 'TOKEN_WIDENED' });
    }
    const made = await tokens.issue({ ...bearer, caps: ['api:kv.read'] }, { caller });
    expect(made.expiresMs).toBe(clock.now() + 60_000);
  });

  test('takes what it has issued down with it', async () => {
    const { tokens, authority } = await make();
    const caps = ['api:tokens.write', 'api:kv.read'];
    const first = await tokens.issue({ audience: ['bearer'], caps });
    const caller = authority.authenticate({ token: first.token });
    const second = await tokens.issue({ audience: ['bearer'], caps }, { caller });
    const again = authority.authenticate({ token: second.token });
    const third = await tokens.issue({ audience: ['bearer'], caps }, { caller: again });
    const { alsoRevoked } = await tokens.revoke({ jti: first.jti });
    expect(new Set(alsoRevoked)).toEqual(new Set([second.jti, third.jti]));
    expect(() => authority.authenticate({ token: third.token })).toThrow(
      expect.objectContaining({ code: 'TOKEN_REVOKED' }),
    );
  });

  test('cannot let another cluster’s tokens count for more than it has', async () => {
    const { tokens, authority, peers } = await make();
    peers.set(linked(bergen, 'bergen'));
    const caps = ['api:tokens.write', 'app:ledger'];
    const { token } = await tokens.issue({ audience: ['bearer'], caps });
    const caller = authority.authenticate({ token });
    await expect(
      tokens.honour({ peer: 'bergen', caps: ['api:*'] }, { caller }),
    ).rejects.toMatchObject({ code: 'TOKEN_WIDENED' });
    await tokens.honour({ peer: 'bergen', caps: ['app:ledger'] }, { caller });
  });

  test('loses what it started when its token is revoked or runs out', async () => {
    const { tokens, authority, clock } = await make();
    const ask = { audience: ['bearer'], caps: ['api:*'], ttlMs: 60_000 };
    const revoked = await tokens.issue(ask);
    const expired = await tokens.issue(ask);
    const lapses = [revoked, expired].map(({ token }) =>
      authority.lapse(authority.authenticate({ token })),
    );
    await tokens.revoke({ jti: revoked.jti });
    await settled(() => lapses[0]?.signal.aborted === true);
    expect(lapses[0]?.signal.reason).toMatchObject({ code: 'TOKEN_REVOKED' });
    expect(lapses[1]?.signal.aborted).toBe(false);
    clock.advance(60_000 + tokenSkewMs);
    await settled(() => lapses[1]?.signal.aborted === true);
    expect(lapses[1]?.signal.reason).toMatchObject({ code: 'TOKEN_EXPIRED' });
  });
});

describe('tokens of another cluster', () => {
  test('count when it is honoured, as far as that reaches, until it is no more', async () => {
    const { issuer, holder } = await pair();
    const ask = { audience: ['bearer'], caps: ['api:kv.read'] };
    const { token } = await holder.tokens.issue(ask);
    const refused = (code: string): void =>
      expect(() => issuer.authority.authenticate({ token })).toThrow(
        expect.objectContaining({ code }),
      );
    refused('TOKEN_FORGED');
    await issuer.tokens.honour({ peer: 'bergen', caps: ['app:*'] });
    refused('TOKEN_WIDENED');
    await issuer.tokens.honour({ peer: 'bergen', caps: ['api:kv.*'] });
    const caller = issuer.authority.authenticate({ token });
    const { signal } = issuer.authority.lapse(caller);
    await issuer.tokens.dishonour({ peer: 'bergen' });
    refused('TOKEN_FORGED');
    await settled(() => signal.aborted);
    await expect(issuer.tokens.dishonour({ peer: 'bergen' })).rejects.toMatchObject({
      code: 'TOKEN_NOT_FOUND',
    });
  });

  test('can be killed here, too', async () => {
    const { issuer, holder } = await pair();
    const { token, jti } = await holder.tokens.issue({ audience: ['bearer'], caps: ['app:a'] });
    await issuer.tokens.honour({ peer: 'bergen', caps: ['app:*'] });
    await issuer.tokens.revoke({ jti });
    expect(() => issuer.authority.authenticate({ token })).toThrow(
      expect.objectContaining({ code: 'TOKEN_REVOKED' }),
    );
  });
});

test('lists are free of what has run out, within the hour', async () => {
  const { tokens, clock } = await make();
  const { jti } = await tokens.issue({ audience: ['bearer'], caps: ['app:a'], ttlMs: 60_000 });
  await tokens.revoke({ jti });
  clock.advance(3_600_000);
  await settled(async () => (await tokens.revocations({})).revocations.length === 0);
  expect((await tokens.list({})).tokens).toEqual([]);
});

test('no log line ever holds a token', async () => {
  const { issuer, holder } = await pair();
  const { token } = await issuer.tokens.issue({ ...request, delegable: true });
  await holder.tokens.add({ token });
  await settled(() => issuer.presented.covers(bergen, wanted) !== undefined);
  const lines = [...issuer.events, ...holder.events].join('\n');
  expect(lines).toContain('token.issued');
  expect(lines).not.toContain(token.split('.')[1]);
});
