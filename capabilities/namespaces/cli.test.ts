import { clusterIdSchema } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { namespaceCommands } from './cli.ts';
import type { Namespace } from './contract.ts';

const lubeck = clusterIdSchema.parse('ab'.repeat(32));
const own: Namespace = {
  resource: `${lubeck}:namespace/visby` as Namespace['resource'],
  name: 'visby',
  role: 'own',
  ownerName: 'lubeck',
  patterns: ['/visby/**'],
  cluster: lubeck,
  clusterName: 'visby',
  outdone: [],
};
const mirror: Namespace = { ...own, role: 'mirror', ownerName: 'bergen', outdone: ['/a'] };
const command = (words: string) => commandNamed(namespaceCommands, words);

test('namespace add says whose the addresses are', async () => {
  const { calls, shown } = await runCommand(command('namespace add'), {
    answers: { 'namespaces.add': own },
    args: { name: 'visby', pattern: ['/visby/**'] as never },
    options: { of: 'visby', label: ['team=light'] },
  });
  const labels = { team: 'light' };
  expect(calls).toStrictEqual([
    ['namespaces.add', { name: 'visby', patterns: ['/visby/**'], of: 'visby', labels }],
  ]);
  expect(shown).toBe('/visby/** is of visby.');
  const bare = runCommand(command('namespace add'), { answers: {}, args: { name: 'visby' } });
  await expect(bare).rejects.toMatchObject({ code: 'USAGE' });
});

test('namespace list and show tell which patterns are taken', async () => {
  const answers = { 'namespaces.list': { namespaces: [own, mirror] }, 'namespaces.show': mirror };
  const { shown } = await runCommand(command('namespace list'), { answers });
  expect(shown).toContain('visby|own|visby|/visby/**');
  expect(shown).toContain('bergen:visby|mirror|visby|/visby/**, /a (taken)');
  const one = { answers, args: { namespace: 'bergen:visby' } };
  expect((await runCommand(command('namespace show'), one)).shown).toContain('/a (taken)');
});

test('namespace remove asks before it removes', async () => {
  const answers = { 'namespaces.remove': own };
  const line = { answers, args: { namespace: 'visby' } };
  await expect(runCommand(command('namespace remove'), line)).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
  const { calls } = await runCommand(command('namespace remove'), { ...line, confirm: true });
  expect(calls).toStrictEqual([['namespaces.remove', { namespace: 'visby' }]]);
});
