import type { ClusterId, FederatedId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { quarantineCommands } from './cli.ts';
import type { Quarantine, SelfSuspicion } from './contract.ts';

const peer = 'ab'.repeat(32) as ClusterId;
const resource = `${peer}:git/hansa` as FederatedId;
const error = { code: 'BLOB_CORRUPT', message: 'bad bytes' } as const;
const quarantine: Quarantine = {
  peer,
  peerName: 'bergen',
  state: 'quarantined',
  untilMs: 1_700_000_000_000,
  incidents: [
    { resource, answersAs: 'deliverer', error, firstMs: 0, lastMs: 1_699_999_000_000, times: 4 },
  ],
};
const suspicion: SelfSuspicion = {
  resource,
  sources: [peer, 'cd'.repeat(32) as ClusterId],
  sinceMs: 0,
  untilMs: 3_600_000,
  errors: [error],
};
const run = (name: string, line: CommandLine, calls: (readonly [string, unknown])[] = []) =>
  runCommand(commandNamed(quarantineCommands, `quarantine ${name}`), line, calls);

describe('hansa quarantine', () => {
  test('list shows who is kept out until when, and where we doubt ourselves', async () => {
    const { shown, output } = await run('list', {
      answers: { 'quarantine.list': { peers: [quarantine], ourselves: [suspicion] } },
    });
    expect(shown).toContain('bergen|quarantined|2023-11-14');
    expect(shown).toContain('disk or memory is in doubt');
    expect(output.next).toEqual(['hansa quarantine show bergen']);
  });

  test('list says when nobody is', async () => {
    const { shown } = await run('list', {
      answers: { 'quarantine.list': { peers: [], ourselves: [] } },
    });
    expect(shown).toContain('Nobody is quarantined');
  });

  test('show has the evidence and the way out', async () => {
    const { shown, output } = await run('show', {
      answers: { 'quarantine.show': quarantine },
      args: { peer: 'bergen' },
    });
    expect(shown).toContain('git/hansa|deliverer|4|');
    expect(shown).toContain('bad bytes');
    expect(output.next).toEqual(['hansa quarantine lift bergen']);
  });

  test('lift asks first', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const line = {
      answers: { 'quarantine.lift': { peer: quarantine } },
      args: { subject: 'bergen' },
    };
    await expect(run('lift', line, calls)).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(calls).toEqual([]);
    await run('lift', { ...line, options: { yes: true } }, calls);
    expect(calls).toEqual([['quarantine.lift', { peerOrMirror: 'bergen' }]]);
  });
});
