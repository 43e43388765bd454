import { describe, expect, test } from 'vitest';
import type { CommandContext } from './command.ts';
import {
  durationOption,
  flagOption,
  labelOption,
  requiredArgument,
  requiredOption,
  requireYes,
  textOption,
} from './command-input.ts';

const input = (options: CommandContext['options'], args: CommandContext['args'] = {}) => ({
  args,
  options,
});

describe('a command line', () => {
  test('without a needed argument or option is USAGE, and names it', () => {
    const usage = (message: string) => expect.objectContaining({ code: 'USAGE', message });
    expect(() => requiredArgument(input({}), 'peer')).toThrow(usage('<peer> is missing'));
    expect(() => requiredOption(input({}), 'to')).toThrow(usage('--to is missing'));
    expect(requiredArgument(input({}, { peer: 'bergen' }), 'peer')).toBe('bergen');
    expect(requiredOption(input({ to: 'bergen' }), 'to')).toBe('bergen');
  });

  test('gives texts, flags and durations in their own types', () => {
    const given = input({ name: 'sea', yes: true, expires: '15m' });
    expect(textOption(given, 'name')).toBe('sea');
    expect(textOption(given, 'yes')).toBeUndefined();
    expect(flagOption(given, 'yes')).toBe(true);
    expect(flagOption(given, 'name')).toBe(false);
    expect(durationOption(given, 'expires')).toBe(900_000);
    expect(durationOption(given, 'wait')).toBeUndefined();
  });

  test('names a label by a key and a value, as often as it likes', () => {
    expect(labelOption(input({}), 'label')).toBeUndefined();
    expect(labelOption(input({ label: 'team=sea' }), 'label')).toEqual({ team: 'sea' });
    const two = input({ label: ['team=sea', 'note=a=b'] });
    expect(labelOption(two, 'label')).toEqual({ team: 'sea', note: 'a=b' });
  });

  test.each([[['team']], [['=sea']], [['team=sea', 'team=land']]])(
    'with the labels %j is INPUT_INVALID',
    (label) => {
      expect(() => labelOption(input({ label }), 'label')).toThrow(
        expect.objectContaining({ code: 'INPUT_INVALID' }),
      );
    },
  );
});

describe('an act that cannot be undone', () => {
  const context = (yes: boolean, answer: boolean): CommandContext => ({
    carrier: { call: () => expect.fail('no call'), watch: () => expect.fail('no watch') },
    args: {},
    options: { yes },
    signal: new AbortController().signal,
    confirm: async () => answer,
    progress: () => undefined,
  });

  test('is done with --yes, or after a person said yes', async () => {
    await expect(requireYes(context(true, false), 'Sure?')).resolves.toBeUndefined();
    await expect(requireYes(context(false, true), 'Sure?')).resolves.toBeUndefined();
  });

  test('is NOT_CONFIRMED otherwise', async () => {
    await expect(requireYes(context(false, false), 'Sure?')).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: { question: 'Sure?' },
    });
  });
});
