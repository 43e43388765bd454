import { describe, expect, test } from 'vitest';
import type { CommandContext } from './command.ts';
import {
  countOption,
  durationOption,
  flagOption,
  labelOption,
  listOption,
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
    const flag = 'appVersion';
    expect(() => requiredOption(input({}), flag)).toThrow(usage('--app-version is missing'));
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

  test('counts in whole numbers, and names the flag that has none', () => {
    const given = input({ limit: '10', ifVersion: 'two', from: '0' });
    expect(countOption(given, 'limit')).toBe(10);
    expect(countOption(given, 'last')).toBeUndefined();
    const usage = (message: string) => expect.objectContaining({ code: 'USAGE', message });
    expect(() => countOption(given, 'ifVersion')).toThrow(
      usage('--if-version is a whole number, not "two"'),
    );
    expect(() => countOption(given, 'from', 1)).toThrow(
      usage('--from is a whole number, at least 1, not "0"'),
    );
  });

  test('gives one or many of what repeats as a list', () => {
    expect(listOption(input({ delegate: 'ada' }), 'delegate')).toEqual(['ada']);
    expect(listOption(input({ delegate: ['ada', 'bo'] }), 'delegate')).toEqual(['ada', 'bo']);
    expect(listOption(input({}), 'delegate')).toEqual([]);
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
    wait: async () => undefined,
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
