// `hansa kv key` and `hansa kv directory …`: keys made of tuples, and directories of them, as
// programs use them by the client.
import { kvContract } from '@hansa/capabilities/kv/contract';
import { createDirectories, createSubspace, type Directories, type Directory } from '@hansa/client';
import {
  emptyBytes,
  flagOption,
  HansaError,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  toHex,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { readTuple, spellTuple } from './tuple-text.ts';

const spaceArgument = { name: '<space>', description: 'an own space' };
const pathArgument = { name: '<path>', description: 'names joined by "/", for example app/users' };

const key: Command = {
  noun: 'kv',
  verb: 'key',
  summary: 'Spell a tuple as a key that sorts as the tuple does, or read such a key.',
  args: [{ name: '<tuple>', description: 'a JSON list; with --read, a key' }],
  options: [
    { flags: '--in <space>', description: 'with --directory: the space of the directory' },
    { flags: '--directory <path>', description: 'in this directory of keys' },
    { flags: '--read', description: 'show the tuple of a key' },
  ],
  examples: [`hansa kv key '["anna", 12]'`, 'hansa kv key 1aJo2k --read'],
  async run(context) {
    const given = requiredArgument(context, 'tuple');
    const path = textOption(context, 'directory');
    const space = textOption(context, 'in');
    if ((path === undefined) !== (space === undefined)) {
      throw new HansaError('USAGE', '--in and --directory go together');
    }
    const keys =
      path === undefined || space === undefined
        ? createSubspace(emptyBytes)
        : (await directoriesOf(context, space).open(namesIn(path))).keys;
    if (flagOption(context, 'read')) {
      const text = spellTuple(keys.parts(given));
      return { data: { key: given, tuple: JSON.parse(text) as unknown }, view: textView(text) };
    }
    const tuple = readTuple(given);
    const made = keys.key(...tuple);
    return {
      data: { key: made, tuple: JSON.parse(spellTuple(tuple)) as unknown },
      view: textView(made),
    };
  },
};

const create: Command = {
  noun: 'kv',
  verb: 'directory create',
  summary: 'Make a directory of keys in a space, with those above it.',
  args: [spaceArgument, pathArgument],
  options: [{ flags: '--layer <text>', description: 'what it is for; whoever opens it may ask' }],
  examples: ['hansa kv directory create store app/users'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const path = requiredArgument(context, 'path');
    const layer = textOption(context, 'layer');
    const made = await directoriesOf(context, space).create(namesIn(path), { layer });
    const data = shownDirectory(made);
    return {
      data,
      view: textView(`Made ${data.path}; its keys begin with the bytes ${data.prefix}.`),
      next: [`hansa kv key '["anna", 12]' --in ${space} --directory ${path}`],
    };
  },
};

const list: Command = {
  noun: 'kv',
  verb: 'directory list',
  summary: 'List the directories in a space, or in one of them.',
  args: [spaceArgument, { name: '[path]', description: 'what is in this one' }],
  examples: ['hansa kv directory list store app'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const { path } = context.args;
    const found = await directoriesOf(context, space).list(path === undefined ? [] : namesIn(path));
    const directories = found.map(shownDirectory);
    return {
      data: { directories },
      view: {
        kind: 'table',
        columns: ['PATH', 'PREFIX', 'LAYER'],
        rows: directories.map((each) => [each.path, each.prefix, each.layer]),
        empty: 'No directories.',
      },
    };
  },
};

const move: Command = {
  noun: 'kv',
  verb: 'directory move',
  summary: 'Give a directory another path, with everything in it; no key changes.',
  args: [
    spaceArgument,
    { name: '<from>', description: 'its path' },
    { name: '<to>', description: 'a path that is not there, in a directory that is' },
  ],
  examples: ['hansa kv directory move store app/users app/people'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const from = requiredArgument(context, 'from');
    const moved = await directoriesOf(context, space).move(
      namesIn(from),
      namesIn(requiredArgument(context, 'to')),
    );
    const data = shownDirectory(moved);
    return { data, view: textView(`${from} is ${data.path} now.`) };
  },
};

const remove: Command = {
  noun: 'kv',
  verb: 'directory remove',
  summary: 'Delete a directory with every key and directory in it.',
  args: [spaceArgument, pathArgument],
  options: [{ flags: '--yes', description: 'delete it without being asked' }],
  examples: ['hansa kv directory remove store app/users --yes'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const path = requiredArgument(context, 'path');
    const directories = directoriesOf(context, space);
    await directories.open(namesIn(path));
    await requireYes(context, `Delete ${path} of ${space} with everything in it, for good?`);
    const { keys } = await directories.remove(namesIn(path));
    return { data: { path, keys }, view: textView(`Deleted ${path} with ${keys} key(s).`) };
  },
};

export const keyDirectoryCommands: readonly Command[] = [key, create, list, move, remove];

function namesIn(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '');
}

function directoriesOf({ carrier }: CommandContext, space: string): Directories {
  return createDirectories(remote(kvContract, carrier), space);
}

function shownDirectory({ path, layer, keys }: Directory): {
  readonly path: string;
  readonly prefix: string;
  readonly layer: string;
} {
  return { path: path.join('/'), prefix: toHex(keys.prefix), layer };
}
