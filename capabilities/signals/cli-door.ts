// To which router, with which token: what all commands of signals but `serve` have in common.
import {
  flagOption,
  HansaError,
  isHansaError,
  shellWord,
  textOption,
  type CommandContext,
  type CommandOption,
} from '@hansa/foundation';
import type { RouterDoor, SignalTerminal } from './cli-terminal.ts';
import { isAbsent, ownRouter } from './cli-own-router.ts';
import type { GivenValue, ShownValue, SignalClient } from './contract.ts';

export const doorOptions: readonly CommandOption[] = [
  {
    flags: '--url <url>',
    description: 'ws://, wss:// or tcp:// (default: HANSA_SIGNAL_URL, else the cluster’s own)',
  },
  {
    flags: '--token <token>',
    description: 'or @file to read it from one (default: HANSA_SIGNAL_TOKEN)',
  },
  { flags: '--ca <file>', description: 'authority that a wss:// router is checked with' },
];

export const valueOptions: readonly CommandOption[] = [
  { flags: '--text', description: 'the value is a text, whatever it looks like' },
  { flags: '--int', description: 'whole numbers as 64-bit integers, not as floats' },
];

export function doorOf(context: CommandContext): RouterDoor {
  return {
    url: textOption(context, 'url'),
    token: textOption(context, 'token'),
    authorities: textOption(context, 'ca'),
  };
}

/** Does one act at the router that is meant; see `routerOf`. */
export async function atRouter<T>(
  context: CommandContext,
  terminal: SignalTerminal,
  act: (client: SignalClient) => Promise<T>,
): Promise<T> {
  const answers = routerOf(
    context,
    terminal,
  )(async function* answer(client) {
    yield await act(client);
  });
  for await (const answer of answers) {
    return answer;
  }
  throw new TypeError('an act has an answer');
}

export type AtRouter = <T>(act: (client: SignalClient) => AsyncIterable<T>) => AsyncIterable<T>;

/**
 * The router that is named; without a name the cluster's own, by its API, and where no node runs
 * that of this machine. Each act has a session of its own; whichever has answered once is meant
 * from then on.
 */
export function routerOf(context: CommandContext, terminal: SignalTerminal): AtRouter {
  let own = terminal.isNamed(doorOf(context)) ? undefined : ownRouter(context);
  return async function* acting(act) {
    if (own === undefined) {
      yield* atDoor(context, terminal, act);
      return;
    }
    try {
      yield* act(own);
    } catch (absent) {
      if (own.reached || !isAbsent(absent)) {
        throw absent;
      }
      try {
        yield* atDoor(context, terminal, (client) => {
          own = undefined; // this one is meant
          return act(client);
        });
      } catch (error) {
        throw isHansaError(error, 'DIAL_FAILED') ? withoutRouter(absent) : error;
      }
    }
  };
}

/** Opens a session for one act, and ends it. */
async function* atDoor<T>(
  context: CommandContext,
  terminal: SignalTerminal,
  act: (client: SignalClient) => AsyncIterable<T>,
): AsyncIterable<T> {
  const client = await terminal.open(doorOf(context), context.signal);
  try {
    yield* act(client);
  } finally {
    client.close();
  }
}

function withoutRouter(absent: unknown): unknown {
  return isHansaError(absent, 'CONTEXT_NOT_FOUND')
    ? new HansaError('DIAL_FAILED', 'no cluster is known here, and no router runs by itself', {
        cause: absent,
        fix: 'start one: hansa up, or hansa signal serve --open; or name it with --url',
      })
    : absent;
}

/** What to do next, at the router that was asked now. */
export function nextAt(context: CommandContext, verb: 'get' | 'watch', address: string): string {
  const url = textOption(context, 'url');
  const door = url === undefined ? '' : ` --url ${shellWord(url)}`;
  return `hansa signal ${verb} ${shellWord(address)}${door}`;
}

/** JSON where it is; what is none is a text. USAGE for numbers that would become others. */
export function givenOf(context: CommandContext): GivenValue {
  const text = context.args['value'];
  if (text === undefined) {
    throw new HansaError('USAGE', '<value> is missing', { fix: 'see --help' });
  }
  if (flagOption(context, 'text')) {
    return { value: text };
  }
  const [value, whole] = [readJson(text), flagOption(context, 'int')];
  checkNumbers(value, whole);
  return { value, whole };
}

function readJson(text: string): ShownValue {
  try {
    return JSON.parse(text) as ShownValue;
  } catch {
    return text;
  }
}

function checkNumbers(value: ShownValue, whole: boolean): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) {
      throw new HansaError('USAGE', 'a number is larger than any that can be sent');
    }
    if (whole && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      const sentence = 'with --int a number is at most 9007199254740991, so that none is rounded';
      throw new HansaError('USAGE', sentence, { fix: 'send it as a text: --text' });
    }
  } else if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach((each: ShownValue) => checkNumbers(each, whole));
  }
}

/** A number such as 0.5, not below zero. */
export function amountOption(context: CommandContext, name: string): number | undefined {
  const given = textOption(context, name);
  if (given === undefined) {
    return undefined;
  }
  if (!/^\d+(?:\.\d+)?$/.test(given)) {
    throw new HansaError('USAGE', `--${name} is a number, not "${given}"`);
  }
  return Number(given);
}

/** On one line. */
export function valueText(value: ShownValue): string {
  return JSON.stringify(value);
}
