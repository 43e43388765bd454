import type { ClusterId, FederatedId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { lanesCommands } from './cli.ts';
import type { Lane } from './contract.ts';

const writer = 'ab'.repeat(32) as ClusterId;
const owner = 'cd'.repeat(32);
const resource = `${owner}:git/site` as FederatedId;
const lane: Lane = {
  lane: `${writer}:git/@${owner}/site` as FederatedId,
  resource,
  writer,
  writerName: 'bergen',
  ownerName: 'lubeck',
  side: 'ours',
  state: 'taken',
  conflicts: 0,
  addedMs: 0,
};
const inConflict = { ...lane, state: 'in-conflict', conflicts: 1 } as const;

describe('a lane', () => {
  const show = (shown: Lane) =>
    runCommand(commandNamed(lanesCommands, 'lane show'), {
      answers: { 'lanes.show': shown },
      args: { lane: 'lubeck:git/site' },
    });
  const list = (...lanes: readonly Lane[]) =>
    runCommand(commandNamed(lanesCommands, 'lane list'), { answers: { 'lanes.list': { lanes } } });

  test('in conflict is shown as that, and its writer is told that the owner resolves it', async () => {
    const { shown, output } = await show(inConflict);
    expect(shown).toContain('in conflict');
    expect(shown).toContain('lubeck resolves it');
    expect(output.next).toEqual(['hansa lane list']);
  });

  test('of another, in conflict, is for its owner to resolve', async () => {
    const { shown, output } = await show({ ...inConflict, side: 'theirs' });
    expect(shown).toContain('It is for you to resolve.');
    expect(output.next).toEqual(['hansa conflict list']);
  });

  test('without conflicts is taken, and says no more', async () => {
    const { shown } = await show(lane);
    expect(shown).toContain('taken');
    expect(shown).not.toContain('resolve');
  });

  test('leads to the conflicts only where there can be any', async () => {
    expect((await list(inConflict)).shown).toContain('in conflict');
    expect((await list(inConflict)).output.next).toEqual(['hansa lane show lubeck:git/site']);
    expect((await list({ ...inConflict, side: 'theirs' })).output.next).toEqual([
      'hansa conflict list',
    ]);
    expect((await list()).output.next).toEqual(['hansa sync push <peer>:<name>']);
  });
});
