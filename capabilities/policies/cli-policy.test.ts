// `hansa policy …`: everything that a rule can say, and whole files of rules.
import type { ClusterId, LocalId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { policiesCommands } from './cli.ts';
import { policiesContract, type RulesDiff, type ShownRule } from './contract.ts';

const cluster = 'ab'.repeat(32) as ClusterId;
const rule: ShownRule = {
  id: 'r-1',
  effect: 'limit',
  resources: { name: 'team-a/**' },
  peers: { labels: { region: 'eu' } },
  verbs: ['see', 'pull'],
  limits: {
    residency: { region: ['eu', 'se'] },
    budget: { bytes: 10_485_760, windowMs: 3_600_000 },
    endsMs: 0,
  },
  createdMs: 0,
};
const row = { peer: cluster, peerName: 'bergen', resource: 'git/hansa' as LocalId };
const diff: RulesDiff = {
  rows: [{ ...row, change: 'gains', verbs: ['see'] }],
  truncated: false,
  added: [rule],
  removed: [{ ...rule, id: 'r-2', effect: 'allow', limits: undefined, peers: { trusted: true } }],
  kept: 3,
};
const answers = {
  'policies.plan': { rows: diff.rows, truncated: false },
  'policies.add': rule,
  'policies.remove': rule,
  'policies.list': { rules: [rule] },
  'policies.diff': diff,
  'policies.apply': diff,
  'catalog.list': { items: [], unanswered: [] },
  'policies.whoCan': {
    grants: [{ peer: cluster, peerName: 'bergen', rule, limits: [rule] }],
    truncated: true,
  },
};
const asked = { effect: 'allow', resources: { name: 'x' }, peers: { peer: 'bergen' } };

const run = (
  name: string,
  line: Omit<CommandLine, 'answers'>,
  calls?: (readonly [string, unknown])[],
) => runCommand(commandNamed(policiesCommands, `policy ${name}`), { answers, ...line }, calls);

describe('hansa policy add', () => {
  const added = async (options: NonNullable<CommandLine['options']>, resource = 'team-a/**') =>
    (await run('add', { args: { resource }, options })).calls.at(-1)?.[1];

  test.each([
    [
      { toLabel: ['region=eu', 'tier=gold'] },
      { peers: { labels: { region: 'eu', tier: 'gold' } } },
    ],
    [{ to: 'trusted' }, { peers: { trusted: true } }],
    [{ to: 'token' }, { peers: { token: true } }],
    [{ to: 'constructor' }, { peers: { peer: 'constructor' } }],
    [
      { to: 'public', limit: 'see,pull', residency: ['region=eu,se'] },
      { effect: 'limit', verbs: ['see', 'pull'], limits: { residency: { region: ['eu', 'se'] } } },
    ],
    [
      { to: 'public', limit: 'pull', budget: '10MiB/1h', ends: '30d' },
      {
        effect: 'limit',
        limits: { budget: { bytes: 10_485_760, windowMs: 3_600_000 }, endsInMs: 2_592_000_000 },
      },
    ],
  ])('understands %j', async (options, expected) => {
    const request = await added(options);
    expect(request).toMatchObject(expected);
    expect(policiesContract.methods.add.input.safeParse(request).success).toBe(true);
  });

  test('takes the owner of a mirror before its name', async () => {
    expect(await added({ to: 'visby' }, 'lubeck:git/hansa')).toMatchObject({
      resources: { owner: 'lubeck', kind: 'git', name: 'hansa' },
    });
  });

  test.each([
    [{}, 'USAGE'],
    [{ to: 'bergen', toLabel: ['a=b'] }, 'USAGE'],
    [{ to: 'bergen', limit: 'pull' }, 'USAGE'],
    [{ to: 'bergen', budget: '10MiB/1h' }, 'USAGE'],
    [{ to: 'bergen', limit: 'pull', allow: 'see', ends: '1h' }, 'USAGE'],
    [{ to: 'bergen', limit: 'pull', budget: '10/1h' }, 'INPUT_INVALID'],
    [{ to: 'bergen', limit: 'pull', budget: '10MiB' }, 'INPUT_INVALID'],
    [{ to: 'bergen', limit: 'pull', budget: '10MiB/soon' }, 'INPUT_INVALID'],
    [{ to: 'bergen', limit: 'all', ends: '1h' }, 'INPUT_INVALID'],
  ])('refuses %j before it asks the node', (options, code) =>
    expect(added(options)).rejects.toMatchObject({ code }),
  );

  test('as a plan, by itself or by --plan, changes nothing and ends with the whole command', async () => {
    const args = { resource: 'team-a/**' };
    const options = { toLabel: ['region=eu'], limit: 'pull', budget: '10MiB/1h' };
    const line = "hansa policy add 'team-a/**' --to-label region=eu --limit pull --budget 10MiB/1h";
    for (const [name, more] of [['plan', {}] as const, ['add', { plan: true }] as const]) {
      const { calls, output } = await run(name, { args, options: { ...options, ...more } });
      expect(calls.map(([method]) => method)).toEqual(['policies.plan']);
      expect(output.next).toEqual([line]);
    }
  });
});

test('hansa policy list tells of limits', async () => {
  const { shown } = await run('list', {});
  expect(shown.split('\n')[1]).toBe(
    'r-1|limit|see, pull|team-a/**|peers with region=eu|' +
      'region in eu, se; 10.0 MiB in 1 hour; until 1970-01-01 00:00:00 UTC|never',
  );
});

describe('a file of rules', () => {
  const file = { rules: [{ ...asked, direction: 'read-only' }] };
  const with_ = (data: unknown, options: CommandLine['options'] = {}) => ({
    args: { file: 'rules.yaml' },
    options,
    readData: async () => data,
  });

  test('is compared: what comes, what goes, and who gains and loses', async () => {
    const { calls, shown } = await run('diff', with_(file));
    expect(calls).toEqual([['policies.diff', file]]);
    expect(shown.split('\n')).toEqual([
      '- allow see, pull on team-a/** to trusted',
      '+ limit see, pull on team-a/** to peers with region=eu: ' +
        'region in eu, se; 10.0 MiB in 1 hour; until 1970-01-01 00:00:00 UTC',
      '3 rule(s) stay as they are.',
      'CHANGE|PEER|RESOURCE|VERBS',
      'gains|bergen|git/hansa|see',
      'This is a plan: nothing was changed.',
    ]);
  });

  test('is applied after a yes, and never without one', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const told: string[] = [];
    await expect(run('apply', { ...with_(file), told }, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: {
        question: '1 rule(s) added, 1 removed? bergen gains access to 1 resource(s).',
      },
    });
    expect(calls.map(([method]) => method)).toEqual(['policies.diff']);
    expect(told.at(0)).toBe('- allow see, pull on team-a/** to trusted');
    expect(told.at(-1)).toBe('bergen gains see on git/hansa');
    const applied = await run('apply', with_(file, { yes: true }));
    expect(applied.calls.at(-1)).toEqual(['policies.apply', file]);
    const planned = await run('apply', with_(file, { plan: true }));
    expect(planned.calls).toEqual([['policies.diff', file]]);
    expect(planned.output.next).toEqual(['hansa policy apply rules.yaml']);
  });

  test('names the mirrors that freeze, in the plan and beside the question', async () => {
    const losing = { ...diff, rows: [{ ...row, change: 'loses', verbs: ['pull'] }] };
    const resource = `${cluster}:git/hansa`;
    const held = { peer: cluster, peerName: 'bergen', id: 'git/hansa', resource, state: 'holds' };
    const freezing = {
      ...with_(file),
      answers: {
        ...answers,
        'policies.diff': losing,
        'policies.apply': losing,
        'receipts.holders': { holdings: [held, { ...held, id: 'git/x', state: 'purged' }] },
      },
    };
    const apply = commandNamed(policiesCommands, 'policy apply');
    await expect(runCommand(apply, freezing)).rejects.toMatchObject({
      facts: { question: expect.stringContaining('1 mirror(s) freeze.') },
    });
    for (const options of [{ plan: true }, { yes: true }]) {
      const { shown } = await runCommand(apply, { ...freezing, options });
      expect(shown).toContain('bergen|git/hansa|-');
      expect(shown).not.toContain('git/x');
    }
  });

  test('is imported beside what there is', async () => {
    const { calls } = await run('import', with_(file, { yes: true }));
    expect(calls).toEqual([
      ['policies.diff', { ...file, keep: true }],
      ['policies.apply', { ...file, keep: true }],
    ]);
  });

  test.each([
    ['no rules', {}],
    ['an unknown word', { rules: [], version: 2 }],
    ['an unknown word in a rule', { rules: [{ ...asked, verbs: ['see'], note: 'x' }] }],
    ['an unknown direction', { rules: [{ ...asked, direction: 'sideways' }] }],
    ['no rule at all', 'rules'],
  ])('with %s is refused before the node is asked', async (_, data) => {
    const calls: (readonly [string, unknown])[] = [];
    await expect(run('apply', with_(data, { yes: true }), calls)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(/^rules\.yaml: /),
    });
    expect(calls).toEqual([]);
  });

  test('that was exported is what apply reads', async () => {
    const { output, shown } = await run('export', {});
    expect(JSON.parse(shown)).toEqual(output.data);
    expect(policiesContract.methods.apply.input.safeParse(output.data).success).toBe(true);
    expect(output.data).toEqual({
      rules: [
        {
          effect: 'limit',
          resources: rule.resources,
          peers: rule.peers,
          verbs: rule.verbs,
          limits: rule.limits,
        },
      ],
    });
  });
});

test('hansa policy who-can lists clusters with rule and limits, and says where it stops', async () => {
  const { calls, shown } = await run('who-can', { args: { verb: 'pull', resource: 'hansa' } });
  expect(calls.slice(1)).toEqual([['policies.whoCan', { verb: 'pull', resource: 'git/hansa' }]]);
  expect(shown).toContain('bergen|r-1: limit see, pull on team-a/** to peers with region=eu');
  expect(shown).toContain('Only the first 1000 clusters are shown.');
});
