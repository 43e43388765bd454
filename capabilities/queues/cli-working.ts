// `hansa queue push|pull|ack|nack|extend`: what producers and consumers do.
import {
  countOption,
  durationOption,
  flagOption,
  HansaError,
  remote,
  requiredArgument,
  requiredOption,
  spellBytes,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import type { QueueTerminal } from './cli-terminal.ts';
import { queueContract, type Item, type Queues, type Receipt, type Settled } from './contract.ts';

export const queueArgument = { name: '<queue>', description: 'what the queue is called' };
const receiptsArgument = {
  name: '<receipt...>',
  description: 'what pull printed: number and attempt, as 12.1',
};
const previewLength = 100; // one line of a table; -o json has the whole
const conflictExit = 5; // as every conflict
const secondMs = 1_000;

export function queuesOf({ carrier }: CommandContext): Queues {
  return remote(queueContract, carrier);
}

export function secondsOption(context: CommandContext, name: string): number | undefined {
  const ms = durationOption(context, name);
  return ms === undefined ? undefined : Math.ceil(ms / secondMs);
}

export function workingCommands(terminal: QueueTerminal): readonly Command[] {
  return [pushCommand(terminal), pullCommand(terminal), ack, nack, extend];
}

function pushCommand({ read }: QueueTerminal): Command {
  return {
    noun: 'queue',
    verb: 'push',
    summary: 'Push an item, or with --lines one for each line.',
    args: [queueArgument, { name: '[payload]', description: 'text; or use --file' }],
    options: [
      { flags: '--file <path>', description: 'the content of a file; "-" is the input' },
      { flags: '--lines', description: 'each line of it is an item' },
      { flags: '--group <text>', description: 'pulled one after the other with others of it' },
      { flags: '--id <text>', description: 'pushed once, however often it is tried' },
    ],
    examples: [
      'hansa queue push mails "to anna"',
      'hansa queue push mails --file orders.txt --lines --group orders',
    ],
    async run(context) {
      const queue = requiredArgument(context, 'queue');
      const group = textOption(context, 'group');
      const id = textOption(context, 'id');
      const payloads = await payloadsOf(context, read);
      if (id !== undefined && payloads.length > 1) {
        throw new HansaError('USAGE', '--id is of one item');
      }
      const sequences: number[] = [];
      let duplicates = 0;
      for (let from = 0; from < payloads.length; from += linesAtOnce) {
        const items = payloads
          .slice(from, from + linesAtOnce)
          .map(({ text, encoding }) => ({ payload: text, encoding, group, id }));
        const pushed = await queuesOf(context).push({ queue, items }, { signal: context.signal });
        sequences.push(...pushed.sequences);
        duplicates += pushed.duplicates;
      }
      const was = duplicates === 0 ? '' : ` ${duplicates} had been pushed before.`;
      return {
        data: { sequences, duplicates },
        view: textView(`Pushed ${sequences.length - duplicates} item(s).${was}`),
        next: [`hansa queue pull ${queue}`],
      };
    },
  };
}

const linesAtOnce = 20; // one push

async function payloadsOf(
  context: CommandContext,
  read: QueueTerminal['read'],
): Promise<readonly ReturnType<typeof spellBytes>[]> {
  const path = textOption(context, 'file');
  const { payload } = context.args;
  if ((path === undefined) === (payload === undefined)) {
    throw new HansaError('USAGE', 'either a payload or --file', {
      fix: 'hansa queue push <queue> "text"; hansa queue push <queue> --file <path>',
    });
  }
  if (path === undefined) {
    return [{ text: payload ?? '', encoding: 'text' }];
  }
  const whole = spellBytes(await read(path));
  return flagOption(context, 'lines') && whole.encoding === 'text'
    ? whole.text
        .split('\n')
        .filter((line) => line !== '')
        .map((text) => ({ text, encoding: 'text' as const }))
    : [whole];
}

function pullCommand({ me }: QueueTerminal): Command {
  return {
    noun: 'queue',
    verb: 'pull',
    summary: 'Take the oldest items; they come again unless they are acknowledged.',
    args: [queueArgument],
    options: [
      { flags: '--limit <count>', description: 'how many at most (default 1)' },
      { flags: '--wait <duration>', description: 'wait for one so long (default 0s)' },
      { flags: '--visibility <duration>', description: 'hide them so long (default: the queue’s)' },
      { flags: '--consumer <text>', description: 'who works at them (default: this process)' },
      { flags: '--ack', description: 'acknowledge them at once: they never come again' },
    ],
    examples: ['hansa queue pull mails --wait 30s', 'hansa -o json queue pull mails --limit 10'],
    async run(context) {
      const queue = requiredArgument(context, 'queue');
      const { signal } = context;
      const asked = {
        queue,
        consumer: textOption(context, 'consumer') ?? me,
        limit: countOption(context, 'limit', 1),
        waitMs: durationOption(context, 'wait'),
        visibilitySeconds: secondsOption(context, 'visibility'),
      };
      const data = await queuesOf(context).pull(asked, { signal });
      const receipts = data.items.map(({ sequence, attempt }) => ({ sequence, attempt }));
      const done = flagOption(context, 'ack') && receipts.length > 0;
      if (done) {
        await queuesOf(context).ack({ queue, items: receipts }, { signal });
      }
      const [first] = data.items;
      return {
        data,
        view: itemsView(data.items, 'Nothing to pull now.'),
        next: first === undefined || done ? [] : [`hansa queue ack ${queue} ${receiptText(first)}`],
      };
    },
  };
}

export function itemsView(items: readonly Item[], empty: string): CommandView {
  return {
    kind: 'table',
    columns: ['RECEIPT', 'GROUP', 'PAYLOAD'],
    rows: items.map((each) => [receiptText(each), each.group ?? '', preview(each)]),
    empty,
  };
}

function receiptText({ sequence, attempt }: Receipt): string {
  return `${sequence}.${attempt}`;
}

function preview({ payload, encoding }: Item): string {
  const whole = encoding === 'text' ? payload : `base64url ${payload}`;
  return whole.length > previewLength ? `${whole.slice(0, previewLength)}…` : whole;
}

function receiptsOf({ args }: CommandContext): readonly Receipt[] {
  const given: unknown = args['receipt'];
  const words = Array.isArray(given) ? given.map(String) : [];
  return words.map((word) => {
    const [, sequence, attempt] = /^(\d{1,15})\.(\d{1,4})$/.exec(word) ?? [];
    if (sequence === undefined) {
      throw new HansaError('USAGE', `"${word}" is no receipt`, {
        fix: 'take what pull printed: its number and its attempt, as 12.1',
      });
    }
    return { sequence: Number(sequence), attempt: Number(attempt) };
  });
}

function settledOutput(data: Settled, what: string): CommandOutput {
  const lost = data.lost.length === 0 ? '' : ` Lost before: ${data.lost.join(', ')}.`;
  return {
    data,
    view: textView(`${data.settled} item(s) ${what}.${lost}`),
    exit: data.lost.length === 0 ? 0 : conflictExit,
  };
}

const ack: Command = {
  noun: 'queue',
  verb: 'ack',
  summary: 'Say that items are done: they go.',
  args: [queueArgument, receiptsArgument],
  examples: ['hansa queue ack mails 12.1'],
  async run(context) {
    const queue = requiredArgument(context, 'queue');
    const items = receiptsOf(context);
    const data = await queuesOf(context).ack({ queue, items }, { signal: context.signal });
    return settledOutput(data, 'done');
  },
};

const nack: Command = {
  noun: 'queue',
  verb: 'nack',
  summary: 'Give items back: they come again, at once or after a while.',
  args: [queueArgument, receiptsArgument],
  options: [{ flags: '--delay <duration>', description: 'not before (at least 5s)' }],
  examples: ['hansa queue nack mails 12.1 --delay 1m'],
  async run(context) {
    const asked = {
      queue: requiredArgument(context, 'queue'),
      items: receiptsOf(context),
      delaySeconds: secondsOption(context, 'delay'),
    };
    const data = await queuesOf(context).nack(asked, { signal: context.signal });
    return settledOutput(data, 'given back');
  },
};

const extend: Command = {
  noun: 'queue',
  verb: 'extend',
  summary: 'Hide items for longer, from now on: their work goes on.',
  args: [queueArgument, receiptsArgument],
  options: [{ flags: '--visibility <duration>', description: 'so long', required: true }],
  examples: ['hansa queue extend mails 12.1 --visibility 5m'],
  async run(context) {
    requiredOption(context, 'visibility');
    const asked = {
      queue: requiredArgument(context, 'queue'),
      items: receiptsOf(context),
      visibilitySeconds: secondsOption(context, 'visibility') ?? 0,
    };
    const data = await queuesOf(context).extend(asked, { signal: context.signal });
    return settledOutput(data, 'hidden for longer');
  },
};
