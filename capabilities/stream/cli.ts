// `hansa stream …`: what people type, and what they see. Commands that last read lines and show
// messages one by one: for that they are handed a terminal.
import {
  bytesText,
  countOption,
  durationOption,
  durationText,
  labelOption,
  momentText,
  remote,
  requiredArgument,
  requireOwn,
  requireYes,
  spelledResource,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { appendCommand } from './cli-append.ts';
import { consumeCommand } from './cli-consume.ts';
import type { StreamTerminal } from './cli-terminal.ts';
import { streamContract, type Stream, type Streams } from './contract.ts';

const create: Command = {
  noun: 'stream',
  verb: 'create',
  summary: 'Make an empty stream; over a limit, the oldest messages go.',
  args: [{ name: '<name>', description: 'segments joined by "/", for example orders/new' }],
  options: [
    { flags: '--description <text>', description: 'one line for the catalog' },
    { flags: '--label <key=value...>', description: 'for selecting it in rules; repeatable' },
    { flags: '--max-age <duration>', description: 'delete older messages (default 7d)' },
    { flags: '--max-bytes <bytes>', description: 'keep at most so much (default 256 MiB)' },
    { flags: '--max-messages <count>', description: 'keep at most so many (default 100000)' },
  ],
  examples: ['hansa stream create orders', 'hansa stream create orders --max-age 1d'],
  async run(context) {
    const data = await streamsOf(context).create(
      {
        name: requiredArgument(context, 'name'),
        description: textOption(context, 'description'),
        labels: labelOption(context, 'label'),
        limits: {
          maxAgeMs: durationOption(context, 'maxAge'),
          maxBytes: countOption(context, 'maxBytes'),
          maxMessages: countOption(context, 'maxMessages'),
        },
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`Made ${data.name}, empty.`),
      next: [`hansa stream append ${data.name} hello`, `hansa share add ${data.name} --to <peer>`],
    };
  },
};

const list: Command = {
  noun: 'stream',
  verb: 'list',
  summary: 'List own streams and mirrors.',
  examples: ['hansa stream list'],
  async run(context) {
    const data = await streamsOf(context).list({}, { signal: context.signal });
    const [first] = data.streams;
    return {
      data,
      view: {
        kind: 'table',
        columns: ['NAME', 'ROLE', 'FIRST', 'LAST', 'SIZE', 'DESCRIPTION'],
        rows: data.streams.map((each) => [
          spelledResource(each),
          each.role,
          String(each.first),
          String(each.last),
          bytesText(each.bytes),
          each.description,
        ]),
        empty: 'No streams yet.',
      },
      next: [
        first === undefined
          ? 'hansa stream create <name>'
          : `hansa stream info ${spelledResource(first)}`,
      ],
    };
  },
};

const info: Command = {
  noun: 'stream',
  verb: 'info',
  summary: 'Show a stream: where it stands, its limits, who reads it here.',
  args: [{ name: '<stream>', description: 'a name, or <peer>:<name> for a mirror' }],
  examples: ['hansa stream info orders', 'hansa stream info lubeck:orders'],
  async run(context) {
    const stream = requiredArgument(context, 'stream');
    const data = await streamsOf(context).show({ stream }, { signal: context.signal });
    const consumers: CommandView = {
      kind: 'table',
      columns: ['CONSUMER', 'ACKED', 'PENDING', 'SINCE'],
      rows: data.consumers.map((each) => [
        each.consumer,
        String(each.acked),
        String(each.pending),
        momentText(each.updatedMs),
      ]),
      empty: 'No consumer has acknowledged anything here.',
    };
    return {
      data,
      view: { kind: 'stack', views: [record(data), consumers] },
      next: [`hansa stream consume ${stream} --consumer <name> --ack`],
    };
  },
};

function record(shown: Stream): CommandView {
  const { first, last, limits } = shown;
  return {
    kind: 'record',
    fields: [
      ['name', spelledResource(shown)],
      ['role', shown.role === 'own' ? 'own' : `read-only mirror of ${shown.ownerName}`],
      ['resource', shown.resource],
      ['messages', last < first ? `none (last was ${last})` : `${first} to ${last}`],
      ['size', bytesText(shown.bytes)],
      ['last taken', shown.lastMs === undefined ? 'never' : momentText(shown.lastMs)],
      [
        'keeps',
        `${durationText(limits.maxAgeMs)}, ${bytesText(limits.maxBytes)}, ` +
          `${limits.maxMessages} messages`,
      ],
    ],
  };
}

const forget: Command = {
  noun: 'stream',
  verb: 'forget',
  summary: 'Forget how far a consumer has come; it begins anew.',
  args: [{ name: '<stream>', description: 'a name, or <peer>:<name> for a mirror' }],
  options: [
    { flags: '--consumer <name>', description: 'who is forgotten', required: true },
    { flags: '--yes', description: 'without being asked' },
  ],
  examples: ['hansa stream forget orders --consumer billing --yes'],
  async run(context) {
    const stream = requiredArgument(context, 'stream');
    const consumer = textOption(context, 'consumer') ?? '';
    await requireYes(context, `Forget how far ${consumer} has read ${stream}?`);
    const data = await streamsOf(context).forget({ stream, consumer }, { signal: context.signal });
    return { data, view: textView(`Forgot ${consumer}, who had acknowledged ${data.acked}.`) };
  },
};

const trim: Command = {
  noun: 'stream',
  verb: 'trim',
  summary: 'Delete every message before one, here and on all mirrors.',
  args: [{ name: '<stream>', description: 'an own stream' }],
  options: [
    { flags: '--before <sequence>', description: 'the first that stays', required: true },
    { flags: '--yes', description: 'delete them without being asked' },
  ],
  examples: ['hansa stream trim orders --before 100 --yes'],
  async run(context) {
    const stream = requiredArgument(context, 'stream');
    const before = countOption(context, 'before') ?? 1;
    await requireYes(context, `Delete every message of ${stream} before ${before}, for good?`);
    const data = await streamsOf(context).trim({ stream, before }, { signal: context.signal });
    return { data, view: textView(`${data.name} begins at ${data.first}.`) };
  },
};

const remove: Command = {
  noun: 'stream',
  verb: 'delete',
  summary: 'Delete an own stream with all its messages.',
  args: [{ name: '<stream>', description: 'an own stream' }],
  options: [{ flags: '--yes', description: 'delete it without being asked' }],
  examples: ['hansa stream delete orders --yes'],
  async run(context) {
    const streams = streamsOf(context);
    const { signal } = context;
    const stream = requiredArgument(context, 'stream');
    const shown = await streams.show({ stream }, { signal });
    requireOwn(shown, 'stream');
    const { first, last } = shown;
    await requireYes(context, `Delete ${stream} with ${last - first + 1} message(s), for good?`);
    const data = await streams.delete({ stream }, { signal });
    return { data, view: textView(`Deleted ${data.name}.`), next: ['hansa stream list'] };
  },
};

export function streamCommands(terminal: StreamTerminal): readonly Command[] {
  const lasting = [appendCommand(terminal), consumeCommand(terminal)];
  return [create, list, ...lasting, info, forget, trim, remove];
}

function streamsOf({ carrier }: CommandContext): Streams {
  return remote(streamContract, carrier);
}
