import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { kindCommands } from './cli.ts';

const checklist = {
  kind: 'checklist',
  description: 'things to do',
  limits: { valueBytesMax: 262_144, opsMax: 80 },
  createdMs: 0,
  servedMs: 0,
};
const served = { ...checklist, provider: { name: 'checklist.py', sinceMs: 0, waiting: 2 } };
const resource = `${'a'.repeat(64)}:checklist/ship`;
const ship = { resource, name: 'ship', ownerName: 'lubeck', epoch: 1, sequence: 7 };

test('list tells who serves each kind, and since when nobody does', async () => {
  const answers = { 'kinds.list': { kinds: [served, { ...checklist, kind: 'other' }] } };
  const { shown } = await runCommand(commandNamed(kindCommands, 'kind list'), { answers });
  expect(shown).toMatch(/checklist\|by checklist\.py since 1970.*\|2\|things to do/);
  expect(shown).toMatch(/other\|no longer, since 1970.*\|0\|/);
});

test('show tells limits and what there is of the kind', async () => {
  const own = { ...ship, role: 'own' };
  const resources = [own, { ...ship, role: 'mirror' }];
  const answers = { 'kinds.show': checklist, 'kinds.resources': { resources } };
  const line = { answers, args: { kind: 'checklist' } };
  const { shown } = await runCommand(commandNamed(kindCommands, 'kind show'), line);
  expect(shown).toContain('limits: 256.0 KiB a value, 80 operations a change');
  expect(shown).toContain('ship|own|1/7');
  expect(shown).toContain('lubeck:checklist/ship|mirror|1/7');
});

test('remove asks first, and acts with --yes', async () => {
  const remove = commandNamed(kindCommands, 'kind remove');
  const line = { answers: { 'kinds.remove': checklist }, args: { kind: 'checklist' } };
  await expect(runCommand(remove, line)).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  const { shown } = await runCommand(remove, { ...line, options: { yes: true } });
  expect(shown).toBe('Removed checklist.');
});
