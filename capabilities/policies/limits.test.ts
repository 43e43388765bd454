// Limits, and whom a rule can mean: the decision alone. Properties over random rules at the end.
import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, localId } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterOf, linked } from '../../testkit/test-cluster.ts';
import type { PeerStanding } from '../links/contract.ts';
import {
  effects,
  trustLevels,
  verbs,
  type PresentedTokens,
  type Rule,
  type Verb,
} from './contract.ts';
import { decide, judge, rulesFor, type Asked, type Question } from './decide.ts';

const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 1);
const visby = clusterOf(crypto, 2);
const lubeck = clusterOf(crypto, 3);
const own: Asked = {
  id: localId('git', 'team/app'),
  kind: 'git',
  name: 'team/app',
  type: 'code',
  labels: { tier: 'gold' },
};
const mirrored: Asked = {
  id: federatedId(lubeck, localId('git', 'hansa')),
  kind: 'git',
  name: 'hansa',
  owner: lubeck,
};
const nowMs = 1_000;

function rule(given: Partial<Rule> = {}): Rule {
  const all = { effect: 'allow', resources: {}, verbs, createdMs: 1 } as const;
  return { id: 'r-1', peers: { public: true }, ...all, ...given };
}

function standing(given: Partial<PeerStanding> = {}): PeerStanding {
  return { ...linked(bergen, 'bergen'), ...given };
}

function ask(rules: readonly Rule[], given: Partial<Question> = {}): boolean {
  const question = { peer: standing(), verb: 'pull', resource: own, nowMs, ...given } as const;
  return decide(rules, question).allowed;
}

const limit = (limits: Rule['limits'], more: Partial<Rule> = {}): Rule =>
  rule({ id: 'r-limit', effect: 'limit', limits, ...more });

describe('a limit', () => {
  const residency = { region: ['eu', 'se'] };
  const inRegion = (region: string): PeerStanding => standing({ labels: { region } });

  test('allows nobody anything', () => {
    expect(ask([limit({ budget: { bytes: 2_000_000, windowMs: 1_000 } })])).toBe(false);
  });

  test('of residency keeps out whoever is not known to be there', () => {
    const rules = [rule(), limit({ residency })];
    expect(ask(rules, { peer: inRegion('eu') })).toBe(true);
    expect(ask(rules, { peer: inRegion('se') })).toBe(true);
    expect(ask(rules, { peer: inRegion('us') })).toBe(false);
    expect(ask(rules, { peer: standing() })).toBe(false);
    expect(ask([rule(), limit({ residency }, { verbs: ['push'] })])).toBe(true);
  });

  test.each(['constructor', '__proto__'])('does not find "%s" in the language', (label) => {
    const strange = Object.fromEntries([[label, ['']]]);
    expect(ask([rule(), limit({ residency: strange })])).toBe(false);
  });

  test('that ends leaves nothing from that moment on', () => {
    expect(ask([rule(), limit({ endsMs: nowMs + 1 })])).toBe(true);
    expect(ask([rule(), limit({ endsMs: nowMs })])).toBe(false);
  });

  test('counts with every other one, so that the strictest wins', () => {
    const wide = limit({ residency: { region: ['eu', 'us'] } });
    const narrow = limit({ residency: { region: ['us', 'jp'] } }, { id: 'r-narrow' });
    const allowed = ['eu', 'us', 'jp'].filter((region) =>
      ask([rule(), wide, narrow], { peer: inRegion(region) }),
    );
    expect(allowed).toEqual(['us']);
  });

  test('beats an allowance and is beaten by a denial, and is named', () => {
    const peer = inRegion('us');
    const question: Question = { peer, verb: 'pull', resource: own, nowMs };
    const limited = decide([rule(), limit({ residency })], question);
    expect(limited).toMatchObject({ allowed: false, rule: { id: 'r-limit' } });
    expect(limited.reason).toContain('to peers with the label region in eu, se');
    const denied = decide([rule(), limit({ residency }), rule({ effect: 'deny' })], question);
    expect(denied).toMatchObject({ allowed: false, rule: { effect: 'deny' } });
    const held = decide([rule(), limit({ residency })], { ...question, peer: inRegion('eu') });
    expect(held).toMatchObject({ allowed: true, rule: { id: 'r-1' }, limits: [{ id: 'r-limit' }] });
  });
});

describe('a rule means', () => {
  test('the peers whose links carry all its labels', () => {
    const rules = [rule({ peers: { labels: { region: 'eu', tier: 'gold' } } })];
    expect(ask(rules, { peer: standing({ labels: { region: 'eu', tier: 'gold' } }) })).toBe(true);
    expect(ask(rules, { peer: standing({ labels: { region: 'eu' } }) })).toBe(false);
    expect(ask(rules)).toBe(false);
  });

  test('whomever we trust, linked or not, where the door is open', () => {
    const rules = [rule({ peers: { trusted: true } })];
    const trust = 'trusted';
    expect(ask(rules)).toBe(false);
    expect(ask(rules, { peer: standing({ trust }) })).toBe(true);
    expect(ask(rules, { peer: standing({ trust, active: false }) })).toBe(false);
    const stranger = { name: undefined, mine: false, theirs: false, active: false, trust } as const;
    expect(ask(rules, { peer: standing(stranger) })).toBe(true);
  });

  test('whoever presents a token that covers verb, kind and name', () => {
    const asked: unknown[] = [];
    const tokens: PresentedTokens = {
      covers(peer, what) {
        asked.push(what);
        return peer === bergen && what.verb === 'pull' ? { tokenId: 't-1' } : undefined;
      },
      freshUntilMs: () => Number.MAX_SAFE_INTEGER,
      generation: 0,
      subscribe: () => () => undefined,
    };
    const rules = [rule({ peers: { token: true } })];
    expect(ask(rules)).toBe(false);
    expect(ask(rules, { tokens })).toBe(true);
    expect(asked[0]).toEqual({ verb: 'pull', kind: 'git', name: 'team/app' });
    expect(ask(rules, { tokens, verb: 'push' })).toBe(false);
    expect(ask(rules, { tokens, peer: linked(visby, 'visby') })).toBe(false);
    const question: Question = { peer: standing(), verb: 'pull', resource: own, nowMs, tokens };
    expect(decide(rules, question).token).toBe('t-1');
    // A token opens no door that is shut, and without a rule for tokens nothing at all.
    expect(ask(rules, { tokens, peer: standing({ theirs: false }) })).toBe(false);
    expect(ask([], { tokens })).toBe(false);
  });
});

test('a blocked cluster gets nothing, public things included, with a token or without', () => {
  const tokens: PresentedTokens = {
    covers: () => ({ tokenId: 't-1' }),
    freshUntilMs: () => Number.MAX_SAFE_INTEGER,
    generation: 0,
    subscribe: () => () => undefined,
  };
  const peer = standing({ trust: 'blocked' });
  const rules = [rule(), rule({ peers: { token: true } }), rule({ peers: { cluster: bergen } })];
  for (const verb of verbs) {
    expect(ask(rules, { peer, verb, tokens })).toBe(false);
  }
  const decision = decide(rules, { peer, verb: 'see', resource: own, nowMs });
  expect(decision.reason).toBe('the cluster is blocked here');
});

describe('what others own and we mirror', () => {
  const resource = mirrored;

  test('is shared only by a rule that names its owner', () => {
    expect(ask([rule()], { resource })).toBe(false);
    expect(ask([rule({ resources: { owner: lubeck } })], { resource })).toBe(true);
    expect(ask([rule({ resources: { owner: visby } })], { resource })).toBe(false);
    expect(ask([rule({ resources: { owner: lubeck } })])).toBe(false);
  });

  test('is not guessed about: an allowance by what is unknown fails, a denial holds', () => {
    const byType = { owner: lubeck, type: 'code' };
    const byLabel = { owner: lubeck, labels: { tier: 'gold' } };
    const allowed = rule({ resources: { owner: lubeck } });
    for (const resources of [byType, byLabel]) {
      expect(ask([rule({ resources })], { resource })).toBe(false);
      expect(ask([allowed, rule({ resources, effect: 'deny' })], { resource })).toBe(false);
    }
    const known = { ...mirrored, type: 'text', labels: {} };
    expect(ask([allowed, rule({ resources: byType, effect: 'deny' })], { resource: known })).toBe(
      true,
    );
  });
});

const anyRule: fc.Arbitrary<Rule> = fc
  .record({
    effect: fc.constantFrom(...effects),
    peers: fc.constantFrom<Rule['peers']>(
      { cluster: bergen },
      { cluster: visby },
      { labels: { region: 'eu' } },
      { trusted: true },
      { token: true },
      { public: true },
    ),
    resources: fc.constantFrom<Rule['resources']>(
      {},
      { kind: 'git' },
      { name: 'team/*' },
      { name: 'team/app' },
      { name: 'hansa' },
      { labels: { tier: 'gold' } },
      { owner: lubeck },
      { owner: lubeck, type: 'code' },
    ),
    verbs: fc.subarray([...verbs], { minLength: 1 }),
    expiresMs: fc.constantFrom(undefined, undefined, nowMs, nowMs + 1),
    limits: fc.constantFrom<NonNullable<Rule['limits']>>(
      { residency: { region: ['eu'] } },
      { endsMs: nowMs },
      { endsMs: nowMs + 1 },
      { budget: { bytes: 2_000_000, windowMs: 1_000 } },
    ),
    id: fc.uuid(),
  })
  .map(({ limits, ...rest }) => rule(rest.effect === 'limit' ? { ...rest, limits } : rest));

const anyPeer: fc.Arbitrary<PeerStanding> = fc.record({
  cluster: fc.constantFrom(bergen, visby),
  name: fc.constantFrom('known', undefined),
  mine: fc.boolean(),
  theirs: fc.boolean(),
  active: fc.boolean(),
  trust: fc.constantFrom(...trustLevels),
  labels: fc.constantFrom<PeerStanding['labels']>({}, { region: 'eu' }, { region: 'us' }),
});

const tokensOfBergen: PresentedTokens = {
  covers: (peer, { verb }) => (peer === bergen && verb !== 'push' ? { tokenId: 't-1' } : undefined),
  freshUntilMs: () => Number.MAX_SAFE_INTEGER,
  generation: 0,
  subscribe: () => () => undefined,
};

/** Every answer for one peer: `pull git/team/app`. */
function answers(rules: readonly Rule[], peer: PeerStanding): readonly string[] {
  return verbs.flatMap((verb: Verb) => {
    const ruling = rulesFor(rules, { peer, verb, nowMs, tokens: tokensOfBergen });
    return [own, mirrored]
      .filter((resource) => judge(ruling, resource).allowed)
      .map(({ id }) => `${verb} ${id}`);
  });
}

describe('whatever the rules', () => {
  const some = fc.array(anyRule, { maxLength: 8 });
  const runs = { numRuns: 3_000 };

  test('one more denial or limit never widens, one more allowance never narrows', () => {
    fc.assert(
      fc.property(some, anyRule, anyPeer, (rules, more, peer) => {
        const [before, after] = [answers(rules, peer), answers([...rules, more], peer)];
        const [fewer, greater] = more.effect === 'allow' ? [before, after] : [after, before];
        expect(greater).toEqual(expect.arrayContaining([...fewer]));
      }),
      runs,
    );
  });

  test('their order does not matter', () => {
    const shuffled = some.chain((rules) =>
      fc.tuple(
        fc.constant(rules),
        fc.shuffledSubarray(rules, { minLength: rules.length, maxLength: rules.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, anyPeer, ([rules, others], peer) => {
        expect(answers(others, peer)).toEqual(answers(rules, peer));
      }),
      runs,
    );
  });

  test('one that has expired is as good as absent', () => {
    fc.assert(
      fc.property(some, anyRule, anyPeer, (rules, more, peer) => {
        const expired = { ...more, expiresMs: nowMs };
        expect(answers([...rules, expired], peer)).toEqual(answers(rules, peer));
      }),
      runs,
    );
  });

  test('a blocked cluster has nothing, and trust alone gives nothing', () => {
    fc.assert(
      fc.property(some, anyPeer, (rules, peer) => {
        expect(answers(rules, { ...peer, trust: 'blocked' })).toEqual([]);
        const unspoken = rules.filter((each) => !('trusted' in each.peers));
        expect(answers(unspoken, { ...peer, trust: 'trusted' })).toEqual(
          answers(unspoken, { ...peer, trust: 'public' }),
        );
      }),
      runs,
    );
  });

  test('sets of resources are decided as each of them is', () => {
    fc.assert(
      fc.property(some, anyPeer, fc.constantFrom(...verbs), (rules, peer, verb) => {
        const asking = { peer, verb, nowMs, tokens: tokensOfBergen };
        const ruling = rulesFor(rules, asking);
        for (const resource of [own, mirrored]) {
          const { allowed } = decide(rules, { ...asking, resource });
          expect(judge(ruling, resource).allowed).toBe(allowed);
        }
      }),
      runs,
    );
  });
});
