// `hansa kv compare-and-set`, `compare-and-delete`, `batch-read`, `batch-write`: what is there
// instead is shown, and the exit code says that nothing was done.
import {
  countOption,
  flagOption,
  HansaError,
  listOption,
  remote,
  requiredArgument,
  textOption,
  type Command,
  type CommandContext,
  type CommandOption,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { compareOptions, givenCompares, pairs } from './cli-compares.ts';
import type { KvTerminal } from './cli-terminal.ts';
import { resultsView } from './cli-transact.ts';
import { givenValue, preview, spaceAndKey, valueOptions } from './cli-values.ts';
import {
  kvContract,
  type Kv,
  type KvEntry,
  type KvExpectation,
  type KvSwapped,
  type KvWrite,
} from './contract.ts';

const conflict = 5; // as CONFLICT exits
const ownArgument = { name: '<space>', description: 'an own space' };
const keyArgument = { name: '<key>', description: 'up to 512 bytes of text' };
const leaseOption = { flags: '--lease <id>', description: 'it goes when this lease ends' };
const expectOptions: readonly CommandOption[] = [
  { flags: '--expect-version <version>', description: 'what is there is at this version' },
  { flags: '--expect-value <text>', description: 'what is there has this value' },
  { flags: '--expect-absent', description: 'nothing is there' },
];

export function batchCommands(terminal: KvTerminal): readonly Command[] {
  return [compareAndSet(terminal), compareAndDelete, batchRead, batchWrite];
}

function compareAndSet(terminal: KvTerminal): Command {
  return {
    noun: 'kv',
    verb: 'compare-and-set',
    summary: 'Write one value where the key stands as expected; else show what is there.',
    args: [ownArgument, keyArgument, { name: '[value]', description: 'the value, as text' }],
    options: [...expectOptions, ...valueOptions, leaseOption],
    examples: ['hansa kv compare-and-set config port 8081 --expect-value 8080'],
    async run(context) {
      const { space, key } = spaceAndKey(context);
      const lease = textOption(context, 'lease');
      const data = await kvOf(context).compareAndSet(
        {
          space,
          key,
          expect: givenExpectation(context),
          ...(await givenValue(context, terminal)),
          ...(lease === undefined ? {} : { lease }),
        },
        { signal: context.signal },
      );
      return swappedOutput(data, key, (version) => `${key} is at version ${version}.`);
    },
  };
}

const compareAndDelete: Command = {
  noun: 'kv',
  verb: 'compare-and-delete',
  summary: 'Delete one key where it stands as expected; else show what is there.',
  args: [ownArgument, keyArgument],
  options: expectOptions,
  examples: ['hansa kv compare-and-delete config port --expect-version 3'],
  async run(context) {
    const { space, key } = spaceAndKey(context);
    const data = await kvOf(context).compareAndDelete(
      { space, key, expect: givenExpectation(context) },
      { signal: context.signal },
    );
    return swappedOutput(data, key, () => `Deleted ${key}.`);
  },
};

function givenExpectation(context: CommandContext): KvExpectation {
  const version = countOption(context, 'expectVersion');
  const text = textOption(context, 'expectValue');
  const given: KvExpectation[] = [
    ...(version === undefined ? [] : [{ version }]),
    ...(text === undefined ? [] : [{ value: { text } }]),
    ...(flagOption(context, 'expectAbsent') ? [{ version: 0 }] : []),
  ];
  const [only, ...more] = given;
  if (only === undefined || more.length > 0) {
    throw new HansaError('USAGE', 'say what is expected: one of --expect-version, -value, -absent');
  }
  return only;
}

function swappedOutput(
  data: KvSwapped,
  key: string,
  words: (version: number) => string,
): CommandOutput {
  return data.ok
    ? { data, view: { kind: 'text', text: words(data.version) } }
    : { data, view: insteadView(key, data.current), exit: conflict };
}

function insteadView(key: string, current: KvEntry | null): CommandView {
  const text =
    current === null
      ? `Nothing was done: ${key} is not there.`
      : `Nothing was done: ${key} is at version ${current.version}: ${preview(current)}`;
  return { kind: 'text', text };
}

const batchRead: Command = {
  noun: 'kv',
  verb: 'batch-read',
  summary: 'Read several keys as they stood at one moment.',
  args: [{ name: '<space>', description: 'a name, or <peer>:<name> for a mirror' }],
  options: [{ flags: '--key <key...>', description: 'one of them; repeatable' }],
  examples: ['hansa kv batch-read config --key host --key port'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const keys = listOption(context, 'key');
    const data = await kvOf(context).batchRead({ space, keys }, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['KEY', 'VERSION', 'VALUE'],
        rows: data.entries.map((entry, index) =>
          entry === null
            ? [keys[index] ?? '', '0', 'not there']
            : [entry.key, String(entry.version), preview(entry)],
        ),
        empty: 'No keys were asked for.',
      },
    };
  },
};

const batchWrite: Command = {
  noun: 'kv',
  verb: 'batch-write',
  summary: 'Write several keys in one step, where all conditions hold.',
  args: [ownArgument],
  options: [
    ...compareOptions,
    { flags: '--put <key=text...>', description: 'write it' },
    { flags: '--delete <key...>', description: 'delete it' },
    { flags: '--lease <id>', description: 'what is written goes when this lease ends' },
  ],
  examples: ['hansa kv batch-write config --if-absent host --put host=lubeck --put port=80'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const lease = textOption(context, 'lease');
    const under = lease === undefined ? {} : { lease };
    const ops: readonly KvWrite[] = [
      ...pairs(context, 'put', 'put').map(([key, text]) => ({ put: { key, text, ...under } })),
      ...listOption(context, 'delete').map((key) => ({ delete: { key } })),
    ];
    const compares = givenCompares(context);
    const data = await kvOf(context).batchWrite(
      { space, ops, if: compares },
      { signal: context.signal },
    );
    if (data.ok) {
      return { data, view: resultsView(data.results) };
    }
    const key = compares[data.failed]?.key ?? '';
    return { data, view: insteadView(key, data.current), exit: conflict };
  },
};

function kvOf({ carrier }: CommandContext): Kv {
  return remote(kvContract, carrier);
}
