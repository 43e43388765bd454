import { isHansaError, patternContains } from '@hansa/foundation';
import type { PolicyRequest, PolicySubject } from '@hansa/capabilities/access/engine';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCedarEngine } from './engine.ts';

const permissions = ['forge.read', 'forge.write', 'kv.read', 'kv.write', 'peer'];
const engine = createCedarEngine(permissions);

const anna: PolicySubject = {
  kind: 'user',
  id: 'anna',
  name: 'anna',
  home: 'lubeck',
  foreign: false,
  roles: ['editor'],
  groups: ['ops'],
};

function asks(permission: string, name?: string): PolicyRequest {
  const target = name === undefined ? undefined : { kind: 'kv', name, own: true, owner: 'lubeck' };
  return { subject: anna, permission, target };
}

function editorMay(contract: string, action: string, names?: string) {
  return engine.compile({
    roles: [{ id: 'role:editor', role: 'editor', permits: [{ contract, action, names }] }],
    written: [],
  });
}

describe('a role', () => {
  test('permits its permissions, by contract and by action, to whoever has it', () => {
    const expected: Readonly<Record<string, readonly string[]>> = {
      'kv.write': ['kv.write'],
      'kv.*': ['kv.read', 'kv.write'],
      '*.read': ['forge.read', 'kv.read'],
      '*.*': permissions,
      'nothing.read': [],
    };
    for (const [scope, may] of Object.entries(expected)) {
      const [contract = '', action = ''] = scope.split('.');
      const set = editorMay(contract, action);
      const allowed = permissions.filter((one) => set.decide(asks(one)).allowed);
      expect([scope, allowed]).toEqual([scope, may]);
      const stranger = { ...asks('kv.write'), subject: { ...anna, roles: ['viewer'] } };
      expect(set.decide(stranger)).toEqual({ allowed: false, policies: [], failed: [] });
      set.release();
    }
  });

  test('that is bound to names permits nothing about all, nor about what others own', () => {
    const set = editorMay('kv', 'write', '**');
    expect(set.decide(asks('kv.write', 'a/b'))).toMatchObject({
      allowed: true,
      policies: ['role:editor'],
    });
    expect(set.decide(asks('kv.write')).allowed).toBe(false);
    const foreign = { kind: 'kv', name: 'a/b', own: false, owner: 'bergen' };
    expect(set.decide({ ...asks('kv.write'), target: foreign }).allowed).toBe(false);
    set.release();
  });

  test('takes the names that its pattern has, none besides, and without mixed stars all', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', 'ab', '/*', '/**', '*/');
    const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((all) => all.join(''));
    const letter = fc.constantFrom('a', 'b', '/', 'x');
    const name = fc.array(letter, { minLength: 1, maxLength: 9 }).map((all) => all.join(''));
    fc.assert(
      fc.property(pattern, fc.array(name, { minLength: 1, maxLength: 8 }), (names, candidates) => {
        const set = editorMay('kv', 'write', names);
        const pieces: readonly string[] = names.match(/\*\*|\*/g) ?? [];
        const mixed = pieces.includes('*') && pieces.includes('**');
        for (const candidate of candidates) {
          const said = set.decide(asks('kv.write', candidate)).allowed;
          const meant = patternContains(names, candidate);
          expect([names, candidate, said]).toEqual([
            names,
            candidate,
            mixed ? said && meant : meant,
          ]);
        }
        set.release();
      }),
      // Two slashes are there once: no star may take the rest for them.
      { numRuns: 300, examples: [['**//*', ['//a/a']]] },
    );
  });

  test.each([
    ['team-*/**', 'team-a/b/c'],
    ['*/*/**', 'a/b/c/d'],
    ['**/x*', 'a/b/xy'],
    ['**/*', 'a/b/c'],
    ['*/public/**', 'a/public/c/d'],
  ])('bound to %s takes %s: mixed stars that people write are meant whole', (names, candidate) => {
    const set = editorMay('kv', 'write', names);
    expect(set.decide(asks('kv.write', candidate)).allowed).toBe(true);
    set.release();
  });
});

describe('a written policy', () => {
  const forbid = 'forbid(principal, action, resource) when { resource.name like "secret/*" };';

  test('that forbids wins over every role, and is named', () => {
    const set = engine.compile({
      roles: [
        {
          id: 'role:editor',
          role: 'editor',
          permits: [{ contract: '*', action: '*' }],
        },
      ],
      written: [{ id: 'no-secrets', text: forbid }],
    });
    expect(set.decide(asks('kv.write', 'secret/a'))).toEqual({
      allowed: false,
      policies: ['no-secrets'],
      failed: [],
    });
    expect(set.decide(asks('kv.write', 'open/a'))).toMatchObject({ policies: ['role:editor'] });
    set.release();
  });

  test('permits by group, kind and home what no role does', () => {
    const text =
      'permit(principal in Group::"ops", action in [Action::"*.read", Action::"kv.write"], ' +
      'resource) when { resource.kind == "kv" && !principal.foreign };';
    expect(engine.read(text)).toEqual({
      effect: 'permit',
      permissions: ['*.read', 'kv.write'],
      everybody: false,
    });
    const set = engine.compile({ roles: [], written: [{ id: 'ops', text }] });
    expect(set.decide(asks('kv.read', 'a')).allowed).toBe(true);
    expect(set.decide(asks('forge.write', 'a')).allowed).toBe(false);
    set.release();
  });

  test.each([
    ['permit(principal, action, resource);', ['*.*']],
    ['permit(principal, action == Action::"kv.read", resource);', ['kv.read']],
    ['forbid(principal, action in Action::"kv.*", resource);', ['kv.*']],
  ])('is read by its head: %s', (text, expected) => {
    expect(engine.read(text).permissions).toEqual(expected);
  });

  test.each([
    ['a typing error', 'permit(principal, action, resource)\n wen { true };', 2, 2],
    ['an unknown permission', 'permit(principal, action == Action::"kv.raed", resource);', 1, 29],
    [
      'an unknown attribute',
      'forbid(principal,\naction, resource) when { resource.nam == "é" };',
      2,
      26,
    ],
    ['what can never be', 'permit(principal, action == Action::"*.read", resource);', 1, 1],
    ['a template', 'permit(principal == ?principal, action, resource);', 1, 21],
    [
      'two in one',
      'permit(principal, action, resource);forbid(principal, action, resource);',
      1,
      37,
    ],
    ['nothing', '', 1, 1],
  ])('with %s is refused where it is wrong', (_, text, line, column) => {
    const read = (): unknown => engine.read(text);
    expect(read).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', facts: { line, column } }),
    );
    expect(read).not.toThrow(/with id|for policy `/);
  });

  test('that fails while it is asked is told of, never passed over', () => {
    const text = 'forbid(principal, action, resource) when { resource.nothing };';
    const set = engine.compile({ roles: [], written: [{ id: 'old', text }] });
    expect(set.decide(asks('kv.read'))).toEqual({ allowed: false, policies: [], failed: ['old'] });
    set.release();
  });
});

test('sets do not see each other, and one that was let go of is asked no more', () => {
  const first = editorMay('kv', 'read');
  const second = editorMay('kv', 'write');
  expect([first, second].map((set) => set.decide(asks('kv.read')).allowed)).toEqual([true, false]);
  first.release();
  first.release();
  expect(() => first.decide(asks('kv.read'))).toThrow('broken invariant');
  const third = editorMay('forge', 'read');
  expect(second.decide(asks('kv.write')).allowed).toBe(true);
  expect(third.decide(asks('kv.read')).allowed).toBe(false);
  second.release();
  third.release();
});

test('a set that cannot be read is refused whole', () => {
  const written = [{ id: 'broken', text: 'permit(' }];
  let failure: unknown;
  try {
    engine.compile({ roles: [], written });
  } catch (error) {
    failure = error;
  }
  expect(isHansaError(failure, 'INPUT_INVALID')).toBe(true);
});

describe('of a resource of which nothing is known', () => {
  const unknown: PolicyRequest = { ...asks('kv.write'), target: 'unknown' };

  function saidOf(text: string, subject: PolicySubject = anna) {
    const set = engine.compile({ roles: [], written: [{ id: 'p', text }] });
    const { policies, failed } = set.decide({ ...unknown, subject });
    set.release();
    return { applies: policies.includes('p'), may: failed.includes('p') };
  }

  test.each([
    'when { resource.name like "a/*" }',
    'when { resource.own }',
    'unless { resource.kind == "kv" }',
    'when { resource == Resource::"lubeck:kv/a" }',
    'when { [Resource::"lubeck:kv/a"].contains(resource) }',
    'when { resource has name && resource.name == "a" }',
    'when { if principal.foreign then false else resource.own }',
  ])('a policy may apply %s', (condition) => {
    for (const effect of ['permit', 'forbid']) {
      const text = `${effect}(principal, action, resource) ${condition};`;
      expect([text, saidOf(text)]).toEqual([text, { applies: false, may: true }]);
    }
  });

  test('a policy whose head names one may apply', () => {
    for (const head of ['== Resource::"lubeck:kv/a"', 'in Resource::"lubeck:kv/a"']) {
      const text = `forbid(principal, action, resource ${head});`;
      expect([text, saidOf(text)]).toEqual([text, { applies: false, may: true }]);
    }
  });

  test('a policy applies, or does not, by what stands before the resource', () => {
    const foreign = 'when { principal.foreign && resource.name like "a/*" }';
    const text = `forbid(principal, action, resource) ${foreign};`;
    expect(saidOf(text)).toEqual({ applies: false, may: false });
    expect(saidOf(text, { ...anna, foreign: true })).toEqual({ applies: false, may: true });
    expect(saidOf('forbid(principal in Group::"ops", action, resource);').applies).toBe(true);
    expect(saidOf('forbid(principal, action == Action::"kv.read", resource is Resource);')).toEqual(
      {
        applies: false,
        may: false,
      },
    );
  });

  test('a role permits what it is not bound to names for, in any order', () => {
    const permits = [
      { contract: 'kv', action: 'write', names: 'a/*' },
      { contract: 'kv', action: '*' },
    ];
    const set = engine.compile({
      roles: [{ id: 'role:editor', role: 'editor', permits }],
      written: [],
    });
    expect(set.decide(unknown)).toMatchObject({ allowed: true, policies: ['role:editor'] });
    set.release();
  });
});

test('a policy that says the same of everybody is told from one that does not', () => {
  const isForAll = (text: string): boolean => engine.read(text).everybody;
  expect(isForAll('forbid(principal, action, resource) when { resource.own };')).toBe(true);
  expect(isForAll('forbid(principal, action, resource) when { principal.foreign };')).toBe(false);
  expect(isForAll('forbid(principal is User, action, resource);')).toBe(false);
});

test('a cluster is named by policies: its people and its tokens are in it', () => {
  const bergen = 'ab'.repeat(32);
  const text = `forbid(principal in Cluster::"${bergen}", action, resource);`;
  engine.read(text);
  const set = engine.compile({ roles: [], written: [{ id: 'not-bergen', text }] });
  for (const kind of ['user', 'token'] as const) {
    const of = (home: string) =>
      set.decide({ ...asks('kv.read'), subject: { ...anna, kind, home } }).policies;
    expect([of(bergen), of('lubeck')]).toEqual([['not-bergen'], []]);
  }
  set.release();
});
