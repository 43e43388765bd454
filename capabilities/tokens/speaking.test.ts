import type { AccessControl } from '@hansa/capabilities/access/contract';
import { HansaError, type Caller, type Principal } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { linked, settled } from '../../testkit/test-cluster.ts';
import { refused } from '../../testkit/test-tokens.ts';
import {
  bergen,
  crypto,
  lubeck,
  riga,
  startedClock,
  tokenFederation,
  wayTo,
  type TokenCluster,
} from '../../testkit/token-clusters.ts';
import type { IssueRequest, TokenCaller } from './contract.ts';
import { createHolder } from './holder.ts';
import { tokenPeerContract } from './wire.ts';

const anna = 'user:anna' as Principal;
const own = createHolder({ crypto, random: createSeededRandom(9), clock: startedClock() });
const seed = '05'.repeat(32);
const key = own.holderOf(seed);

function session(principal: Principal = anna): Caller {
  return { kind: 'principal', principal, proof: 'session:1', expiresMs: 2_000_000_000_000 };
}

function enter({ authority }: TokenCluster, token: string, seeds?: string): TokenCaller {
  const at = { method: 'GET', path: '/links' };
  const possession =
    seeds === undefined ? undefined : { ...at, proof: own.prove({ token, seed: seeds, ...at }) };
  return authority.authenticate({ token, possession });
}

const everything: AccessControl = {
  authorise: () => undefined,
  decide: () => ({ allowed: true, reason: 'all may', policies: [], roles: [] }),
  requireGrantable(caller, scopes) {
    if (caller?.kind === 'principal' && scopes.some((scope) => scope !== 'api:kv.read')) {
      throw new HansaError('GRANT_WIDENED', 'that is more than anna has');
    }
  },
  requireStandIn(caller, principal) {
    if (caller?.kind === 'principal' && principal === 'user:chief') {
      throw new HansaError('GRANT_WIDENED', 'the chief may more than anna');
    }
  },
  requireChanges: () => undefined,
  scopesOf: () => ['api:kv.read', 'api:kv.write', 'api:links.read', 'see:*:**'],
  subscribe: () => () => undefined,
};

describe('a token that speaks for somebody', () => {
  test('is taken where it says, as that principal of their home, and nowhere else', async () => {
    const made = await tokenFederation();
    const asked = { at: ['bergen', 'lubeck'], caps: ['api:*'] };
    const { token, speaksFor, audience } = await made.lubeck.tokens.issueOwn(asked, {
      caller: session(),
    });
    expect([speaksFor, audience]).toEqual([anna, [`cluster:${bergen}`, `cluster:${lubeck}`]]);
    const there = enter(made.bergen, token);
    expect(there).toMatchObject({ principal: `user:anna@${lubeck}`, holder: 'bearer' });
    expect(enter(made.lubeck, token)).toMatchObject({ principal: anna, holder: 'bearer' });
    expect(() => enter(made.riga, token)).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
    const report = await made.bergen.tokens.check({ token });
    expect(report).toMatchObject({
      usable: true,
      speaksFor: `user:anna@${lubeck}`,
      clusters: [
        { cluster: bergen, name: 'bergen' },
        { cluster: lubeck, name: 'lubeck' },
      ],
    });
    expect(own.inspect(token)).toMatchObject({ speaksFor: `user:anna@${lubeck}` });
  });

  test('is good at home alone where nothing else is said, and lives for an hour', async () => {
    const made = await tokenFederation();
    const { token, expiresMs } = await made.lubeck.tokens.issueOwn({}, { caller: session() });
    expect(expiresMs).toBe(made.clock.now() + 3_600_000);
    expect(enter(made.lubeck, token).principal).toBe(anna);
    expect(() => enter(made.bergen, token)).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
  });

  test('needs no honouring; where that is set, it is the most it may say', async () => {
    const made = await tokenFederation();
    const asked = { at: ['bergen'], caps: ['api:kv.*'] };
    const { token } = await made.lubeck.tokens.issueOwn(asked, { caller: session() });
    expect(enter(made.bergen, token).scopes).toEqual(['api:kv.*']);
    await made.bergen.tokens.honour({ peer: 'lubeck', caps: ['api:kv.read'] });
    expect(() => enter(made.bergen, token)).toThrow(refused('TOKEN_WIDENED'));
    await made.bergen.tokens.honour({ peer: 'lubeck', caps: ['api:*'] });
    expect(enter(made.bergen, token).scopes).toEqual(['api:kv.*']);
  });

  test.each<[string, string, (receiver: TokenCluster) => void]>([
    [
      'a cluster that is not linked',
      'TOKEN_ISSUER',
      ({ peers }) => peers.set({ ...linked(lubeck, 'lubeck'), active: false }),
    ],
    [
      'one that is blocked',
      'TOKEN_ISSUER',
      ({ peers }) => peers.set({ ...linked(lubeck, 'lubeck'), active: false, trust: 'blocked' }),
    ],
    [
      'one in quarantine',
      'TOKEN_ISSUER',
      ({ remarks }) => void remarks.set(lubeck, 'quarantined until noon'),
    ],
    [
      'somebody who is gone',
      'CALLER_UNKNOWN',
      ({ people }) => people.remove(`user:anna@${lubeck}`),
    ],
    [
      'somebody who is disabled',
      'PRINCIPAL_DISABLED',
      ({ people }) => people.put(`user:anna@${lubeck}`, { disabled: true }),
    ],
  ])('of %s is %s, and what it started ends', async (_, code, change) => {
    const made = await tokenFederation();
    const { token } = await made.lubeck.tokens.issueOwn({ at: ['bergen'] }, { caller: session() });
    const { signal } = made.bergen.authority.lapse(enter(made.bergen, token));
    change(made.bergen);
    expect(() => enter(made.bergen, token)).toThrow(refused(code));
    made.bergen.peers.set(linked(riga, 'riga'));
    await settled(() => signal.aborted);
    expect(signal.reason).toMatchObject({ code });
  });

  test('dies with them at home, too', async () => {
    const made = await tokenFederation();
    const { token } = await made.lubeck.tokens.issueOwn({}, { caller: session() });
    const { signal } = made.lubeck.authority.lapse(enter(made.lubeck, token));
    made.lubeck.people.remove(anna);
    expect(() => enter(made.lubeck, token)).toThrow(refused('CALLER_UNKNOWN'));
    expect(signal.reason).toMatchObject({ code: 'CALLER_UNKNOWN' });
  });

  test('is not inherited by somebody who is called the same later', async () => {
    const made = await tokenFederation();
    const { token } = await made.lubeck.tokens.issueOwn({ at: ['bergen'] }, { caller: session() });
    const nameAgain = (sinceMs: number): void =>
      made.bergen.people.put(`user:anna@${lubeck}`, { sinceMs });
    nameAgain(made.clock.now() + 999);
    expect(enter(made.bergen, token).principal).toBe(`user:anna@${lubeck}`);
    nameAgain(made.clock.now() + 1_000);
    expect(() => enter(made.bergen, token)).toThrow(refused('CALLER_UNKNOWN'));
  });

  test('for a key as well needs a proof of it, which counts once', async () => {
    const made = await tokenFederation();
    const asked = { at: ['bergen'], audience: [key], caps: ['api:*'] };
    const { token } = await made.lubeck.tokens.issueOwn(asked, { caller: session() });
    expect(() => enter(made.bergen, token)).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
    const at = { method: 'GET', path: '/links' };
    const possession = { ...at, proof: own.prove({ token, seed, ...at }) };
    const { authority } = made.bergen;
    expect(authority.authenticate({ token, possession })).toMatchObject({
      holder: key,
      principal: `user:anna@${lubeck}`,
    });
    expect(() => authority.authenticate({ token, possession })).toThrow(refused('TOKEN_REPLAYED'));
  });

  test('is narrowed by its key for the same person, at no other cluster', async () => {
    const made = await tokenFederation();
    const asked = { at: ['bergen', 'riga'], audience: [key], caps: ['api:*'], delegable: true };
    const { token } = await made.lubeck.tokens.issueOwn(asked, { caller: session() });
    const narrow = (given: { audience: string[]; subject?: string }) =>
      own.attenuate({ token, seed, caps: ['api:kv.read'], delegable: false, facts: [], ...given });
    const child = narrow({ audience: ['bearer'] });
    expect(enter(made.riga, child.token)).toMatchObject({
      principal: `user:anna@${lubeck}`,
      scopes: ['api:kv.read'],
    });
    const here = narrow({ audience: [`cluster:${bergen}`] });
    expect(enter(made.bergen, here.token).principal).toBe(`user:anna@${lubeck}`);
    expect(() => enter(made.riga, here.token)).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
    expect(() => narrow({ audience: [`cluster:${lubeck}`] })).toThrow(refused('TOKEN_WIDENED'));
    for (const subject of ['user:bob', 'the backup']) {
      expect(() => narrow({ audience: ['bearer'], subject })).toThrow(refused('TOKEN_WIDENED'));
    }
  });

  test('is no cluster’s to show as its own, to keep or to pass on', async () => {
    const made = await tokenFederation();
    const asked = { at: ['lubeck', 'bergen'], caps: ['see:*:**'] };
    const { token } = await made.lubeck.tokens.issueOwn(asked, { caller: session() });
    const shown = wayTo(made.lubeck, 11).watch(
      tokenPeerContract,
      'present',
      { tokens: [token] },
      {},
    );
    const { value } = await shown[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({
      verdicts: [{ taken: false, problem: { code: 'TOKEN_WRONG_AUDIENCE' } }],
    });
    await expect(made.bergen.tokens.add({ token })).rejects.toEqual(
      refused('TOKEN_WRONG_AUDIENCE'),
    );
    expect(() => made.bergen.checks.verify(token)).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
    const passing = { to: riga, caps: ['see:*:**'], ttlMs: 60_000, facts: [] };
    expect(() => made.bergen.checks.pass(token, passing)).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
  });
});

describe('who may have one made', () => {
  const issue = (made: { lubeck: TokenCluster }, request: IssueRequest, caller?: Caller) =>
    made.lubeck.tokens.issue(request, caller === undefined ? {} : { caller });

  test('a principal makes their own, whatever they call it; for others what may be given', async () => {
    const made = await tokenFederation(everything);
    made.lubeck.people.put('service:ci', { clusters: [bergen] });
    const caps = ['api:kv.read'];
    const bearer = { audience: ['bearer'], caps };
    expect((await issue(made, bearer, session())).speaksFor).toBe(anna);
    expect((await issue(made, { for: 'me', caps }, session())).speaksFor).toBe(anna);
    const label = issue(made, { ...bearer, subject: 'backup' }, session());
    await expect(label).rejects.toEqual(refused('INPUT_INVALID'));
    const ci = { for: 'service:ci', ttlMs: 30 * 86_400_000 };
    expect(await issue(made, { ...ci, caps }, session())).toMatchObject({
      speaksFor: 'service:ci',
      expiresMs: made.clock.now() + 30 * 86_400_000,
    });
    const wide = issue(made, { ...ci, caps: ['api:kv.write'] }, session());
    await expect(wide).rejects.toEqual(refused('GRANT_WIDENED'));
    // What it may elsewhere nobody knows here: the owner alone makes it.
    const elsewhere = { ...ci, caps, at: ['bergen'] };
    const far = issue(made, elsewhere, session());
    await expect(far).rejects.toEqual(refused('GRANT_WIDENED'));
    expect((await issue(made, elsewhere)).speaksFor).toBe('service:ci');
    const said = issue(made, { ...bearer, subject: 'service:ci' }, session());
    expect((await said).speaksFor).toBe('service:ci');
  });

  test('nobody makes one that speaks for somebody who may more than they', async () => {
    const made = await tokenFederation(everything);
    made.lubeck.people.put('user:chief', {});
    const asked = { for: 'chief', caps: ['api:kv.read'] };
    await expect(issue(made, asked, session())).rejects.toEqual(refused('GRANT_WIDENED'));
    expect((await issue(made, asked)).speaksFor).toBe('user:chief');
  });

  test('whoever comes with a token gives no more and for no longer than that, to nobody else', async () => {
    const made = await tokenFederation(everything);
    made.lubeck.people.put('user:bob', {});
    const ask = { audience: ['bearer'], caps: ['api:kv.read', 'api:tokens.write'], ttlMs: 60_000 };
    const { token } = await issue(made, ask, session());
    const caller = enter(made.lubeck, token);
    const child = await issue(made, { for: 'me' }, caller);
    expect(child).toMatchObject({ speaksFor: anna, expiresMs: made.clock.now() + 60_000 });
    expect(child.caps).toEqual(ask.caps);
    const wide = issue(made, { caps: ['api:*'] }, caller);
    await expect(wide).rejects.toEqual(refused('TOKEN_WIDENED'));
    const alone = await tokenFederation();
    alone.lubeck.people.put('user:bob', {});
    const other = issue(alone, { for: 'bob', caps: ['api:kv.read'] }, session());
    await expect(other).rejects.toEqual(refused('FORBIDDEN'));
  });

  test('where a cluster was not chosen for somebody, the fix adds it to those that were', async () => {
    const made = await tokenFederation();
    made.lubeck.people.put('user:bob', { clusters: [bergen] });
    await expect(issue(made, { for: 'bob', at: ['riga'] })).rejects.toMatchObject({
      code: 'TOKEN_CLUSTER_REFUSED',
      fix: 'hansa user set bob --cluster bergen --cluster riga',
    });
    await expect(issue(made, { for: 'service:nix' })).rejects.toMatchObject({
      code: 'PRINCIPAL_UNKNOWN',
      fix: 'hansa service list',
    });
  });

  test.each<[string, string, IssueRequest]>([
    ['nobody who is known', 'PRINCIPAL_UNKNOWN', { for: 'eve' }],
    ['somebody who is disabled', 'PRINCIPAL_DISABLED', { for: 'dora' }],
    [
      'a cluster that was not chosen for them',
      'TOKEN_CLUSTER_REFUSED',
      { for: 'bob', at: ['riga'] },
    ],
    ['a cluster that nobody knows', 'LINK_NOT_FOUND', { for: 'anna', at: ['oslo'] }],
    ['somebody of another cluster', 'FORBIDDEN', { for: `user:anna@${bergen}` }],
    ['a cluster', 'INPUT_INVALID', { for: `cluster:${bergen}` }],
    ['the owner, who is nobody', 'FORBIDDEN', { for: 'me' }],
    ['nobody and no holder', 'INPUT_INVALID', { caps: ['api:*'] }],
    [
      'nobody at a place',
      'INPUT_INVALID',
      { audience: ['bearer'], at: ['bergen'], caps: ['api:*'] },
    ],
    ['nobody without scopes', 'INPUT_INVALID', { audience: ['bearer'] }],
    ['somebody, delegable without a key', 'TOKEN_MALFORMED', { for: 'anna', delegable: true }],
  ])('none is made for %s: %s', async (_, code, request) => {
    const made = await tokenFederation();
    made.lubeck.people.put('user:bob', { clusters: [bergen] });
    made.lubeck.people.put('user:dora', { disabled: true });
    await expect(issue(made, request)).rejects.toEqual(refused(code));
    expect((await made.lubeck.tokens.list({})).tokens).toEqual([]);
  });

  test('none is made here for who comes from elsewhere, and none for a cluster or a stranger', async () => {
    const made = await tokenFederation();
    const { token } = await made.lubeck.tokens.issueOwn({ at: ['bergen'] }, { caller: session() });
    const caller = enter(made.bergen, token);
    await expect(made.bergen.tokens.issueOwn({}, { caller })).rejects.toEqual(refused('FORBIDDEN'));
    for (const kind of ['anonymous', 'owner'] as const) {
      const call = { caller: { kind } };
      await expect(made.lubeck.tokens.issueOwn({}, call)).rejects.toEqual(refused('FORBIDDEN'));
    }
  });

  test('says what its principal may where nothing is said', async () => {
    const made = await tokenFederation(everything);
    const { caps } = await made.lubeck.tokens.issueOwn({}, { caller: session() });
    expect(caps).toEqual(['api:kv.*', 'api:links.read']);
    const plain = await tokenFederation();
    expect((await plain.lubeck.tokens.issueOwn({}, { caller: session() })).caps).toEqual(['api:*']);
  });

  test('one sees and ends one’s own, and nobody else’s', async () => {
    const made = await tokenFederation();
    const { tokens } = made.lubeck;
    made.lubeck.people.put('user:bob', {});
    const bob = session('user:bob' as Principal);
    const mine = await tokens.issueOwn({}, { caller: session() });
    const his = await tokens.issueOwn({}, { caller: bob });
    const seen = await tokens.own({}, { caller: session() });
    expect(seen.tokens.map(({ jti }) => jti)).toEqual([mine.jti]);
    const stolen = tokens.revokeOwn({ jti: his.jti }, { caller: session() });
    await expect(stolen).rejects.toEqual(refused('TOKEN_NOT_FOUND'));
    await tokens.revokeOwn({ jti: mine.jti }, { caller: session() });
    expect(() => enter(made.lubeck, mine.token)).toThrow(refused('TOKEN_REVOKED'));
    expect(enter(made.lubeck, his.token).principal).toBe('user:bob');
  });
});
