import type { ClusterId, FederatedId, LocalId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { recoveryCommands } from './cli.ts';
import type { RecoveryPlan, ReturnPlan, Rewound } from './contract.ts';

const peer = 'ab'.repeat(32) as ClusterId;
const id = 'git/atlas' as LocalId;
const rewound: Rewound = {
  id,
  cause: 'behind',
  here: { epoch: 1, sequence: 12 },
  held: { epoch: 1, sequence: 40, asOfMs: 1_700_000_000_000 },
  peer,
  peerName: 'bergen',
  foundMs: 1_700_000_100_000,
};
const plan: RecoveryPlan = {
  id,
  way: 'adopt',
  epoch: 2,
  peerName: 'bergen',
  entriesHere: 3,
  sentences: ['what bergen holds takes the place of the 3 entries', 'epoch 2 begins'],
};
const run = (name: string, line: CommandLine, calls: (readonly [string, unknown])[] = []) =>
  runCommand(commandNamed(recoveryCommands, name), line, calls);

describe('hansa recover', () => {
  test('list shows where we stand, where the copy stands, and both ways on', async () => {
    const { shown, output } = await run('recover list', {
      answers: { 'recovery.list': { rewound: [rewound] } },
    });
    expect(shown).toContain('git/atlas|behind|1/12|1/40|');
    expect(output.next).toEqual([
      'hansa recover adopt git/atlas --plan',
      'hansa recover new-epoch git/atlas --plan',
    ]);
  });

  test('list with nothing to recover says so', async () => {
    const { shown } = await run('recover list', { answers: { 'recovery.list': { rewound: [] } } });
    expect(shown).toContain('Nothing is rewound');
  });

  test.each(['adopt', 'new-epoch'])('%s --plan changes nothing', async (verb) => {
    const calls: (readonly [string, unknown])[] = [];
    const { shown } = await run(
      `recover ${verb}`,
      {
        answers: { 'recovery.plan': plan },
        args: { resource: 'atlas' },
        options: { plan: true },
      },
      calls,
    );
    expect(shown).toContain('Epoch 2 begins.');
    expect(calls.map(([method]) => method)).toEqual(['recovery.plan']);
  });

  test('adopt asks first, and without a yes nothing happens', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const refused = run(
      'recover adopt',
      { answers: { 'recovery.plan': plan }, args: { resource: 'atlas' } },
      calls,
    );
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(calls).toHaveLength(1);
  });

  test('new-epoch --yes goes on, by the id that the plan has found', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const done = { id, way: 'new-epoch', epoch: 2, entries: 3 };
    const { shown } = await run(
      'recover new-epoch',
      {
        answers: { 'recovery.plan': plan, 'recovery.begin': done },
        args: { resource: 'atlas' },
        options: { yes: true },
      },
      calls,
    );
    expect(shown).toContain('git/atlas goes on in epoch 2 with 3 entries.');
    expect(calls[1]).toEqual(['recovery.begin', { id }]);
  });

  test('return-plan names the step of every copy, and what a person has to decide', async () => {
    const returning: ReturnPlan = {
      peer,
      peerName: 'bergen',
      connected: true,
      rows: [
        {
          resource: `${peer}:git/site` as FederatedId,
          name: 'site',
          side: 'theirs',
          step: 'pull',
          held: { epoch: 1, sequence: 3 },
          owner: { epoch: 1, sequence: 9 },
        },
        {
          resource: `${'cd'.repeat(32)}:git/atlas` as FederatedId,
          name: 'atlas',
          side: 'ours',
          step: 'decide',
          held: { epoch: 1, sequence: 40 },
          reason: 'behind its own past',
        },
      ],
    };
    const { shown, output } = await run('recover return-plan', {
      answers: { 'recovery.returning': returning },
      args: { peer: 'bergen' },
    });
    expect(shown).toContain('site|bergen|pull|1/3|1/9|');
    expect(shown).toContain('atlas|us|decide|1/40|-|behind its own past');
    expect(output.next).toEqual(['hansa recover list']);
  });
});
