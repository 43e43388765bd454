// `hansa kv …`: what people type, and what they see of spaces. Commands about keys are in rooms of
// their own; they are handed a terminal, since values come from files and watches last.
import {
  flagOption,
  labelOption,
  remote,
  requiredArgument,
  requireOwn,
  requireYes,
  spelledResource,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { batchCommands } from './cli-batch.ts';
import { keyCommands } from './cli-keys.ts';
import { leaseCommands } from './cli-lease.ts';
import { listCommand } from './cli-list.ts';
import type { KvTerminal } from './cli-terminal.ts';
import { transactCommand } from './cli-transact.ts';
import { watchCommand } from './cli-watch.ts';
import { kvContract, mergeRules, type Kv, type MergeRule } from './contract.ts';

const create: Command = {
  noun: 'kv',
  verb: 'create',
  summary: 'Make an empty space for keys and values.',
  args: [{ name: '<space>', description: 'segments joined by "/", for example team-a/config' }],
  options: [
    { flags: '--type <text>', description: 'what it is for, for example app/config' },
    { flags: '--description <text>', description: 'one line for the catalog' },
    { flags: '--label <key=value...>', description: 'for selecting it in rules; repeatable' },
    { flags: '--shared', description: 'other clusters may write it too' },
    {
      flags: '--rule <rule>',
      description: 'how what several wrote at once is brought together (default last-write-wins)',
      choices: mergeRules,
    },
  ],
  examples: [
    'hansa kv create config',
    'hansa kv create counters --shared --rule max --label team=a',
  ],
  async run(context) {
    const rule = textOption(context, 'rule');
    const data = await kvOf(context).create(
      {
        name: requiredArgument(context, 'space'),
        type: textOption(context, 'type'),
        description: textOption(context, 'description'),
        labels: labelOption(context, 'label'),
        ...(rule === undefined ? {} : { rule: rule as MergeRule }),
        shared: flagOption(context, 'shared'),
      },
      { signal: context.signal },
    );
    const { name } = data;
    return {
      data,
      view: textView(`Made ${name}, empty.`),
      next: [`hansa kv put ${name} <key> <value>`, `hansa share add kv/${name} --to <peer>`],
    };
  },
};

const spaces: Command = {
  noun: 'kv',
  verb: 'spaces',
  summary: 'List own spaces and mirrors.',
  examples: ['hansa kv spaces'],
  async run(context) {
    const data = await kvOf(context).spaces({}, { signal: context.signal });
    const [first] = data.spaces;
    return {
      data,
      view: {
        kind: 'table',
        columns: ['SPACE', 'ROLE', 'TYPE', 'RULE', 'SHARED', 'REVISION', 'DESCRIPTION'],
        rows: data.spaces.map((each) => [
          spelledResource(each),
          each.role,
          each.type,
          each.rule,
          each.shared ? 'yes' : 'no',
          String(each.revision),
          each.description,
        ]),
        empty: 'No spaces yet.',
      },
      next: [
        first === undefined ? 'hansa kv create <space>' : `hansa kv list ${spelledResource(first)}`,
      ],
    };
  },
};

const remove: Command = {
  noun: 'kv',
  verb: 'remove',
  summary: 'Delete an own space with everything in it; mirrors elsewhere keep what they have.',
  args: [{ name: '<space>', description: 'an own space' }],
  options: [{ flags: '--yes', description: 'delete it without being asked' }],
  examples: ['hansa kv remove config --yes'],
  async run(context) {
    const { signal } = context;
    const kv = kvOf(context);
    const space = requiredArgument(context, 'space');
    requireOwn(await kv.show({ space }, { signal }), 'kv');
    await requireYes(context, `Delete ${space} with everything in it, for good?`);
    const data = await kv.remove({ space }, { signal });
    return { data, view: textView(`Deleted ${data.name}.`), next: ['hansa kv spaces'] };
  },
};

export function kvCommands(terminal: KvTerminal): readonly Command[] {
  return [
    create,
    spaces,
    ...keyCommands(terminal),
    listCommand,
    watchCommand(terminal),
    transactCommand(terminal),
    ...batchCommands(terminal),
    ...leaseCommands,
    remove,
  ];
}

function kvOf({ carrier }: CommandContext): Kv {
  return remote(kvContract, carrier);
}
