import type { ClusterId, FederatedId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { receiptsCommands } from './cli.ts';
import type { Holding, Receipt } from './contract.ts';

const peer = 'ab'.repeat(32) as ClusterId;
const resource = `${'cd'.repeat(32)}:git/hansa` as FederatedId;
const receipt: Receipt = {
  mirror: peer,
  resource,
  withdrawal: 'ef'.repeat(32),
  epoch: 1,
  sequence: 40,
  chain: '11'.repeat(32),
  digest: '22'.repeat(32),
  outcome: 'purged',
  reason: '',
  atMs: 1_700_000_000_000,
  keyIndex: 0,
  signature: '33'.repeat(64),
};
const frozen: Holding = {
  peer,
  peerName: 'bergen',
  resource,
  id: 'git/hansa',
  state: 'frozen',
  epoch: 1,
  sequence: 40,
  withdrawnMs: 1_700_000_000_000,
  purgeAtMs: 1_700_086_400_000,
};
const run = (name: string, line: CommandLine, calls: (readonly [string, unknown])[] = []) =>
  runCommand(commandNamed(receiptsCommands, name), line, calls);

describe('hansa receipt', () => {
  test.each<[Partial<Holding>, string]>([
    [{}, 'bergen|git/hansa|frozen|1/40|until '],
    [{ state: 'untold', silentSinceMs: 0 }, 'silent since '],
    [{ state: 'purged', receipt }, 'purged 2023-11-14'],
    [
      { state: 'retained', receipt: { ...receipt, outcome: 'retained', reason: 'a dispute' } },
      ': a dispute',
    ],
    [{ problem: { code: 'RECEIPT_INVALID', message: 'not signed' } }, 'RECEIPT_INVALID'],
    [{ epoch: undefined, state: 'holds' }, 'bergen|git/hansa|holds|-|'],
  ])('list tells what a peer says, and since when it says nothing: %j', async (other, expected) => {
    const { shown, output } = await run('receipt list', {
      answers: { 'receipts.list': { holdings: [{ ...frozen, ...other }], truncated: false } },
    });
    expect(shown).toContain(expected);
    expect(output.next).toEqual(['hansa receipt show bergen git/hansa']);
  });

  test('list says when nothing was withdrawn, and when not all of it is shown', async () => {
    const none = { holdings: [], truncated: false };
    const { shown } = await run('receipt list', { answers: { 'receipts.list': none } });
    expect(shown).toContain('Nothing was withdrawn');
    const many = { holdings: [frozen], truncated: true };
    const cut = await run('receipt list', { answers: { 'receipts.list': many } });
    expect(cut.shown).toContain('Only the first 1');
  });

  test('show has the receipt as it was signed', async () => {
    const { shown, output } = await run('receipt show', {
      answers: { 'receipts.show': { ...frozen, state: 'purged', receipt } },
      args: { peer: 'bergen', resource: 'hansa' },
    });
    expect(shown).toContain(receipt.signature);
    expect(output.data).toMatchObject({ receipt });
  });

  test('hurry asks first', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const line = {
      answers: { 'receipts.hurry': { holdings: [frozen] } },
      args: { peer: 'bergen', resource: 'hansa' },
    };
    await expect(run('receipt hurry', line, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
    });
    expect(calls).toEqual([]);
    await run('receipt hurry', { ...line, options: { yes: true } }, calls);
    const copies = [{ peer: 'bergen', resource: 'hansa' }];
    expect(calls).toEqual([['receipts.hurry', { copies }]]);
  });

  test.each<[Partial<Holding>, string]>([
    [{ state: 'purged', receipt }, 'purged 2023-11-14'],
    [{}, 'bergen is asked to delete it now, and has not said yet that it has.'],
  ])('hurry tells what it came to: %j', async (other, expected) => {
    const { shown } = await run('receipt hurry', {
      answers: { 'receipts.hurry': { holdings: [{ ...frozen, ...other }] } },
      args: { peer: 'bergen', resource: 'hansa' },
      options: { yes: true },
    });
    expect(shown).toContain(expected);
  });

  test.each(['holds', 'restoring'])(
    'hurry refuses where nothing was withdrawn: %s',
    async (state) => {
      const line = {
        answers: { 'receipts.hurry': { holdings: [{ ...frozen, state }] } },
        args: { peer: 'bergen', resource: 'hansa' },
        options: { yes: true },
      };
      await expect(run('receipt hurry', line)).rejects.toMatchObject({ code: 'MIRROR_NOT_FROZEN' });
    },
  );
});

describe('hansa mirror retain', () => {
  test('asks, then tells what its owner is told', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const reason = 'a dispute';
    const line = {
      answers: { 'receipts.retain': { ...receipt, outcome: 'retained', reason } },
      args: { mirror: 'lubeck:hansa' },
      options: { reason },
    };
    await expect(run('mirror retain', line, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
    });
    const { shown } = await run('mirror retain', { ...line, confirm: true }, calls);
    expect(shown).toContain('a dispute');
    expect(calls).toEqual([['receipts.retain', { resource: 'lubeck:hansa', reason }]]);
  });
});
