import { federatedId, localId, type ClusterId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { waitMaxMs } from './cli-now.ts';
import { syncCommands } from './cli.ts';
import { syncContract, type Mirror } from './contract.ts';

const owner = 'ab'.repeat(32) as ClusterId;
const mirror = (given: Partial<Mirror> = {}): Mirror => ({
  resource: federatedId(owner, localId('git', 'hansa')),
  owner,
  ownerName: 'lubeck',
  kind: 'git',
  name: 'hansa',
  state: 'current',
  applied: { epoch: 1, sequence: 42, digest: 'd1', appliedMs: 60_000 },
  headSequence: 42,
  headAsOfMs: 60_000,
  fetchedBlobs: 3,
  fetchedBytes: 3_565_158,
  addedMs: 0,
  ...given,
});
const refused = mirror({
  state: 'refused',
  lastError: {
    code: 'DIGEST_MISMATCH',
    message: 'the recomputed digest is not the head’s',
    fix: 'tell the owner',
  },
});

const run = (name: string, line: CommandLine, calls?: (readonly [string, unknown])[]) =>
  runCommand(commandNamed(syncCommands, name), line, calls);

const addMirror = (status: string) =>
  run('mirror add', {
    answers: {
      'sync.add': mirror({ state: 'waiting', applied: undefined }),
      'links.show': {
        peer: owner,
        name: 'lubeck',
        status,
        mine: true,
        theirs: true,
        epoch: 1,
        checkWords: '',
        confirmedHere: true,
        confirmedThere: status !== 'pending',
        labels: {},
        endpoints: [],
        createdMs: 0,
      },
    },
    args: { resource: 'lubeck:hansa' },
  });

test('hansa mirror add over a pending link says what the mirror waits for', async () => {
  const { output, shown } = await addMirror('pending');
  expect(shown).toContain('The link with lubeck waits for confirmation');
  expect(output.next).toEqual(['hansa link show lubeck']);
});

test('hansa mirror add starts a mirror and says how to see it come', async () => {
  const { output, calls, shown } = await addMirror('live');
  expect(calls[0]).toEqual(['sync.add', { resource: 'lubeck:hansa' }]);
  expect(shown).toContain('Mirroring lubeck:hansa.');
  expect(output.next?.[0]).toBe('hansa sync status');
});

test('hansa mirror list and show tell the state', async () => {
  const mirrors = [mirror()];
  const listed = await run('mirror list', { answers: { 'sync.list': { mirrors } } });
  expect(listed.shown.split('\n')[1]).toBe('lubeck:hansa|git|current|1/42|1970-01-01 00:00:00 UTC');
  const shown = await run('mirror show', {
    answers: { 'sync.show': refused },
    args: { mirror: 'lubeck:hansa' },
  });
  expect(shown.shown).toContain('fetched: 3 blob(s), 3.4 MiB');
  expect(shown.shown).toContain('lubeck:hansa: DIGEST_MISMATCH: ');
});

describe('hansa mirror remove', () => {
  const line = {
    answers: { 'sync.show': mirror(), 'sync.remove': mirror() },
    args: { mirror: 'lubeck:hansa' },
  };

  test('deletes nothing that nobody confirmed', async () => {
    const calls: (readonly [string, unknown])[] = [];
    await expect(run('mirror remove', line, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
    });
    expect(calls.map(([method]) => method)).toEqual(['sync.show']);
  });

  test('with --yes deletes the copy', async () => {
    const { calls } = await run('mirror remove', { ...line, options: { yes: true } });
    expect(calls.at(-1)).toEqual(['sync.remove', { resource: mirror().resource }]);
  });
});

describe('hansa sync status', () => {
  const status = (mirrors: readonly Mirror[]) =>
    run('sync status', { answers: { 'sync.list': { mirrors } } });

  test('shows how far mirrors are, and below in full what refuses one', async () => {
    const { shown, output } = await status([mirror(), refused]);
    expect(shown.split('\n')).toEqual([
      'MIRROR|STATE|APPLIED|HEAD|FETCHED|LAST-APPLIED|ERROR',
      'lubeck:hansa|current|1/42|42|3.4 MiB|1970-01-01 00:01:00 UTC|',
      'lubeck:hansa|refused|1/42|42|3.4 MiB|1970-01-01 00:01:00 UTC|DIGEST_MISMATCH',
      'lubeck:hansa: DIGEST_MISMATCH: the recomputed digest is not the head’s',
      '  fix: tell the owner',
    ]);
    expect(output.exit ?? 0).toBe(0);
    expect(output.next).toEqual(['hansa mirror show lubeck:hansa']);
  });

  test('of a mirror that waits points at the links', async () => {
    const waiting = mirror({ state: 'waiting', applied: undefined, headSequence: undefined });
    const { shown, output } = await status([waiting]);
    expect(shown).toContain('lubeck:hansa|waiting|nothing yet|-|');
    expect(output.next?.[0]).toBe('hansa link list');
  });

  test('names each way out once', async () => {
    const absent = mirror({ state: 'absent' });
    const { output } = await status([absent, absent, mirror({ state: 'pulling' })]);
    expect(output.next).toEqual([
      'hansa catalog list --peer lubeck',
      'hansa sync now lubeck:hansa',
    ]);
    expect((await status([mirror()])).output.next).toEqual(['hansa repo list']);
  });

  test('without mirrors says how to find one', async () => {
    const { shown, output } = await status([]);
    expect(shown).toBe('No mirrors yet.');
    expect(output.next).toEqual(['hansa catalog list', 'hansa mirror add <peer>:<name>']);
  });
});

describe('hansa sync now', () => {
  const now = (mirrors: readonly Mirror[], line: Partial<CommandLine> = {}) =>
    run('sync now', {
      answers: {
        'sync.now': { mirrors },
        'sync.show': mirror(),
        'sync.changes': [
          mirror({ state: 'pulling', fetchedBytes: 0 }),
          mirror({ state: 'pulling', fetchedBytes: 1_024 }),
          mirror({ state: 'pulling', fetchedBytes: 9 * 1_024 * 1_024 }),
          mirror({ name: 'other', state: 'pulling' }),
        ],
      },
      ...line,
    });

  test('waits for the round of every mirror', async () => {
    const { calls, output } = await now([mirror()], { options: { wait: '30s' } });
    expect(calls).toContainEqual(['sync.now', { resource: undefined, waitMs: 30_000 }]);
    expect(output.exit).toBe(0);
  });

  test('of one mirror tells its progress while it lasts, in steps', async () => {
    const { progress } = await now([mirror()], { args: { mirror: 'lubeck:hansa' } });
    expect(progress).toEqual(['lubeck:hansa pulling', 'lubeck:hansa pulling, 3 blob(s), 9.0 MiB']);
  });

  test.each([
    ['current', 0],
    ['absent', 3],
    ['waiting', 6],
    ['pulling', 6],
    ['refused', 7],
    ['halted', 7],
  ] as const)('that leaves a mirror %s exits with %i', async (state, exit) => {
    const { output } = await now([mirror({ state }), mirror()]);
    expect(output.exit).toBe(exit);
  });

  test('does its work also where changes cannot be watched', async () => {
    const { output } = await now([mirror()], {
      answers: { 'sync.now': { mirrors: [mirror()] }, 'sync.changes': new Error('no stream') },
    });
    expect(output.exit).toBe(0);
  });

  test('waits at most as long as the contract takes', async () => {
    await expect(now([], { options: { wait: '11m' } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
    const { input } = syncContract.methods.now;
    expect(input.safeParse({ waitMs: waitMaxMs }).success).toBe(true);
    expect(input.safeParse({ waitMs: waitMaxMs + 1 }).success).toBe(false);
  });
});
