// Values on the command line: how they are given, and how they are shown.
import {
  flagOption,
  HansaError,
  requiredArgument,
  textOf,
  textOption,
  toBase64Url,
  type CommandContext,
  type CommandOption,
} from '@hansa/foundation';
import type { KvTerminal } from './cli-terminal.ts';
import type { SpelledValue } from './contract.ts';

const previewLength = 80; // one line of a table; -o json has the whole

export const valueOptions: readonly CommandOption[] = [
  { flags: '--file <path>', description: 'the value is the content of a file; "-" is the input' },
  { flags: '--base64', description: 'the value is given as base64' },
];

/** The text behind the key, what `--base64` spells, or a file's bytes: exactly one of them. */
export async function givenValue(
  context: CommandContext,
  terminal: KvTerminal,
): Promise<SpelledValue> {
  const path = textOption(context, 'file');
  const { value } = context.args;
  const base64 = flagOption(context, 'base64');
  if ((path === undefined) === (value === undefined) || (path !== undefined && base64)) {
    throw new HansaError('USAGE', 'either a value, with or without --base64, or --file', {
      fix: 'hansa kv put <space> <key> "text"; hansa kv put <space> <key> --file <path>',
    });
  }
  return path === undefined
    ? { [base64 ? 'base64' : 'text']: value ?? '' }
    : spelledBytes(await terminal.read(path));
}

/** Text where it is: so an answer shows the same as what was sent. */
export function spelledBytes(bytes: Uint8Array): SpelledValue {
  const text = textOf(bytes);
  return text === undefined ? { base64: toBase64Url(bytes) } : { text };
}

export function preview({ text, base64 = '' }: SpelledValue): string {
  const whole = text ?? `base64 ${base64}`;
  const line = whole.replaceAll(/\s*\n\s*/g, ' ');
  return line.length > previewLength ? `${line.slice(0, previewLength)}…` : line;
}

export function spaceAndKey(context: CommandContext): { space: string; key: string } {
  return { space: requiredArgument(context, 'space'), key: requiredArgument(context, 'key') };
}
