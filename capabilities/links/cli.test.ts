import { HansaError, type ClusterId, type NodeId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { linksCommands } from './cli.ts';
import type { Link } from './contract.ts';

const peer = 'ab'.repeat(32) as ClusterId;
const words = 'amber ferry acorn canoe cedar fjord';
const link = (given: Partial<Link> = {}): Link => ({
  peer,
  name: 'bergen',
  status: 'live',
  mine: true,
  theirs: true,
  epoch: 1,
  checkWords: words,
  confirmedHere: true,
  confirmedThere: true,
  labels: {},
  endpoints: [{ node: 'cd'.repeat(32) as NodeId, addresses: ['127.0.0.1:4100'] }],
  createdMs: 0,
  silentMs: 1_200,
  missing: 0,
  ...given,
});
const pending = link({
  status: 'pending',
  reason: 'the check words are not confirmed on both sides',
  confirmedHere: false,
  confirmedThere: false,
});
const acceptance = {
  link: pending,
  checks: [{ check: 'clock', passed: false, finding: "the peer's clock is 90000 ms from ours" }],
};
const invitation = { id: '1', token: 'hansa-link-1.abc', expiresMs: 1, serveOnly: false };

const run = (name: string, line: CommandLine, calls?: (readonly [string, unknown])[]) =>
  runCommand(commandNamed(linksCommands, name), line, calls);

test('every verb of a link has its command, with an example', () => {
  const spoken = linksCommands.map(({ verb }) => verb);
  expect(new Set(spoken)).toEqual(
    new Set(['accept', 'close', 'confirm', 'inspect', 'invite', 'label', 'list', 'revoke', 'show']),
  );
  for (const { examples, verb } of linksCommands) {
    expect(examples.every((example) => example.startsWith(`hansa link ${verb}`))).toBe(true);
  }
});

describe('hansa link invite', () => {
  test('shows the token on a line of its own, its time in words, and what to do next', async () => {
    const { output, calls, shown } = await run('link invite', {
      answers: { 'links.invite': invitation },
      options: { expires: '90s' },
    });
    expect(calls).toEqual([['links.invite', { ttlMs: 90_000, serveOnly: false, confirm: false }]]);
    expect(output.data).toEqual(invitation);
    expect(shown.split('\n')).toEqual([
      'hansa-link-1.abc',
      'Good for one link, within 1 minute 30 seconds.',
    ]);
    expect(output.next).toEqual([
      'hansa link accept <token>  # on the other cluster',
      'hansa link confirm <peer>  # here, once the words agree',
      `hansa link revoke ${invitation.id}  # to withdraw it`,
    ]);
  });

  test('with --yes confirms whoever redeems it, so there is nothing to confirm next', async () => {
    const { output, calls } = await run('link invite', {
      answers: { 'links.invite': { ...invitation, serveOnly: true } },
      options: { yes: true, serveOnly: true },
    });
    expect(calls).toEqual([['links.invite', { ttlMs: 900_000, serveOnly: true, confirm: true }]]);
    expect(output.next?.join()).not.toContain('confirm');
  });

  test.each(['8d', '15'])('with --expires %s is INPUT_INVALID before anything is made', (expires) =>
    expect(run('link invite', { answers: {}, options: { expires } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    }),
  );
});

describe('hansa link accept', () => {
  const accept = (line: Partial<CommandLine>) =>
    run('link accept', {
      answers: { 'links.accept': acceptance, 'links.confirm': link({ confirmedThere: false }) },
      args: { token: 'hansa-link-1.abc' },
      ...line,
    });

  test('without a terminal leaves the link pending, says so, and does not fail', async () => {
    const { output, shown, calls } = await accept({});
    expect(calls.map(([method]) => method)).toEqual(['links.accept']);
    expect(output.exit ?? 0).toBe(0);
    expect(output.data).toEqual(acceptance);
    expect(shown).toContain(`\n    ${words}\n`);
    expect(shown).toContain("clock|failed|the peer's clock is 90000 ms from ours");
    expect(shown).toContain('is pending: confirmed on neither side yet');
    expect(output.next?.[0]).toBe('hansa link confirm bergen  # where the words agree');
  });

  test('asks with the words in the question, and confirms after a yes', async () => {
    const { calls, questions, output, shown } = await accept({ confirm: true });
    expect(questions).toEqual([expect.stringContaining(words)]);
    expect(questions[0]).toContain('Are these words shown on the other side?');
    expect(calls.map(([method]) => method)).toEqual(['links.accept', 'links.confirm']);
    expect(output.data).toMatchObject({ link: { confirmedHere: true }, checks: acceptance.checks });
    expect(shown).toContain('confirmed here; waiting for bergen');
  });

  test('with --yes asks nothing and confirms in the same call', async () => {
    const { calls, questions } = await accept({
      answers: { 'links.accept': { ...acceptance, link: link() } },
      options: { yes: true, name: 'north' },
    });
    expect(questions).toEqual([]);
    expect(calls).toEqual([
      [
        'links.accept',
        { token: 'hansa-link-1.abc', serveOnly: false, confirm: true, name: 'north' },
      ],
    ]);
  });
});

describe('hansa link confirm', () => {
  const confirm = (line: Partial<CommandLine>, calls?: (readonly [string, unknown])[]) =>
    run(
      'link confirm',
      {
        answers: { 'links.show': pending, 'links.confirm': link() },
        args: { peer: 'bergen' },
        ...line,
      },
      calls,
    );

  test('without a terminal is NOT_CONFIRMED, and tells the words', async () => {
    const calls: (readonly [string, unknown])[] = [];
    await expect(confirm({}, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      message: expect.stringContaining(words),
      fix: expect.stringContaining('hansa link confirm bergen --yes'),
    });
    expect(calls.map(([method]) => method)).toEqual(['links.show']);
  });

  test.each<[Partial<CommandLine>]>([
    [{ options: { yes: true } }],
    [{ confirm: true }],
    [{ options: { words } }],
  ])('confirms with %j', async (line) => {
    const { calls, output, shown } = await confirm(line);
    expect(calls.at(-1)).toEqual([
      'links.confirm',
      { peer: 'bergen', words: line.options?.['words'] },
    ]);
    expect(output.data).toMatchObject({ name: 'bergen' });
    expect(shown).toContain('confirmed on both sides');
  });

  test('passes on that other words are not the link’s', () =>
    expect(
      confirm({
        options: { words: 'other words' },
        answers: {
          'links.show': pending,
          'links.confirm': new HansaError('LINK_WORDS_DIFFER', 'these are not the check words'),
        },
      }),
    ).rejects.toMatchObject({ code: 'LINK_WORDS_DIFFER' }));
});

describe('hansa link list', () => {
  test('shows every link with both halves, and the words of the pending ones', async () => {
    const links = [link(), { ...pending, name: 'visby', missing: undefined, silentMs: undefined }];
    const { shown, output } = await run('link list', { answers: { 'links.list': { links } } });
    expect(shown.split('\n')).toEqual([
      'NAME|STATUS|MINE|THEIRS|SILENT|MISSING|REASON',
      'bergen|live|yes|yes|1 second|0|',
      'visby|pending|yes|yes|-|-|the check words are not confirmed on both sides',
      'Check words with visby, confirmed on neither side yet:',
      `    ${words}`,
    ]);
    expect(output.next).toEqual(['hansa link confirm visby  # where the words agree']);
  });

  test('without links says so and how to make one', async () => {
    const { shown, output } = await run('link list', { answers: { 'links.list': { links: [] } } });
    expect(shown).toBe('No links yet.');
    expect(output.next).toEqual(['hansa link invite']);
  });
});

describe('hansa link label', () => {
  const row = { peer, peerName: 'bergen', resource: 'kv/prices', verbs: ['see', 'pull'] };
  const holding = {
    peer,
    peerName: 'bergen',
    id: 'kv/prices',
    resource: `${peer}:kv/prices`,
    state: 'holds',
    epoch: 1,
    sequence: 6,
  };
  const relabel = (change: string, more: Partial<CommandLine>, calls?: [string, unknown][]) =>
    run(
      'link label',
      {
        answers: {
          'links.planLabels': { rows: [{ ...row, change }], truncated: false },
          'links.label': link({ labels: { region: 'us' } }),
          'receipts.holders': { holdings: [holding] },
        },
        args: { peer: 'bergen', label: 'region=us' },
        ...more,
      },
      calls,
    );

  test('that takes something away tells what, with the mirrors that freeze, and waits for a yes', async () => {
    const calls: [string, unknown][] = [];
    const told: string[] = [];
    await expect(relabel('loses', { told }, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      fix: expect.stringContaining('--yes'),
      facts: { question: expect.stringContaining('1 mirror(s) freeze.') },
    });
    expect(told).toContain('bergen loses see, pull on kv/prices');
    expect(calls.map(([method]) => method)).toEqual(['links.planLabels', 'receipts.holders']);
    for (const line of [{ options: { yes: true } }, { confirm: true }]) {
      const done = await relabel('loses', line);
      expect(done.calls.at(-1)?.[0]).toBe('links.label');
      expect(done.shown).toContain('bergen|kv/prices|1/6');
    }
  });

  test('that only gives asks nothing', async () => {
    const { calls, questions } = await relabel('gains', {});
    expect(calls.map(([method]) => method)).toEqual(['links.planLabels', 'links.label']);
    expect(questions).toEqual([]);
  });

  test('as a plan ends with the whole command', async () => {
    const { output } = await relabel('loses', { options: { plan: true, wipe: ['tier'] } });
    expect(output.next).toEqual(['hansa link label bergen region=us --wipe tier']);
  });
});

test('hansa link show tells the last error in full', async () => {
  const lastError = { code: 'DIAL_FAILED', message: 'nobody answers', fix: 'look at the address' };
  const { shown } = await run('link show', {
    answers: { 'links.show': { ...link({ status: 'disconnected' }), lastError } },
    args: { peer: 'bergen' },
  });
  expect(shown).toContain('last error: DIAL_FAILED: nobody answers\n  fix: look at the address');
  expect(shown).toContain('last beat: 1 second ago');
});

describe('hansa link close', () => {
  const answers = { 'links.show': link(), 'links.close': { link: link({ status: 'closed' }) } };

  test('closes nothing that nobody confirmed', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const closing = run('link close', { answers, args: { peer: 'bergen' } }, calls);
    await expect(closing).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(calls.map(([method]) => method)).toEqual(['links.show']);
  });

  test('with --yes closes the link', async () => {
    const line = { answers, args: { peer: 'bergen' }, options: { yes: true } };
    const { calls, shown } = await run('link close', line);
    expect(calls.at(-1)).toEqual(['links.close', { peer }]);
    expect(shown).toBe('Closed the link with bergen.');
  });
});

test('hansa link inspect tells why a token would fail', async () => {
  const { shown, output } = await run('link inspect', {
    answers: {
      'links.inspect': {
        cluster: peer,
        name: 'lubeck',
        endpoints: [],
        expiresMs: 0,
        serveOnly: false,
        usable: false,
        problem: { code: 'LINK_TOKEN_EXPIRED', message: 'the token expired 3 minutes ago' },
      },
    },
    args: { token: 'hansa-link-1.abc' },
  });
  expect(shown).toContain('usable: no');
  expect(shown).toContain('LINK_TOKEN_EXPIRED: the token expired 3 minutes ago');
  expect(output.next).toEqual(['hansa link invite  # on the cluster that made it']);
});
