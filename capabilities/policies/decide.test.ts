import { createNodeCrypto } from '@hansa/crypto-node';
import { localId } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterOf, linked } from '../../testkit/test-cluster.ts';
import type { PeerStanding } from '../links/contract.ts';
import type { Rule, Verb } from './contract.ts';
import { decide, globMatches, selects, type Question } from './decide.ts';

const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 1);
const visby = clusterOf(crypto, 2);
const resource = {
  id: localId('git', 'team/app'),
  kind: 'git',
  name: 'team/app',
  type: 'code',
  labels: { tier: 'gold' },
};

function rule(given: Partial<Rule> = {}): Rule {
  const all = { effect: 'allow', resources: {}, verbs: ['see', 'pull'], createdMs: 1 } as const;
  return { id: 'r-1', peers: { cluster: bergen }, ...all, ...given };
}

function ask(rules: readonly Rule[], given: Partial<Question> = {}): boolean {
  const peer = linked(bergen, 'bergen');
  return decide(rules, { peer, verb: 'pull', resource, nowMs: 1_000, ...given }).allowed;
}

function standing(given: Partial<PeerStanding> = {}): PeerStanding {
  return { ...linked(bergen, 'bergen'), ...given };
}

describe('a decision', () => {
  test('is no where no rule says yes', () => {
    expect(ask([])).toBe(false);
    expect(ask([rule({ peers: { cluster: visby } })])).toBe(false);
    expect(ask([rule({ verbs: ['see'] })])).toBe(false);
    expect(ask([rule({ resources: { kind: 'kv' } })])).toBe(false);
  });

  test('is no where any rule denies, in whatever order they stand', () => {
    const deny = rule({ id: 'r-2', effect: 'deny' });
    expect(ask([rule()])).toBe(true);
    expect(ask([rule(), deny])).toBe(false);
    expect(ask([deny, rule()])).toBe(false);
    expect(ask([rule(), { ...deny, verbs: ['push'] }])).toBe(true);
    expect(ask([rule(), { ...deny, peers: { public: true } }])).toBe(false);
  });

  test('opens an audit or a directory by a rule that names the kind alone', () => {
    for (const kind of ['audit', 'directory']) {
      const named = { ...resource, kind, id: localId(kind, 'team/app') };
      expect(ask([rule()], { resource: named })).toBe(false);
      expect(ask([rule({ resources: { name: '**' } })], { resource: named })).toBe(false);
      const allow = rule({ resources: { kind } });
      expect(ask([allow], { resource: named })).toBe(true);
      expect(ask([allow, rule({ id: 'r-2', effect: 'deny' })], { resource: named })).toBe(false);
    }
  });

  test('does not know a rule from the moment at which it expires', () => {
    expect(ask([rule({ expiresMs: 1_001 })])).toBe(true);
    expect(ask([rule({ expiresMs: 1_000 })])).toBe(false);
    const deny = rule({ id: 'r-2', effect: 'deny', expiresMs: 1_000 });
    expect(ask([rule(), deny])).toBe(true);
  });

  test('lets a public rule reach everybody, whatever their standing', () => {
    const open = rule({ peers: { public: true } });
    const stranger = standing({ name: undefined, mine: false, theirs: false, active: false });
    for (const peer of [
      stranger,
      standing(),
      standing({ active: false }),
      standing({ theirs: false }),
    ]) {
      expect(ask([open], { peer })).toBe(true);
    }
  });

  test('shuts rules for a cluster that is not confirmed here, or whose link is closed', () => {
    expect(ask([rule()], { peer: standing({ active: false }) })).toBe(false);
  });

  test('shuts rules for a cluster that does not reciprocate, and not for one we only serve', () => {
    expect(ask([rule()], { peer: standing({ mine: true, theirs: false }) })).toBe(false);
    expect(ask([rule()], { peer: standing({ mine: false, theirs: true }) })).toBe(true);
  });

  test('denies a cluster whatever its standing, also what is public', () => {
    const rules = [rule({ peers: { public: true } }), rule({ id: 'r-2', effect: 'deny' })];
    expect(ask(rules, { peer: standing({ active: false }) })).toBe(false);
    expect(ask(rules, { peer: standing({ theirs: false }) })).toBe(false);
    expect(ask(rules, { peer: { ...standing(), cluster: visby } })).toBe(true);
  });

  test('names the rule that decided, or says why none did', () => {
    const question: Question = { peer: standing(), verb: 'pull', resource, nowMs: 1_000 };
    const yes = decide([rule()], question);
    expect(yes).toMatchObject({ rule: { id: 'r-1' }, reason: 'rule r-1 allows see, pull' });
    const no = decide([rule({ effect: 'deny' })], question);
    expect(no).toMatchObject({ rule: { id: 'r-1' }, reason: 'rule r-1 denies see, pull' });
    const other = decide([rule({ verbs: ['see'] })], question);
    expect(other).toMatchObject({
      rule: { id: 'r-1' },
      reason: 'rule r-1 allows see and not pull',
    });
    expect(decide([], question).reason).toBe('no rule allows it');
    const pending = decide([rule()], { ...question, peer: standing({ active: false }) });
    expect(pending.reason).toMatch(/not confirmed here, or closed/);
    const oneSided = decide([rule()], { ...question, peer: standing({ theirs: false }) });
    expect(oneSided.reason).toMatch(/does not link back/);
  });

  test('never turns to yes by one more denial, nor to no by one more permission', () => {
    const verbSets: Verb[][] = [['see'], ['pull'], ['see', 'pull', 'push']];
    const anyRule = fc.record({
      effect: fc.constantFrom('allow' as const, 'deny' as const),
      peers: fc.constantFrom({ cluster: bergen }, { cluster: visby }, { public: true } as const),
      resources: fc.constantFrom({}, { kind: 'git' }, { name: 'team/*' }, { name: 'other' }),
      verbs: fc.constantFrom(...verbSets),
      expiresMs: fc.constantFrom(undefined, 500, 5_000),
    });
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 6 }), anyRule, (some, more) => {
        const rules = some.map((each, index) => rule({ ...each, id: `r-${index}` }));
        const before = ask(rules);
        const after = ask([...rules, rule({ ...more, id: 'r-more' })]);
        expect(more.effect === 'deny' ? after && !before : before && !after).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a selector', () => {
  test('wants every part that it names', () => {
    expect(selects({}, resource)).toBe(true);
    expect(selects({ kind: 'git', type: 'code', name: '**' }, resource)).toBe(true);
    expect(selects({ kind: 'git', type: 'text' }, resource)).toBe(false);
    expect(selects({ labels: { tier: 'gold' } }, resource)).toBe(true);
    expect(selects({ labels: { tier: 'lead' } }, resource)).toBe(false);
    expect(selects({ labels: { tier: 'gold', team: 'a' } }, resource)).toBe(false);
  });

  test.each(['constructor', 'toString', '__proto__'])(
    'does not find the label "%s" in the language',
    (label) => {
      expect(selects({ labels: Object.fromEntries([[label, '']]) }, resource)).toBe(false);
    },
  );
});

/** Every way of splitting the name, tried in turn: slow, and plainly right. */
function slowlyMatches(pattern: string, name: string): boolean {
  if (pattern === '') {
    return name === '';
  }
  if (pattern.startsWith('*')) {
    const across = pattern.startsWith('**');
    const rest = pattern.slice(across ? 2 : 1);
    for (let taken = 0; taken <= name.length; taken += 1) {
      if (!across && name.slice(0, taken).includes('/')) {
        return false;
      }
      if (slowlyMatches(rest, name.slice(taken))) {
        return true;
      }
    }
    return false;
  }
  return name.startsWith(pattern.charAt(0)) && slowlyMatches(pattern.slice(1), name.slice(1));
}

describe('a name pattern', () => {
  test.each([
    ['hansa', 'hansa', true],
    ['hansa', 'hansa2', false],
    ['', '', true],
    ['*', 'a/b', false],
    ['**', 'a/b', true],
    ['team/*', 'team/app', true],
    ['team/*', 'team/a/b', false],
    ['team/**', 'team/a/b', true],
    ['team/**', 'team', false],
    ['*/app', 'team/app', true],
    ['**/app', 'a/b/app', true],
    ['**/app', 'app', false],
    ['a*c*e', 'abcde', true],
    ['***', 'a/b', true],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
  ])('"%s" and "%s": %s', (pattern, name, expected) => {
    expect(globMatches(pattern, name)).toBe(expected);
  });

  test('matches exactly what trying every split matches', () => {
    const patterns = fc
      .array(fc.constantFrom('*', '**', '/', 'a', 'b'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    const names = fc
      .array(fc.constantFrom('/', 'a', 'b'), { maxLength: 10 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(patterns, names, (pattern, name) => {
        expect(globMatches(pattern, name)).toBe(slowlyMatches(pattern, name));
      }),
      { numRuns: 20_000 },
    );
  });

  test('that was made to be slow is not', () => {
    const pattern = `${'*a**b'.repeat(20)}c`;
    const name = `${'ab/'.repeat(42)}`;
    const startedMs = performance.now();
    for (let i = 0; i < 100; i += 1) {
      globMatches(pattern, name);
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
