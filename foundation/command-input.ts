// What a command reads from the line it was given, and how it asks before an act that cannot be
// undone. For the `cli.ts` rooms.
import type { CommandContext } from './command.ts';
import { parseDuration } from './duration.ts';
import { HansaError } from './errors.ts';

type Input = Pick<CommandContext, 'args' | 'options'>;

/** An argument the command cannot do without. */
export function requiredArgument({ args }: Input, name: string): string {
  return required(args[name], `<${name}>`);
}

/** An option the command cannot do without. */
export function requiredOption(input: Input, name: string): string {
  return required(textOption(input, name), flagOf(name));
}

function required(value: string | undefined, spelled: string): string {
  if (value === undefined || value === '') {
    throw new HansaError('USAGE', `${spelled} is missing`, { fix: 'see --help' });
  }
  return value;
}

/** As it is typed in a shell. Stars are the shell's, too. */
export function shellWord(word: string): string {
  return /^[\w./=,:@-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** By camel-cased flag, as in the context. */
export function textOption({ options }: Input, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

export function flagOption({ options }: Input, name: string): boolean {
  return options[name] === true;
}

/** A whole number that is at least so much, of an option such as `--limit 100`. */
export function countOption(input: Input, name: string, least = 0): number | undefined {
  const given = textOption(input, name);
  if (given === undefined) {
    return undefined;
  }
  if (!/^\d{1,15}$/.test(given) || Number(given) < least) {
    const bound = least === 0 ? '' : `, at least ${least}`;
    throw new HansaError('USAGE', `${flagOf(name)} is a whole number${bound}, not "${given}"`);
  }
  return Number(given);
}

/** `ifVersion` is typed as `--if-version`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Milliseconds of an option such as `--expires 15m`. */
export function durationOption(input: Input, name: string): number | undefined {
  const text = textOption(input, name);
  return text === undefined ? undefined : parseDuration(text);
}

/** What a repeatable option was given, in its order; empty where it was not. */
export function listOption({ options }: Input, name: string): readonly string[] {
  const value = options[name];
  return typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
}

/** Labels of a repeated `--label key=value`; undefined where none is given. */
export function labelOption(
  input: Input,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const labels = listOption(input, name).map(parseLabel);
  const repeated = labels.find(([key], at) => labels.findIndex(([other]) => other === key) < at);
  if (repeated !== undefined) {
    throw new HansaError('INPUT_INVALID', `the label "${repeated[0]}" is given twice`);
  }
  return labels.length === 0 ? undefined : Object.fromEntries(labels);
}

function parseLabel(spelled: string): readonly [key: string, value: string] {
  const equals = spelled.indexOf('=');
  if (equals < 1) {
    throw new HansaError('INPUT_INVALID', `"${spelled}" is not a label`, {
      fix: 'write key=value, for example --label team=sea',
    });
  }
  return [spelled.slice(0, equals), spelled.slice(equals + 1)];
}

/** Passes with `--yes` or a person's yes; otherwise NOT_CONFIRMED, and nothing has happened. */
export async function requireYes(context: CommandContext, question: string): Promise<void> {
  if (!flagOption(context, 'yes') && !(await context.confirm(question))) {
    throw new HansaError('NOT_CONFIRMED', 'not confirmed: nothing was changed', {
      facts: { question },
    });
  }
}
