import type { ClusterId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { identityCommands } from './cli.ts';
import type { KeyEntry, RotationDone, RotationPlan } from './contract.ts';

const plan: RotationPlan = {
  keyIndex: 1,
  key: 'ab'.repeat(32),
  previousSigns: true,
  connected: ['bergen', 'visby'],
  away: ['riga'],
};
const done: RotationDone = { ...plan, acknowledged: ['bergen'], restartNeeded: false };
const run = (name: string, line: CommandLine, calls: (readonly [string, unknown])[] = []) =>
  runCommand(commandNamed(identityCommands, name), line, calls);

describe('hansa identity', () => {
  test('log shows every key with who signed for it', async () => {
    const claim = { nextKeyHash: 'cd'.repeat(32), createdMs: 1_700_000_000_000 };
    const keys: readonly KeyEntry[] = [
      { ...claim, keyIndex: 0, key: '00'.repeat(32), state: 'retired' },
      { ...claim, keyIndex: 1, key: '11'.repeat(32), state: 'retired', previousSigned: true },
      { ...claim, keyIndex: 2, key: '22'.repeat(32), state: 'present', previousSigned: false },
    ];
    const { shown } = await run('identity log', { answers: { 'identity.log': { keys } } });
    expect(shown).toMatch(/0\|retired\|.*\|itself\n/);
    expect(shown).toMatch(/1\|retired\|.*\|itself and key 0/);
    expect(shown).toMatch(/2\|present\|.*\|itself alone/);
  });

  test('rotate --plan shows who learns it when, and changes nothing', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const line = { answers: { 'identity.plan': plan }, options: { plan: true } };
    const { shown } = await run('identity rotate', line, calls);
    expect(shown).toContain('told before it is used: bergen, visby');
    expect(shown).toContain('learn it when back: riga');
    expect(calls).toHaveLength(1);
  });

  test('rotate asks first, and without a yes nothing happens', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const refused = run('identity rotate', { answers: { 'identity.plan': plan } }, calls);
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(calls).toHaveLength(1);
  });

  test('rotate --yes tells who knows it, who will, and to back the keys up', async () => {
    const answers = { 'identity.plan': plan, 'identity.rotate': done };
    const { shown } = await run('identity rotate', { answers, options: { yes: true } });
    expect(shown).toContain('Rotated to key 1.');
    expect(shown).toContain('Told and acknowledged: bergen.');
    expect(shown).toContain('Told again when they answer: visby.');
    expect(shown).toContain('Learn it when they are back: riga.');
    expect(shown).toContain('Back up the folder "keys" now');
  });

  test('forget asks first, too', async () => {
    const answers = { 'identity.forget': { cluster: 'ef'.repeat(32) as ClusterId } };
    const line = { answers, args: { peer: 'bergen' } };
    await expect(run('identity forget', line)).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    const { shown } = await run('identity forget', { ...line, options: { yes: true } });
    expect(shown).toContain('Forgot the keys of bergen.');
  });
});
