// `hansa kv put`, `get`, `delete`: one key at a time.
import {
  countOption,
  flagOption,
  fromBase64,
  momentText,
  remote,
  textOption,
  utf8,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import type { KvTerminal } from './cli-terminal.ts';
import { givenValue, spaceAndKey, valueOptions } from './cli-values.ts';
import { kvContract, type Kv, type SpelledValue } from './contract.ts';

const spaceArgument = { name: '<space>', description: 'a name, or <peer>:<name> for a mirror' };
const writtenArgument = {
  name: '<space>',
  description: 'an own space, or <peer>:<name> of a shared one',
};
const keyArgument = { name: '<key>', description: 'up to 512 bytes of text' };
const ifVersion = {
  flags: '--if-version <version>',
  description: 'only where the key is at this version',
};
const leaseOption = {
  flags: '--lease <id>',
  description: 'it goes when this lease ends: hansa kv lease grant',
};
const missing = 3; // as ENTRY_NOT_FOUND exits

export function keyCommands(terminal: KvTerminal): readonly Command[] {
  return [putCommand(terminal), getCommand(terminal), deletion];
}

function putCommand(terminal: KvTerminal): Command {
  return {
    noun: 'kv',
    verb: 'put',
    summary: 'Write one value; done when it is on disk.',
    args: [writtenArgument, keyArgument, { name: '[value]', description: 'the value, as text' }],
    options: [
      ...valueOptions,
      ifVersion,
      { flags: '--if-absent', description: 'only where the key is not there' },
      leaseOption,
    ],
    examples: [
      'hansa kv put config port 8080 --if-version 3',
      'hansa kv put config logo --file logo.png',
    ],
    async run(context) {
      const { space, key } = spaceAndKey(context);
      const lease = textOption(context, 'lease');
      const data = await kvOf(context).put(
        {
          space,
          key,
          ...(await givenValue(context, terminal)),
          ifVersion: countOption(context, 'ifVersion'),
          ...(flagOption(context, 'ifAbsent') ? { ifAbsent: true } : {}),
          ...(lease === undefined ? {} : { lease }),
        },
        { signal: context.signal },
      );
      return { data, view: { kind: 'text', text: `${key} is at version ${data.version}.` } };
    },
  };
}

function getCommand(terminal: KvTerminal): Command {
  return {
    noun: 'kv',
    verb: 'get',
    summary: 'Read one value, of an own space or a mirror.',
    args: [spaceArgument, keyArgument],
    options: [
      { flags: '--file <path>', description: 'write the value, as it is, to a file' },
      { flags: '--details', description: 'show version, time and writer as well' },
    ],
    examples: ['hansa kv get config port', 'hansa kv get lubeck:config logo --file logo.png'],
    async run(context) {
      const { space, key } = spaceAndKey(context);
      const data = await kvOf(context).get({ space, key }, { signal: context.signal });
      const path = textOption(context, 'file');
      if (path !== undefined) {
        const bytes = bytesOf(data);
        await terminal.write(path, bytes);
        const words = `Wrote ${bytes.length} byte(s) to ${path}.`;
        return { data, view: { kind: 'text', text: words } };
      }
      const shown = data.text ?? `base64 ${data.base64 ?? ''}`;
      if (!flagOption(context, 'details')) {
        return { data, view: { kind: 'text', text: shown } };
      }
      return {
        data,
        view: {
          kind: 'record',
          fields: [
            ['key', key],
            ['version', String(data.version)],
            ['written', momentText(data.writtenMs)],
            ['by', data.writtenBy],
            ['revision', String(data.revision)],
            ...(data.lease === undefined ? [] : ([['lease', data.lease]] as const)),
            ['value', shown],
          ],
        },
        next: [`hansa kv watch ${space} --key ${key} --from ${data.revision}`],
      };
    },
  };
}

function bytesOf({ text, base64 = '' }: SpelledValue): Uint8Array {
  return text === undefined ? fromBase64(base64) : utf8(text);
}

const deletion: Command = {
  noun: 'kv',
  verb: 'delete',
  summary: 'Delete one key.',
  args: [writtenArgument, keyArgument],
  options: [ifVersion],
  examples: ['hansa kv delete config port'],
  async run(context) {
    const { space, key } = spaceAndKey(context);
    const expected = countOption(context, 'ifVersion');
    const data = await kvOf(context).delete(
      { space, key, ...(expected === undefined ? {} : { ifVersion: expected }) },
      { signal: context.signal },
    );
    const words = data.deleted ? `Deleted ${key}.` : `There was no ${key} in ${space}.`;
    return { data, view: { kind: 'text', text: words }, exit: data.deleted ? 0 : missing };
  },
};

function kvOf({ carrier }: CommandContext): Kv {
  return remote(kvContract, carrier);
}
