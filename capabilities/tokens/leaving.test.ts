import type { Caller, Principal } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { settled } from '../../testkit/test-cluster.ts';
import { refused } from '../../testkit/test-tokens.ts';
import { bergen, tokenFederation, type TokenCluster } from '../../testkit/token-clusters.ts';

const anna: Extract<Caller, { kind: 'principal' }> = {
  kind: 'principal',
  principal: 'user:anna' as Principal,
  proof: 'session:1',
  expiresMs: 2_000_000_000_000,
};
const asked = { at: ['bergen', 'lubeck'], caps: ['api:*'] };

test('a token of an account that is gone is on the list that other clusters are told', async () => {
  const made = await tokenFederation();
  const token = await made.lubeck.tokens.issueOwn(asked, { caller: anna });
  made.bergen.authority.authenticate(token);
  // Bergen's copy of the directory stays as it was: the list alone reaches it.
  made.lubeck.people.remove('user:anna');
  await settled(async () => (await made.bergen.tokens.check(token)).problem !== undefined);
  expect(() => made.bergen.authority.authenticate(token)).toThrow(refused('TOKEN_REVOKED'));
});

test('so it is where somebody else took the name, and after a start that nobody looked before', async () => {
  const made = await tokenFederation();
  const token = await made.lubeck.tokens.issueOwn(asked, { caller: anna });
  const { people, clock } = made.lubeck;
  people.put('user:anna', { sinceMs: clock.now() + 60_000, clusters: [bergen] });
  const listed = async (at: TokenCluster): Promise<readonly string[]> =>
    (await at.tokens.revocations({})).revocations.map(({ jti }) => jti);
  await settled(async () => (await listed(made.lubeck)).length === 1);
  expect(await listed(made.lubeck)).toEqual([token.jti]);

  people.put('user:ben', { clusters: [bergen] });
  const ben = { ...anna, principal: 'user:ben' as Principal };
  const bens = await made.lubeck.tokens.issueOwn(asked, { caller: ben });
  await made.lubeck.stop();
  people.remove('user:ben');
  const again = await made.lubeck.restart();
  await settled(async () => (await listed(again)).includes(bens.jti));
});

test('a token of somebody who is disabled waits for them', async () => {
  const made = await tokenFederation();
  const token = await made.lubeck.tokens.issueOwn(asked, { caller: anna });
  made.lubeck.people.put('user:anna', { disabled: true });
  expect(() => made.lubeck.authority.authenticate(token)).toThrow(refused('PRINCIPAL_DISABLED'));
  made.lubeck.people.put('user:anna', {});
  made.lubeck.authority.authenticate(token);
  made.bergen.authority.authenticate(token);
});
