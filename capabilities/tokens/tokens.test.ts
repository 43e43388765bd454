import { describe, expect, test } from 'vitest';
import { roads } from '../../testkit/roads.ts';
import { linked, settled } from '../../testkit/test-cluster.ts';
import {
  bergen,
  lubeck,
  makeTokenCluster,
  riga,
  tokenPair,
  wayTo,
  type TokenCluster,
} from '../../testkit/token-clusters.ts';
import { presentedPerPeerMax, tokensContract, tokenSkewMs, type Tokens } from './contract.ts';
import { tokensSuite } from './tokens.suite.ts';
import { tokenPeerContract, type TokenPeer } from './wire.ts';

const everyRoad = roads<Tokens>(tokensContract, async () => (await makeTokenCluster()).tokens);
everyRoad.forEach(tokensSuite);

const wanted = { verb: 'pull', kind: 'git', name: 'team-a/one' } as const;
const request = { audience: ['bergen'], caps: ['pull:git:team-a/*'] };

describe('a token for a peer', () => {
  test('is shown by itself, covers what it says for that peer, and nothing for another', async () => {
    const { issuer, holder } = await tokenPair();
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
    const { issuer, holder } = await tokenPair();
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
    const { issuer, holder } = await tokenPair();
    const { token } = await issuer.tokens.issue({ ...request, ttlMs: 60_000 });
    await holder.tokens.add({ token });
    const { presented } = issuer;
    await settled(() => presented.covers(bergen, wanted) !== undefined);
    expect(presented.freshUntilMs()).toBe(issuer.clock.now() + 60_000 + tokenSkewMs);
    issuer.clock.advance(60_000 + tokenSkewMs);
    await settled(() => presented.covers(bergen, wanted) === undefined);
  });

  test('covers nothing when the connection ends, and is shown again on the next', async () => {
    const { issuer, holder, connect } = await tokenPair();
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
    const { issuer } = await tokenPair();
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
    const { issuer } = await tokenPair();
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
    const { issuer, holder } = await tokenPair();
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
    const { issuer, holder } = await tokenPair();
    const { token } = await issuer.tokens.issue({ ...request, ...given });
    await expect(holder.tokens.add({ token })).rejects.toMatchObject({ code });
  });

  test('is one of sixteen at most for one cluster', async () => {
    const { issuer, holder } = await tokenPair();
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
    const { issuer, holder } = await tokenPair();
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

function tokenPeer(to: TokenCluster, from: number): TokenPeer {
  const carrier = wayTo(to, from);
  return {
    present: (input, call = {}) =>
      carrier.watch(tokenPeerContract, 'present', input, call) as ReturnType<TokenPeer['present']>,
  };
}

test('lists are free of what has run out, within the hour', async () => {
  const { tokens, clock } = await makeTokenCluster();
  const { jti } = await tokens.issue({ audience: ['bearer'], caps: ['app:a'], ttlMs: 60_000 });
  await tokens.revoke({ jti });
  clock.advance(3_600_000);
  await settled(async () => (await tokens.revocations({})).revocations.length === 0);
  expect((await tokens.list({})).tokens).toEqual([]);
});

test('no log line ever holds a token', async () => {
  const { issuer, holder } = await tokenPair();
  const { token } = await issuer.tokens.issue({ ...request, delegable: true });
  await holder.tokens.add({ token });
  await settled(() => issuer.presented.covers(bergen, wanted) !== undefined);
  const lines = [...issuer.events, ...holder.events].join('\n');
  expect(lines).toContain('token.issued');
  expect(lines).not.toContain(token.split('.')[1]);
});
