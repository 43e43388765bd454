import type { AccessControl } from '@hansa/capabilities/access/contract';
import { HansaError, principal, type Caller } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { linked, settled } from '../../testkit/test-cluster.ts';
import {
  bergen,
  crypto,
  makeTokenCluster,
  startedClock,
  tokenFederation,
  tokenPair,
} from '../../testkit/token-clusters.ts';
import { tokenSkewMs, type TokenAuthority, type TokenCaller } from './contract.ts';
import { createHolder } from './holder.ts';

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
  test('proves to be the holder where the token has one', async () => {
    const { tokens, authority } = await makeTokenCluster();
    const key = own.holderOf(seed);
    const { token } = await tokens.issue({ audience: [key], caps: ['api:*'] });
    expect(() => authority.authenticate({ token })).toThrow(
      expect.objectContaining({ code: 'TOKEN_WRONG_AUDIENCE' }),
    );
    expect(callerBy(authority, token).holder).toBe(key);
  });

  test('cannot issue more than it has, nor for longer', async () => {
    const { tokens, authority, clock } = await makeTokenCluster();
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
    const { tokens, authority } = await makeTokenCluster();
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

  test('of no issued id is revoked all the same, with a word that it was not issued here', async () => {
    const { tokens } = await makeTokenCluster();
    const { jti } = await tokens.issue({ audience: ['bearer'], caps: ['api:kv.read'] });
    expect(await tokens.revoke({ jti })).toMatchObject({ issuedHere: true });
    expect(await tokens.revoke({ jti: 'a'.repeat(22) })).toMatchObject({ issuedHere: false });
    expect((await tokens.revocations({})).revocations).toHaveLength(2);
  });

  test('past its end is still taken for the leeway of clocks, and a check says so', async () => {
    const { tokens, clock } = await makeTokenCluster();
    const caps = ['api:kv.read'];
    const { token } = await tokens.issue({ audience: ['bearer'], caps, ttlMs: 1_000 });
    expect(await tokens.check({ token })).not.toHaveProperty('tolerated');
    clock.advance(2_000);
    expect(await tokens.check({ token })).toMatchObject({ usable: true, tolerated: true });
    clock.advance(tokenSkewMs);
    expect(await tokens.check({ token })).toMatchObject({ usable: false });
  });

  test('cannot let another cluster’s tokens count for more than it has', async () => {
    const { tokens, authority, peers } = await makeTokenCluster();
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
    const { tokens, authority, clock } = await makeTokenCluster();
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

  test('starts nothing when its token was revoked since it came in', async () => {
    const { tokens, authority } = await makeTokenCluster();
    const { token, jti } = await tokens.issue({ audience: ['bearer'], caps: ['api:*'] });
    const caller = authority.authenticate({ token });
    await tokens.revoke({ jti });
    expect(authority.lapse(caller).signal.aborted).toBe(true);
  });
});

describe('tokens of another cluster', () => {
  test('count when it is honoured, as far as that reaches, until it is no more', async () => {
    const { issuer, holder } = await tokenPair();
    const ask = { audience: ['bearer'], caps: ['api:kv.read'] };
    const { token } = await holder.tokens.issue(ask);
    const refused = (code: string): void =>
      expect(() => issuer.authority.authenticate({ token })).toThrow(
        expect.objectContaining({ code }),
      );
    refused('TOKEN_ISSUER');
    await issuer.tokens.honour({ peer: 'bergen', caps: ['app:*'] });
    refused('TOKEN_WIDENED');
    await issuer.tokens.honour({ peer: 'bergen', caps: ['api:kv.*'] });
    const caller = issuer.authority.authenticate({ token });
    const { signal } = issuer.authority.lapse(caller);
    await issuer.tokens.dishonour({ peer: 'bergen' });
    refused('TOKEN_ISSUER');
    await settled(() => signal.aborted);
    await expect(issuer.tokens.dishonour({ peer: 'bergen' })).rejects.toMatchObject({
      code: 'TOKEN_NOT_FOUND',
    });
  });

  test('can be killed here, too', async () => {
    const { issuer, holder } = await tokenPair();
    const { token, jti } = await holder.tokens.issue({ audience: ['bearer'], caps: ['app:a'] });
    await issuer.tokens.honour({ peer: 'bergen', caps: ['app:*'] });
    await issuer.tokens.revoke({ jti });
    expect(() => issuer.authority.authenticate({ token })).toThrow(
      expect.objectContaining({ code: 'TOKEN_REVOKED' }),
    );
  });
});

describe('what this cluster lends', () => {
  const anna: Caller = {
    kind: 'principal',
    principal: principal({ kind: 'user', name: 'anna' }),
    proof: 'session:1',
    expiresMs: 2_000_000_000_000,
  };
  const access: Pick<AccessControl, 'requireGrantable'> = {
    requireGrantable(caller, scopes) {
      if (caller?.kind === 'principal' && scopes.some((scope) => scope !== 'api:kv.read')) {
        throw new HansaError('GRANT_WIDENED', 'that is more than anna has');
      }
    },
  };

  test('to other clusters’ words is no more than whoever honours them has', async () => {
    const { lubeck } = await tokenFederation(access as AccessControl);
    const honour = (caps: readonly string[], caller?: Caller) =>
      lubeck.tokens.honour({ peer: 'bergen', caps }, caller && { caller });
    await expect(honour(['api:*'], anna)).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
    expect((await lubeck.tokens.honoured({})).clusters).toEqual([]);
    await honour(['api:kv.read'], anna);
    await honour(['api:*']);
  });

  test('of what it was given is no more than whoever lends it has', async () => {
    const { lubeck, bergen: there } = await tokenFederation(access as AccessControl);
    const wide = ['api:*'];
    const given = { audience: ['lubeck'], caps: wide, delegable: true };
    const { token } = await there.tokens.issue(given);
    const { jti } = await lubeck.tokens.add({ token });
    const lend = (caps: readonly string[], caller?: Caller) =>
      lubeck.tokens.delegate({ jti, caps, audience: ['bearer'] }, caller && { caller });
    await expect(lend(wide, anna)).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
    await lend(['api:kv.read'], anna);
    await lend(wide);
  });
});
