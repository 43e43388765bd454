import type { ClusterId, NodeId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { daemonCommands } from './cli.ts';
import type { DaemonStatus } from './contract.ts';

const peer = 'ab'.repeat(32) as ClusterId;
const healthy: DaemonStatus = {
  cluster: 'cd'.repeat(32) as ClusterId,
  name: 'lubeck',
  node: 'ef'.repeat(32) as NodeId,
  version: '0.1.0',
  pid: 42,
  uptimeMs: 5_400_000,
  data: 'data',
  api: 'http://127.0.0.1:4000',
  federation: 'on',
  warnings: [],
  certificate: { keyIndex: 0, serial: 3, leftMs: 518_400_000 },
  addresses: ['127.0.0.1:4100'],
  store: { engine: 'lmdb', durability: 'strict', revision: 7, sizeBytes: 4_096 },
  resources: 1,
  rules: 2,
  trust: { trusted: 1, blocked: 0, requests: 2 },
  links: [{ name: 'bergen', peer, status: 'stalled', reason: 'no beat for 7 s' }],
  mirrors: [{ mirror: 'bergen:site', state: 'current', sequence: 9 }],
  memoryBytes: 83_886_080,
};
const run = (name: string, line: CommandLine) =>
  runCommand(commandNamed(daemonCommands, name), line);
const status = (answer: DaemonStatus) => run('status', { answers: { 'daemon.status': answer } });

describe('hansa status', () => {
  test('shows identity, store, links and mirrors at a glance', async () => {
    const { shown, output } = await status(healthy);
    expect(output.data).toEqual(healthy);
    expect(shown).toContain(`cluster: lubeck (${healthy.cluster})`);
    expect(shown).toContain('store: lmdb, strict, 4.0 KiB');
    expect(shown).toContain('owns: 1 resource(s), shared by 2 rule(s)');
    expect(shown).toContain('trust: 1 cluster(s) trusted, 0 blocked; 2 ask(s) for it');
    expect(shown).toContain('started: 1 hour 30 minutes ago');
    expect(shown).toContain('bergen|stalled|no beat for 7 s');
    expect(shown).toContain('bergen:site|current|9');
    expect(output.next).toEqual(['hansa link list', 'hansa sync status']);
  });

  test('says why federation is off, and does not fail: local service runs on', async () => {
    const problem = { code: 'KEY_MALFORMED', message: 'the cluster key is damaged' } as const;
    const { shown, output } = await status({ ...healthy, federation: 'off', problem });
    expect(shown).toContain(
      'Federation is off, local service runs on. KEY_MALFORMED: the cluster key is damaged',
    );
    expect(output.exit ?? 0).toBe(0);
  });

  test('shows the certificate with its end, and what a person has to look at', async () => {
    const warning = { code: 'IDENTITY_TWICE', message: 'bergen meets it twice' } as const;
    const { shown } = await status({ ...healthy, warnings: [warning] });
    expect(shown).toContain('certificate: number 3, by key 0, ends in 6 days; it renews itself');
    expect(shown).toContain('Look at this: IDENTITY_TWICE: bergen meets it twice');
  });

  test('of a lonely node says how to link it', async () => {
    const { shown, output } = await status({ ...healthy, links: [], mirrors: [] });
    expect(shown).toContain('No links yet.\nNo mirrors yet.');
    expect(output.next).toEqual(['hansa link invite']);
  });

  test('with --config lists every setting and where it came from', async () => {
    const settings = [
      { name: 'name', value: 'lubeck', source: 'file', description: 'what the cluster is called' },
    ];
    const { shown, calls, output } = await run('status', {
      answers: { 'daemon.config': { settings } },
      options: { config: true },
    });
    expect(calls.map(([method]) => method)).toEqual(['daemon.config']);
    expect(output.data).toEqual({ settings });
    expect(shown).toBe('SETTING|VALUE|FROM|MEANING\nname|lubeck|file|what the cluster is called');
  });
});
