// What commands of locks and semaphores have in common: whom they ask for, for how long, and how a
// hold is shown.
import {
  durationOption,
  HansaError,
  textOption,
  type CommandContext,
  type CommandOption,
} from '@hansa/foundation';
import type { Hold } from './contract.ts';

export const askingOptions: readonly CommandOption[] = [
  { flags: '--ttl <duration>', description: 'how long it lasts unless renewed (default 30s)' },
  {
    flags: '--wait <duration>',
    description: 'how long to wait for it; 0s asks once (default 30s)',
  },
  { flags: '--holder <text>', description: 'who asks: one party (default: this process)' },
];

const secondMs = 1_000;

export function askingOf(
  context: CommandContext,
  me: string,
): { holder: string; ttlSeconds?: number; waitMs?: number } {
  const ttlMs = durationOption(context, 'ttl');
  const waitMs = durationOption(context, 'wait');
  return {
    holder: textOption(context, 'holder') ?? me,
    ...(ttlMs === undefined ? {} : { ttlSeconds: Math.ceil(ttlMs / secondMs) }),
    ...(waitMs === undefined ? {} : { waitMs }),
  };
}

/** The words of an argument that repeats; USAGE where there are none. */
export function wordsOf({ args }: CommandContext, name: string): readonly string[] {
  const given: unknown = args[name];
  const words = Array.isArray(given) ? given.map(String) : given === undefined ? [] : [given];
  if (words.length === 0) {
    throw new HansaError('USAGE', `<${name}> is missing`, { fix: 'see --help' });
  }
  return words.map(String);
}

/** `7`, as an answer told it. */
export function tokenOf(context: CommandContext): number {
  const text = textOption(context, 'token') ?? '';
  if (!/^[1-9]\d{0,15}$/.test(text)) {
    throw new HansaError('USAGE', '--token is the number that the hold was answered with');
  }
  return Number(text);
}

export function holdText({ holder, locks, ttlSeconds }: Hold): string {
  const named = locks.map(({ name, token }) => `${name} (token ${token})`).join(', ');
  return `${holder} holds ${named} for ${ttlSeconds} s unless renewed.`;
}
