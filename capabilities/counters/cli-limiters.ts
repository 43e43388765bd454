// `hansa limiter …`: how often something may be done, wherever it is done.
import {
  countOption,
  durationOption,
  durationText,
  errorCodes,
  HansaError,
  remote,
  requiredArgument,
  requiredOption,
  requireYes,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { pageAsked, pageOptions } from './cli-counters.ts';
import { limiterContract, type Limiter, type Limiters } from './contract.ts';

const nameArgument = { name: '<name>', description: 'what is limited' };
const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function limitersOf({ carrier }: CommandContext): Limiters {
  return remote(limiterContract, carrier);
}

/** `10`, `0.5`, `100/s`, `30/m`: so many in a second. */
export function rateOf(text: string): number {
  const [, count = '', unit = 's'] = /^(\d{1,9}(?:\.\d{1,6})?)(?:\/([smhd]))?$/.exec(text) ?? [];
  if (count === '') {
    throw new HansaError('USAGE', `"${text}" is no rate`, {
      fix: 'write a number and in what time: 100/s, 30/m, 5/h',
    });
  }
  return Number(count) / (secondsOf[unit] ?? 1);
}

const configure: Command = {
  noun: 'limiter',
  verb: 'configure',
  summary: 'Make a rate limiter, or change its rate.',
  args: [nameArgument],
  options: [
    { flags: '--rate <rate>', description: 'how much comes: 100/s, 30/m, 5/h', required: true },
    { flags: '--burst <count>', description: 'how much there is at most', required: true },
  ],
  examples: ['hansa limiter configure mails --rate 30/m --burst 10'],
  async run(context) {
    requiredOption(context, 'burst');
    const asked = {
      name: requiredArgument(context, 'name'),
      perSecond: rateOf(requiredOption(context, 'rate')),
      burst: countOption(context, 'burst', 1) ?? 1,
    };
    const data = await limitersOf(context).configure(asked, { signal: context.signal });
    return { data, view: limiterView(data), next: [`hansa limiter take ${data.name}`] };
  },
};

function limiterView({ name, perSecond, burst, available }: Limiter) {
  return textView(`${name}: ${perSecond}/s, at most ${burst}; ${available} now.`);
}

const take: Command = {
  noun: 'limiter',
  verb: 'take',
  summary: 'Take tokens; the exit code is 6 where there are not enough.',
  args: [nameArgument],
  options: [
    { flags: '--tokens <count>', description: 'how many (default 1)' },
    { flags: '--wait <duration>', description: 'wait for them so long (default 0s)' },
  ],
  examples: ['hansa limiter take mails', 'hansa limiter take mails --tokens 5 --wait 30s'],
  async run(context) {
    const asked = {
      name: requiredArgument(context, 'name'),
      tokens: countOption(context, 'tokens', 1),
      waitMs: durationOption(context, 'wait'),
    };
    const data = await limitersOf(context).take(asked, { signal: context.signal });
    const words = data.allowed
      ? `Taken; ${Math.max(0, data.available)} are left.`
      : `Not now: try again in ${durationText(data.retryAfterMs ?? 0)}.`;
    return { data, view: textView(words), exit: data.allowed ? 0 : errorCodes.RATE_LIMITED.exit };
  },
};

const show: Command = {
  noun: 'limiter',
  verb: 'show',
  summary: 'Show a rate limiter and what can be taken now.',
  args: [nameArgument],
  examples: ['hansa limiter show mails'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await limitersOf(context).show({ name }, { signal: context.signal });
    return { data, view: limiterView(data) };
  },
};

const reset: Command = {
  noun: 'limiter',
  verb: 'reset',
  summary: 'Make a rate limiter full again.',
  args: [nameArgument],
  examples: ['hansa limiter reset mails'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await limitersOf(context).reset({ name }, { signal: context.signal });
    return { data, view: limiterView(data) };
  },
};

const remove: Command = {
  noun: 'limiter',
  verb: 'remove',
  summary: 'Remove a rate limiter.',
  args: [nameArgument],
  options: [{ flags: '--yes', description: 'remove it without being asked' }],
  examples: ['hansa limiter remove mails --yes'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    await requireYes(context, `Remove ${name}? Whoever takes from it is refused then.`);
    const data = await limitersOf(context).remove({ name }, { signal: context.signal });
    return { data, view: textView(`Removed ${data.name}.`), next: ['hansa limiter list'] };
  },
};

const list: Command = {
  noun: 'limiter',
  verb: 'list',
  summary: 'List rate limiters.',
  options: pageOptions,
  examples: ['hansa limiter list'],
  async run(context) {
    const data = await limitersOf(context).list(pageAsked(context), { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['LIMITER', 'PER SECOND', 'BURST', 'AVAILABLE'],
        rows: data.limiters.map(({ name, perSecond, burst, available }) => [
          name,
          String(perSecond),
          String(burst),
          String(available),
        ]),
        empty: 'There are no rate limiters.',
      },
      next: data.next === undefined ? [] : [`hansa limiter list --after ${data.next}`],
    };
  },
};

export const limiterCommands: readonly Command[] = [configure, take, show, reset, remove, list];
