// `hansa queue …`: making queues, looking at them, and what became of their items.
import {
  countOption,
  durationText,
  momentText,
  requiredArgument,
  requireYes,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import type { QueueTerminal } from './cli-terminal.ts';
import {
  itemsView,
  queueArgument,
  queuesOf,
  secondsOption,
  workingCommands,
} from './cli-working.ts';
import type { QueueSettings } from './contract.ts';

export type { QueueTerminal } from './cli-terminal.ts';

const create: Command = {
  noun: 'queue',
  verb: 'create',
  summary: 'Make an empty queue.',
  args: [queueArgument],
  options: [
    { flags: '--visibility <duration>', description: 'how long a pulled item is hidden (30s)' },
    { flags: '--attempts <count>', description: 'then it is a dead letter (default 3)' },
    { flags: '--dedup <duration>', description: 'how long ids are remembered (default 5m)' },
    { flags: '--expires <duration>', description: 'items go after it (default: never)' },
  ],
  examples: ['hansa queue create mails --visibility 1m --attempts 5'],
  async run(context) {
    const settings = {
      visibilitySeconds: secondsOption(context, 'visibility'),
      attemptsMax: countOption(context, 'attempts', 1),
      dedupSeconds: secondsOption(context, 'dedup'),
      ttlSeconds: secondsOption(context, 'expires'),
    };
    const queue = requiredArgument(context, 'queue');
    const data = await queuesOf(context).create({ queue, settings }, { signal: context.signal });
    return {
      data,
      view: textView(`Made ${queue}: ${settingsText(data.settings)}.`),
      next: [`hansa queue push ${queue} "text"`],
    };
  },
};

function settingsText(settings: QueueSettings): string {
  const { visibilitySeconds, attemptsMax, dedupSeconds, ttlSeconds } = settings;
  const seconds = (count: number): string => durationText(count * 1_000);
  const hidden = `hidden for ${seconds(visibilitySeconds)}, ${attemptsMax} attempts`;
  const ends = ttlSeconds === undefined ? '' : `, items go after ${seconds(ttlSeconds)}`;
  return `${hidden}, ids remembered for ${seconds(dedupSeconds)}${ends}`;
}

const show: Command = {
  noun: 'queue',
  verb: 'show',
  summary: 'Show how many items a queue has, taken and dead ones.',
  args: [queueArgument],
  examples: ['hansa queue show mails'],
  async run(context) {
    const queue = requiredArgument(context, 'queue');
    const data = await queuesOf(context).show({ queue }, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'record',
        fields: [
          ['queue', queue],
          ['settings', settingsText(data.settings)],
          ['items', String(data.items)],
          ['hidden', String(data.hidden)],
          ['dead letters', String(data.dead)],
          ['oldest', data.oldestMs === undefined ? '' : momentText(data.oldestMs)],
        ],
      },
      next: data.dead === 0 ? [] : [`hansa queue dead ${queue}`],
    };
  },
};

const list: Command = {
  noun: 'queue',
  verb: 'list',
  summary: 'List queues.',
  examples: ['hansa queue list'],
  async run(context) {
    const data = await queuesOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['QUEUE', 'LAST', 'SETTINGS'],
        rows: data.queues.map(({ queue, last, settings }) => [
          queue,
          String(last),
          settingsText(settings),
        ]),
        empty: 'There are no queues.',
      },
    };
  },
};

const pageOptions = [
  { flags: '--after <number>', description: 'begin behind this item' },
  { flags: '--limit <count>', description: 'how many (default 100)' },
];

function pageOf(context: CommandContext): {
  queue: string;
  after: number | undefined;
  limit: number | undefined;
} {
  const queue = requiredArgument(context, 'queue');
  return { queue, after: countOption(context, 'after'), limit: countOption(context, 'limit', 1) };
}

const peek: Command = {
  noun: 'queue',
  verb: 'peek',
  summary: 'Look at the oldest items without taking them.',
  args: [queueArgument],
  options: pageOptions,
  examples: ['hansa queue peek mails --limit 5'],
  async run(context) {
    const data = await queuesOf(context).peek(pageOf(context), { signal: context.signal });
    return { data, view: itemsView(data.items, 'The queue is empty.') };
  },
};

const dead: Command = {
  noun: 'queue',
  verb: 'dead',
  summary: 'Look at dead letters: items that were never acknowledged.',
  args: [queueArgument],
  options: pageOptions,
  examples: ['hansa queue dead mails'],
  async run(context) {
    const asked = pageOf(context);
    const data = await queuesOf(context).dead(asked, { signal: context.signal });
    return {
      data,
      view: itemsView(data.items, 'There are no dead letters.'),
      next: data.items.length === 0 ? [] : [`hansa queue redrive ${asked.queue} --yes`],
    };
  },
};

const redrive: Command = {
  noun: 'queue',
  verb: 'redrive',
  summary: 'Push all dead letters again, to the end of their queue.',
  args: [queueArgument],
  options: [{ flags: '--yes', description: 'without being asked' }],
  examples: ['hansa queue redrive mails --yes'],
  async run(context) {
    const queue = requiredArgument(context, 'queue');
    await requireYes(context, `Push all dead letters of ${queue} again?`);
    const data = await queuesOf(context).redrive({ queue }, { signal: context.signal });
    return { data, view: textView(`${data.redriven} item(s) were pushed again.`) };
  },
};

const remove: Command = {
  noun: 'queue',
  verb: 'remove',
  summary: 'Remove a queue with everything in it.',
  args: [queueArgument],
  options: [{ flags: '--yes', description: 'remove it without being asked' }],
  examples: ['hansa queue remove mails --yes'],
  async run(context) {
    const queue = requiredArgument(context, 'queue');
    await requireYes(context, `Remove ${queue} with everything in it, for good?`);
    const data = await queuesOf(context).remove({ queue }, { signal: context.signal });
    return { data, view: textView(`Removed ${data.queue}.`), next: ['hansa queue list'] };
  },
};

export function queuesCommands(terminal: QueueTerminal): readonly Command[] {
  return [create, ...workingCommands(terminal), peek, show, list, dead, redrive, remove];
}
