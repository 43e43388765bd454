import type { ClusterId, LocalId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { policiesCommands } from './cli.ts';
import { policiesContract, type Plan, type ShownRule } from './contract.ts';

const cluster = 'ab'.repeat(32) as ClusterId;
const rule: ShownRule = {
  id: 'r-1',
  effect: 'allow',
  resources: { name: 'hansa' },
  peers: { cluster },
  peerName: 'bergen',
  verbs: ['see', 'pull'],
  createdMs: 0,
};
const row = { peer: cluster, peerName: 'bergen', resource: 'git/hansa' as LocalId };
const plan: Plan = {
  rows: [{ ...row, change: 'gains', verbs: ['see', 'pull'] }],
  truncated: false,
};
const losing: Plan = {
  rows: [{ ...row, change: 'loses', verbs: ['see', 'pull'] }],
  truncated: false,
};

const run = (name: string, line: CommandLine, calls?: (readonly [string, unknown])[]) =>
  runCommand(commandNamed(policiesCommands, name), line, calls);

describe('hansa share add', () => {
  const add = (options: CommandLine['options'], resource = 'hansa') =>
    run('share add', {
      answers: { 'policies.plan': plan, 'policies.add': rule },
      args: { resource },
      options: { to: 'bergen', ...options },
    });
  const asked = async (options: CommandLine['options'], resource?: string) =>
    (await add(options, resource)).calls.at(-1)?.[1];

  test('shares read-only, and tells what that changed', async () => {
    const { calls, output, shown } = await add({});
    const request = {
      effect: 'allow',
      verbs: ['see', 'pull'],
      resources: { name: 'hansa' },
      peers: { peer: 'bergen' },
    };
    expect(calls).toEqual([
      ['policies.plan', { add: request }],
      ['policies.add', request],
    ]);
    expect(policiesContract.methods.add.input.safeParse(request).success).toBe(true);
    expect(output.data).toEqual(rule);
    expect(shown.split('\n')).toEqual([
      'Rule r-1: allow see, pull on hansa to bergen.',
      'CHANGE|PEER|RESOURCE|VERBS',
      'gains|bergen|git/hansa|see, pull',
    ]);
    expect(output.next).toEqual(['hansa why bergen pull hansa', 'hansa share list']);
  });

  test('with --plan changes nothing, and ends with the command that would', async () => {
    const { calls, output, shown } = await add({ plan: true, label: ['team=a'] }, 'team-a/**');
    expect(calls.map(([method]) => method)).toEqual(['policies.plan']);
    expect(output.data).toEqual(plan);
    expect(shown).toContain('nothing was changed');
    expect(output.next).toEqual(["hansa share add 'team-a/**' --to bergen --label team=a"]);
  });

  test.each([
    [{ allow: 'push,see' }, { effect: 'allow', verbs: ['see', 'push'] }],
    [{ deny: 'push' }, { effect: 'deny', verbs: ['push'] }],
    [{ direction: 'pull' }, { verbs: ['see', 'pull'] }],
    [{ direction: 'push' }, { verbs: ['see', 'push'] }],
    [{ direction: 'bidirectional' }, { verbs: ['see', 'pull', 'push'] }],
    [{ direction: 'read-only' }, { verbs: ['see', 'pull'] }],
    [{ to: 'trusted' }, { peers: { trusted: true } }],
    [{ to: 'token' }, { peers: { token: true } }],
    [{ expires: '2h' }, { ttlMs: 7_200_000 }],
    [{ to: 'public' }, { peers: { public: true } }],
    [
      { label: 'team=a', type: 'site' },
      { resources: { name: 'hansa', labels: { team: 'a' }, type: 'site' } },
    ],
  ])('understands %j', async (options, expected) => {
    expect(await asked(options)).toMatchObject(expected);
  });

  test('of a name that nothing has says so, with the kinds there are', async () => {
    const matching = { resources: 0, kinds: ['git', 'kv'] };
    const answers = {
      'policies.plan': { rows: [], truncated: false, matching },
      'policies.add': rule,
    };
    for (const options of [{ to: 'bergen' }, { to: 'bergen', plan: true }]) {
      const line = { answers, args: { resource: 'kvv/wages' }, options };
      const { shown } = await run('share add', line);
      expect(shown).toContain('Nothing matches kvv/wages now, of whatever kind: here are git, kv.');
    }
  });

  test.each(['bidirectional', 'read-only'])('--allow %s names the option for it', (allow) =>
    expect(add({ allow })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      fix: expect.stringContaining(`--direction ${allow}`),
    }),
  );

  test('takes a kind before the name', async () => {
    expect(await asked({}, 'git/hansa')).toMatchObject({
      resources: { kind: 'git', name: 'hansa' },
    });
    expect(await asked({}, 'team-a/**')).toMatchObject({ resources: { name: 'team-a/**' } });
  });

  test.each([
    [{ allow: 'see,write' }, 'INPUT_INVALID'],
    [{ allow: '' }, 'INPUT_INVALID'],
    [{ deny: 'all' }, 'INPUT_INVALID'],
    [{ direction: 'sideways' }, 'INPUT_INVALID'],
    [{ direction: 'constructor' }, 'INPUT_INVALID'],
    [{ expires: 'soon' }, 'INPUT_INVALID'],
    [{ label: 'team' }, 'INPUT_INVALID'],
    [{ allow: 'see', deny: 'push' }, 'USAGE'],
    [{ to: undefined }, 'USAGE'],
  ])('refuses %j before it asks the node', (options, code) =>
    expect(add(options)).rejects.toMatchObject({ code }),
  );

  test('a rule that expires twice does not fit the contract', () => {
    const twice = {
      effect: 'allow',
      verbs: ['see'],
      resources: {},
      peers: { public: true },
      ttlMs: 1_000,
      expiresMs: 1,
    };
    expect(policiesContract.methods.add.input.safeParse(twice).success).toBe(false);
  });
});

describe('hansa share list', () => {
  test('names the peers of the rules and when they end', async () => {
    const rules = [
      rule,
      {
        ...rule,
        id: 'r-2',
        peers: { public: true },
        peerName: undefined,
        expiresMs: 0,
        expired: true,
      },
      { ...rule, id: 'r-3', effect: 'deny', peerName: undefined, resources: { kind: 'git' } },
    ];
    const { shown } = await run('share list', { answers: { 'policies.list': { rules } } });
    expect(shown.split('\n')).toEqual([
      'RULE|EFFECT|VERBS|RESOURCES|TO|LIMITS|EXPIRES',
      'r-1|allow|see, pull|hansa|bergen||never',
      'r-2|allow|see, pull|hansa|public||expired 1970-01-01 00:00:00 UTC',
      'r-3|deny|see, pull|git/**|abababab…||never',
    ]);
  });
});

describe('hansa share remove', () => {
  const mirror = {
    peer: row.peer,
    peerName: 'bergen',
    resource: `${'cd'.repeat(32)}:git/hansa`,
    id: 'git/hansa',
    state: 'holds',
    epoch: 1,
    sequence: 40,
  };
  const answers = {
    'policies.plan': losing,
    'policies.remove': rule,
    'receipts.holders': { holdings: [] },
    'receipts.hurry': { holdings: [mirror] },
  };
  const mirrored = { ...answers, 'receipts.holders': { holdings: [mirror] } };

  test('with --plan tells which mirrors freeze, and changes nothing', async () => {
    const { calls, shown, output } = await run('share remove', {
      answers: mirrored,
      args: { rule: 'r-1' },
      options: { plan: true },
    });
    expect(shown).toContain('asked to delete their copies after 24 hours');
    expect(shown).toContain('bergen|git/hansa|1/40');
    expect(calls.map(([method]) => method)).toEqual(['policies.plan', 'receipts.holders']);
    expect(output.next).toEqual(['hansa share remove r-1']);
  });

  test('without a terminal tells what is lost and what freezes, and how to confirm', async () => {
    const told: string[] = [];
    const line = { answers: mirrored, args: { rule: 'r-1' }, told };
    await expect(run('share remove', line)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      fix: expect.stringContaining('--yes'),
      facts: {
        question: 'Remove rule r-1? bergen loses access to 1 resource(s). 1 mirror(s) freeze.',
      },
    });
    expect(told).toEqual([
      'bergen loses see, pull on git/hansa',
      'These mirrors freeze, and are asked to delete their copies after 24 hours:',
      '  bergen: git/hansa',
    ]);
  });

  test('with --now, mirrors are asked to delete their copies at once', async () => {
    const { calls, shown, output } = await run('share remove', {
      answers: mirrored,
      args: { rule: 'r-1' },
      options: { yes: true, now: true },
    });
    expect(calls.at(-1)).toEqual([
      'receipts.hurry',
      { copies: [{ peer: row.peer, resource: 'git/hansa' }] },
    ]);
    expect(shown).toContain('now:');
    expect(output.next).toEqual(['hansa receipt list']);
  });

  test('asks with the consequences, and removes nothing without a yes', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const removing = run('share remove', { answers, args: { rule: 'r-1' } }, calls);
    await expect(removing).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: { question: 'Remove rule r-1? bergen loses access to 1 resource(s).' },
    });
    expect(calls.map(([method]) => method)).toEqual(['policies.plan', 'receipts.holders']);
  });

  test('with --yes removes the rule and tells who lost what', async () => {
    const { calls, output, shown } = await run('share remove', {
      answers,
      args: { rule: 'r-1' },
      options: { yes: true },
    });
    expect(calls.at(-1)).toEqual(['policies.remove', { id: 'r-1' }]);
    expect(output.data).toEqual(rule);
    expect(shown).toContain('loses|bergen|git/hansa|see, pull');
  });

  test('with --plan only tells', async () => {
    const { calls, output } = await run('share remove', {
      answers,
      args: { rule: 'r-1' },
      options: { plan: true },
    });
    expect(calls.map(([method]) => method)).toEqual(['policies.plan', 'receipts.holders']);
    expect(output.next).toEqual(['hansa share remove r-1']);
  });
});

describe('hansa why', () => {
  const owned = (['git/hansa', 'kv/hansa', 'checklist/ship'] as const).map((id) => {
    const [kind = '', name = ''] = id.split('/');
    const rest = { type: '', ownerName: 'lubeck', description: '', labels: {}, verbs: [] };
    return {
      resource: `${cluster}:${id}`,
      kind,
      name,
      owner: cluster,
      epoch: 1,
      sequence: 1,
      ...rest,
    };
  });
  const why = (answer: object, args: CommandLine['args'] = {}) =>
    run('why', {
      answers: {
        'catalog.list': { items: owned, unanswered: [] },
        'policies.why': {
          verb: 'pull',
          resource: 'git/hansa',
          peer: cluster,
          budgets: [],
          ...answer,
        },
      },
      args: { peer: 'bergen', verb: 'pull', resource: 'hansa', ...args },
    });

  test('tells a permission with its rule', async () => {
    const { calls, shown, output } = await why({ allowed: true, rule, reason: 'rule r-1 allows' });
    expect(calls.slice(1)).toEqual([
      ['policies.why', { peer: 'bergen', verb: 'pull', resource: 'git/hansa' }],
    ]);
    expect(shown.split('\n')).toEqual([
      'decision: allowed: bergen pull git/hansa',
      'reason: rule r-1 allows',
      'rule: r-1: allow see, pull on hansa to bergen',
    ]);
    expect(output.exit ?? 0).toBe(0);
  });

  test('tells a refusal without failing, and what would change it', async () => {
    const { shown, output } = await why({ allowed: false, reason: 'no rule allows it' });
    expect(shown).toContain('decision: refused: bergen pull git/hansa');
    expect(shown).toContain('rule: none');
    expect(output.exit ?? 0).toBe(0);
    expect(output.next?.[0]).toBe('hansa share add git/hansa --to bergen --plan');
    const denied = await why({ allowed: false, rule: { ...rule, effect: 'deny' }, reason: 'no' });
    expect(denied.output.next).toEqual(['hansa share remove r-1 --plan']);
  });

  test.each(['ship', 'checklist/ship'])('finds %s, whatever its kind is', async (resource) => {
    const { calls } = await why({ allowed: true, rule, reason: 'rule r-1 allows' }, { resource });
    expect(calls[1]?.[1]).toMatchObject({ resource: 'checklist/ship' });
  });

  test('about an unknown verb is INPUT_INVALID', () =>
    expect(why({}, { verb: 'write' })).rejects.toMatchObject({ code: 'INPUT_INVALID' }));
});
