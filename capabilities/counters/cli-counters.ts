// `hansa counter …` and `hansa sequence …`: numbers that many share.
import {
  countOption,
  flagOption,
  HansaError,
  remote,
  requiredArgument,
  requiredOption,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOption,
} from '@hansa/foundation';
import { counterContract, sequenceContract, type Counters, type Sequences } from './contract.ts';

const nameArgument = { name: '<name>', description: 'what it is called' };
const onceOption = {
  flags: '--once <id>',
  description: 'the same id within ten minutes changes nothing more: a retry is safe',
};
export const pageOptions: readonly CommandOption[] = [
  { flags: '--after <name>', description: 'begin behind this name' },
  { flags: '--limit <count>', description: 'names of the page (default 500)' },
];

export function pageAsked(context: CommandContext): {
  after: string | undefined;
  limit: number | undefined;
} {
  return { after: textOption(context, 'after'), limit: countOption(context, 'limit', 1) };
}

/** `-7`, `12`: a whole number of an argument. */
function wholeArgument(context: CommandContext, name: string): number {
  return wholeOf(requiredArgument(context, name), `<${name}>`);
}

function wholeOf(text: string, what: string): number {
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    const sentence = `${what} is a whole number of at most ${Number.MAX_SAFE_INTEGER}`;
    throw new HansaError('USAGE', `${sentence}, not "${text}"`);
  }
  return Number(text);
}

function countersOf({ carrier }: CommandContext): Counters {
  return remote(counterContract, carrier);
}

function sequencesOf({ carrier }: CommandContext): Sequences {
  return remote(sequenceContract, carrier);
}

const show: Command = {
  noun: 'counter',
  verb: 'show',
  summary: 'Print a counter.',
  args: [nameArgument],
  examples: ['hansa counter show visits'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await countersOf(context).show({ name }, { signal: context.signal });
    return { data, view: textView(String(data.value)) };
  },
};

const add: Command = {
  noun: 'counter',
  verb: 'add',
  summary: 'Add to a counter, one by default, and print the sum.',
  args: [nameArgument, { name: '[by]', description: 'how many (default 1)' }],
  options: [onceOption],
  examples: ['hansa counter add visits', 'hansa counter add visits 10 --once order-4711'],
  async run(context) {
    const asked = {
      name: requiredArgument(context, 'name'),
      by: context.args['by'] === undefined ? 1 : wholeArgument(context, 'by'),
      once: textOption(context, 'once'),
    };
    const data = await countersOf(context).add(asked, { signal: context.signal });
    return { data, view: textView(String(data.value)) };
  },
};

const subtract: Command = {
  noun: 'counter',
  verb: 'subtract',
  summary: 'Subtract from a counter, one by default, and print what is left.',
  args: [nameArgument, { name: '[by]', description: 'how many (default 1)' }],
  options: [
    onceOption,
    {
      flags: '--stop-at-zero',
      description: 'take no more than there is; the answer says how many',
    },
  ],
  examples: ['hansa counter subtract stock 3 --stop-at-zero'],
  async run(context) {
    const asked = {
      name: requiredArgument(context, 'name'),
      by: context.args['by'] === undefined ? 1 : wholeArgument(context, 'by'),
      stopAtZero: flagOption(context, 'stopAtZero'),
      once: textOption(context, 'once'),
    };
    const data = await countersOf(context).subtract(asked, { signal: context.signal });
    const words = asked.stopAtZero ? `${data.value} (took ${data.taken})` : String(data.value);
    return { data, view: textView(words) };
  },
};

const set: Command = {
  noun: 'counter',
  verb: 'set',
  summary: 'Set a counter; with --if, only where it is that number.',
  args: [nameArgument, { name: '<value>', description: 'the number' }],
  options: [{ flags: '--if <number>', description: 'set it only where it is this' }],
  examples: ['hansa counter set visits 100', 'hansa counter set leader 2 --if 1'],
  async run(context) {
    const counters = countersOf(context);
    const { signal } = context;
    const name = requiredArgument(context, 'name');
    const value = wholeArgument(context, 'value');
    if (textOption(context, 'if') === undefined) {
      const data = await counters.set({ name, value }, { signal });
      return { data, view: textView(String(data.value)) };
    }
    const expect = wholeOf(requiredOption(context, 'if'), '--if');
    const data = await counters.compareAndSet({ name, expect, value }, { signal });
    const words = data.swapped ? String(data.value) : `${name} is ${data.value}, not ${expect}.`;
    return { data, view: textView(words), exit: data.swapped ? 0 : conflictExit };
  },
};

const conflictExit = 5; // as every conflict

const reset: Command = {
  noun: 'counter',
  verb: 'reset',
  summary: 'Set a counter to zero, and print what it was.',
  args: [nameArgument],
  examples: ['hansa counter reset visits'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await countersOf(context).reset({ name }, { signal: context.signal });
    return { data, view: textView(`${name} was ${data.value}.`) };
  },
};

const list: Command = {
  noun: 'counter',
  verb: 'list',
  summary: 'List counters that are not zero.',
  options: pageOptions,
  examples: ['hansa counter list'],
  async run(context) {
    const data = await countersOf(context).list(pageAsked(context), { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['COUNTER', 'VALUE'],
        rows: data.counters.map(({ name, value }) => [name, String(value)]),
        empty: 'Every counter is zero.',
      },
      next: data.next === undefined ? [] : [`hansa counter list --after ${data.next}`],
    };
  },
};

const next: Command = {
  noun: 'sequence',
  verb: 'next',
  summary: 'Take the next number of a sequence, or so many: nobody else gets them.',
  args: [nameArgument],
  options: [{ flags: '--count <count>', description: 'how many (default 1)' }],
  examples: ['hansa sequence next invoices', 'hansa sequence next invoices --count 100'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const asked = { name, count: countOption(context, 'count', 1) };
    const data = await sequencesOf(context).next(asked, { signal: context.signal });
    const { first, last } = data;
    return { data, view: textView(first === last ? String(first) : `${first}-${last}`) };
  },
};

const showSequence: Command = {
  noun: 'sequence',
  verb: 'show',
  summary: 'Print the last number that was taken.',
  args: [nameArgument],
  examples: ['hansa sequence show invoices'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await sequencesOf(context).show({ name }, { signal: context.signal });
    return { data, view: textView(String(data.last)) };
  },
};

const listSequences: Command = {
  noun: 'sequence',
  verb: 'list',
  summary: 'List sequences.',
  options: pageOptions,
  examples: ['hansa sequence list'],
  async run(context) {
    const data = await sequencesOf(context).list(pageAsked(context), { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['SEQUENCE', 'LAST'],
        rows: data.sequences.map(({ name, last }) => [name, String(last)]),
        empty: 'There are no sequences.',
      },
      next: data.next === undefined ? [] : [`hansa sequence list --after ${data.next}`],
    };
  },
};

export const counterCommands: readonly Command[] = [
  show,
  add,
  subtract,
  set,
  reset,
  list,
  next,
  showSequence,
  listSequences,
];
