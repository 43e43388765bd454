// `hansa kv list`: one page of a space.
import {
  countOption,
  flagOption,
  momentText,
  remote,
  requiredArgument,
  textOption,
  type Command,
} from '@hansa/foundation';
import { preview } from './cli-values.ts';
import { kvContract } from './contract.ts';

export const listCommand: Command = {
  noun: 'kv',
  verb: 'list',
  summary: 'List keys and values in the order of their keys, page by page.',
  args: [{ name: '<space>', description: 'a name, or <peer>:<name> for a mirror' }],
  options: [
    { flags: '--prefix <text>', description: 'only keys that begin so' },
    { flags: '--limit <count>', description: 'entries of the page (default 100, at most 1000)' },
    { flags: '--cursor <cursor>', description: 'go on after the page that ended with it' },
    { flags: '--keys', description: 'show the keys alone' },
  ],
  examples: ['hansa kv list config', 'hansa kv list lubeck:config --prefix mail/ --limit 10'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const prefix = textOption(context, 'prefix');
    const limit = countOption(context, 'limit');
    const page = { space, prefix, limit, cursor: textOption(context, 'cursor') };
    const given = Object.fromEntries(
      Object.entries(page).filter(([, value]) => value !== undefined),
    );
    const data = await remote(kvContract, context.carrier).list(
      { ...given, space },
      { signal: context.signal },
    );
    const keys = flagOption(context, 'keys');
    const same = prefix === undefined ? '' : ` --prefix ${prefix}`;
    return {
      data,
      view: {
        kind: 'table',
        columns: keys ? ['KEY'] : ['KEY', 'VERSION', 'WRITTEN', 'VALUE'],
        rows: data.entries.map((each) =>
          keys
            ? [each.key]
            : [each.key, String(each.version), momentText(each.writtenMs), preview(each)],
        ),
        empty: prefix === undefined ? 'Nothing is in it.' : 'No key begins so.',
      },
      next: [
        data.cursor === undefined
          ? `hansa kv watch ${space}${same} --from ${data.revision}`
          : `hansa kv list ${space}${same} --cursor ${data.cursor}`,
      ],
    };
  },
};
