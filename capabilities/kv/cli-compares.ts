// Conditions on the command line: the same flags wherever keys are compared.
import { HansaError, listOption, type CommandContext, type CommandOption } from '@hansa/foundation';
import type { KvCompare } from './contract.ts';

export const compareOptions: readonly CommandOption[] = [
  { flags: '--if-version <key=version...>', description: 'the key is at this version' },
  { flags: '--if-value <key=text...>', description: 'the key has this value' },
  {
    flags: '--if-created <key=revision...>',
    description: 'this revision made the key',
  },
  {
    flags: '--if-modified <key=revision...>',
    description: 'this revision wrote the key last',
  },
  { flags: '--if-present <key...>', description: 'the key is there' },
  { flags: '--if-absent <key...>', description: 'the key is not there' },
];

export function givenCompares(context: CommandContext): readonly KvCompare[] {
  return [
    ...pairs(context, 'ifVersion', 'if-version').map(([key, text]) => ({
      key,
      version: countIn(text, 'version'),
    })),
    ...pairs(context, 'ifValue', 'if-value').map(([key, text]) => ({ key, value: { text } })),
    ...pairs(context, 'ifCreated', 'if-created').map(([key, text]) => ({
      key,
      createRevision: countIn(text, 'revision'),
    })),
    ...pairs(context, 'ifModified', 'if-modified').map(([key, text]) => ({
      key,
      modRevision: countIn(text, 'revision'),
    })),
    ...listOption(context, 'ifPresent').map((key) => ({ key, present: true })),
    ...listOption(context, 'ifAbsent').map((key) => ({ key, present: false })),
  ];
}

function countIn(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw new HansaError('USAGE', `a ${what} is a whole number, not "${text}"`);
  }
  return Number(text);
}

/** What a repeated `--flag key=text` was given. */
export function pairs(
  context: CommandContext,
  name: string,
  flag: string,
): readonly (readonly [key: string, text: string])[] {
  return listOption(context, name).map((spelled) => {
    const equals = spelled.indexOf('=');
    if (equals < 1) {
      throw new HansaError('USAGE', `--${flag} takes key=…, not "${spelled}"`);
    }
    return [spelled.slice(0, equals), spelled.slice(equals + 1)];
  });
}
