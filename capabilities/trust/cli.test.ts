import type { ClusterId, LocalId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { trustCommands } from './cli.ts';
import type { Judgement, TrustRequest } from './contract.ts';

const cluster = 'ab'.repeat(32) as ClusterId;
const node = 'cd'.repeat(32);
const judgement: Judgement = { cluster, name: 'bergen', level: 'blocked', note: 'x', sinceMs: 0 };
const request: TrustRequest = {
  cluster,
  message: 'as agreed',
  requestedMs: 0,
  expiresMs: 3_600_000,
};
const row = { peer: cluster, peerName: 'bergen', resource: 'git/hansa' as LocalId };
const plan = { rows: [{ ...row, change: 'loses', verbs: ['see', 'pull'] }], truncated: false };
const answers = {
  'trust.plan': plan,
  'trust.set': judgement,
  'trust.accept': { ...judgement, level: 'trusted' },
  'trust.reject': request,
  'trust.request': { cluster },
  'trust.list': { judgements: [judgement] },
  'trust.requests': { requests: [request] },
  'receipts.holders': { holdings: [] },
};

const run = (
  name: string,
  line: Omit<CommandLine, 'answers'>,
  calls?: (readonly [string, unknown])[],
) => runCommand(commandNamed(trustCommands, name), { answers, ...line }, calls);

describe('hansa trust block', () => {
  const args = { peer: 'bergen' };

  test('asks with the consequences, and blocks nobody without a yes', async () => {
    const calls: (readonly [string, unknown])[] = [];
    await expect(run('trust block', { args }, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: {
        question:
          'Make bergen blocked? Its connections end at once. bergen loses access to 1 resource(s).',
      },
    });
    expect(calls).toEqual([
      ['trust.plan', { peer: 'bergen', level: 'blocked' }],
      ['receipts.holders', { copies: [{ peer: cluster, resource: 'git/hansa' }] }],
    ]);
  });

  test('with --yes blocks, and tells who lost what', async () => {
    const options = { yes: true, note: 'a stolen key' };
    const { calls, shown, output } = await run('trust block', { args, options });
    const input = { peer: 'bergen', level: 'blocked', note: 'a stolen key' };
    expect(calls.at(-1)).toEqual(['trust.set', input]);
    expect(shown).toContain('bergen is blocked.');
    expect(shown).toContain('loses|bergen|git/hansa|see, pull');
    expect(output.data).toEqual(judgement);
  });

  test('with --plan only tells', async () => {
    const { calls, output } = await run('trust block', { args, options: { plan: true } });
    expect(calls.map(([method]) => method)).toEqual(['trust.plan', 'receipts.holders']);
    expect(output.next).toEqual(['hansa trust set bergen blocked']);
  });
});

test.each([
  ['trust unblock', {}, { peer: 'bergen', level: 'public' }],
  ['trust set', { level: 'trusted' }, { peer: 'bergen', level: 'trusted' }],
])('hansa %s says which level it means', async (name, more, input) => {
  const { calls } = await run(name, { args: { peer: 'bergen', ...more }, options: { yes: true } });
  expect(calls.at(-1)).toEqual(['trust.set', input]);
});

test('an unknown level is an error before the node is asked', () =>
  expect(
    run('trust set', { args: { peer: 'bergen', level: 'friend' }, options: { yes: true } }),
  ).rejects.toMatchObject({ code: 'INPUT_INVALID' }));

describe('hansa trust requests', () => {
  test('shows who asks, and how to answer', async () => {
    const { shown, output } = await run('trust requests', {});
    expect(shown).toContain(`${cluster}|(not linked)|1970-01-01 00:00:00 UTC`);
    expect(output.next).toEqual([`hansa trust accept ${cluster} --plan`]);
  });

  test('are accepted as a plan first, and rejected without one', async () => {
    const args = { peer: cluster };
    const planned = await run('trust accept', { args, options: { plan: true } });
    expect(planned.calls[0]).toEqual(['trust.plan', { peer: cluster, level: 'trusted' }]);
    expect(planned.output.next).toEqual([`hansa trust accept ${cluster}`]);
    const accepted = await run('trust accept', { args, options: { yes: true } });
    expect(accepted.calls.at(-1)).toEqual(['trust.accept', { peer: cluster }]);
    const rejected = await run('trust reject', { args });
    expect(rejected.calls).toEqual([['trust.reject', { peer: cluster }]]);
  });
});

describe('hansa trust request', () => {
  test('goes over the link, or to an address', async () => {
    const linked = await run('trust request', { args: { peer: 'bergen' } });
    expect(linked.calls).toEqual([['trust.request', { peer: 'bergen' }]]);
    const options = { message: 'it is us', at: `${node}@192.0.2.1:4100,[2001:db8::1]:4100` };
    const visiting = await run('trust request', { args: { peer: cluster }, options });
    expect(visiting.calls[0]?.[1]).toEqual({
      peer: cluster,
      message: 'it is us',
      at: { node, addresses: ['192.0.2.1:4100', '[2001:db8::1]:4100'] },
    });
  });

  test.each(['nowhere', `${node}@`, '192.0.2.1:4100'])('refuses the place "%s"', (at) =>
    expect(
      run('trust request', { args: { peer: cluster }, options: { at } }),
    ).rejects.toMatchObject({ code: 'INPUT_INVALID' }),
  );
});

test('hansa trust list shows level, since when and why', async () => {
  const { shown } = await run('trust list', {});
  expect(shown).toContain(`${cluster}|bergen|blocked|1970-01-01 00:00:00 UTC|x`);
});

test('every command has an example that begins with its words', () => {
  for (const { noun, verb, examples } of trustCommands) {
    expect(examples[0]?.startsWith(`hansa ${noun} ${verb ?? ''}`)).toBe(true);
  }
});
