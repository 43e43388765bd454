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
    { flags: '--start <key>', description: 'from this key on' },
    { flags: '--end <key>', description: 'before this key' },
    { flags: '--reverse', description: 'the last ones first' },
    { flags: '--limit <count>', description: 'entries of the page (default 100, at most 1000)' },
    {
      flags: '--cursor <cursor>',
      description: 'go on after the page that ended with it, in the state that it showed',
    },
    { flags: '--keys', description: 'the keys alone, without their values' },
  ],
  examples: [
    'hansa kv list lubeck:config --prefix mail/ --limit 10',
    'hansa kv list config --start 2026-01 --end 2026-07 --reverse',
  ],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const prefix = textOption(context, 'prefix');
    const limit = countOption(context, 'limit');
    const start = textOption(context, 'start');
    const end = textOption(context, 'end');
    const reverse = flagOption(context, 'reverse');
    const keys = flagOption(context, 'keys');
    const page = { prefix, start, end, limit, cursor: textOption(context, 'cursor') };
    const given = Object.fromEntries(
      Object.entries(page).filter(([, value]) => value !== undefined),
    );
    const data = await remote(kvContract, context.carrier).list(
      {
        ...given,
        space,
        ...(reverse ? { reverse } : {}),
        ...(keys ? { keysOnly: true } : {}),
      },
      { signal: context.signal },
    );
    const under = prefix === undefined ? '' : ` --prefix ${prefix}`;
    const same = [
      under,
      start === undefined ? '' : ` --start ${start}`,
      end === undefined ? '' : ` --end ${end}`,
      reverse ? ' --reverse' : '',
      keys ? ' --keys' : '',
    ].join('');
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
          ? `hansa kv watch ${space}${under} --from ${data.revision}`
          : `hansa kv list ${space}${same} --cursor ${data.cursor}`,
      ],
    };
  },
};
