// `hansa verify`: the independent checker, hosted. No node is asked, and none has to be there.
import { HansaError, textOption, type CommandOutput } from '@hansa/foundation';
import { readMoment, verifyFiles, type FilesReport } from '@hansa/verify';
import type { LocalCommand } from './local-commands.ts';

const verify: LocalCommand = {
  local: true,
  noun: 'verify',
  summary:
    'Check evidence from files: heads, changes, entries, keys, receipts, tokens. Asks no node.',
  args: [
    { name: '<file...>', description: 'as "hansa evidence export" writes them, or a receipt' },
  ],
  options: [
    { flags: '--cluster <id...>', description: 'only the word of these clusters counts' },
    { flags: '--at <time>', description: 'when certificates and tokens are to be good (now)' },
  ],
  examples: ['hansa verify atlas.json', 'hansa verify atlas.json --at 2026-01-31T12:00:00Z'],
  async run(context) {
    const given: unknown = context.args['file'];
    const files = [given].flat().filter((each) => typeof each === 'string');
    const clusters = [context.options['cluster'] ?? []].flat();
    const known = clusters.filter((each) => typeof each === 'string');
    const at = textOption(context, 'at');
    const atMs = at === undefined ? Date.now() : readMoment(at);
    if (atMs === undefined) {
      throw new HansaError('USAGE', `--at is a time such as 2026-01-31T12:00:00Z, not "${at}"`);
    }
    return toldReport(await verifyFiles(files, { atMs, clusters: known }));
  },
};

/** What `hansa verify` shows of it. */
export function toldReport(report: FilesReport): CommandOutput {
  const rows = [
    ...report.verdicts.map(({ verified, kind, about, sentence }) => [
      verified ? 'ok' : 'FALSE',
      kind,
      about,
      sentence,
    ]),
    ...report.unread.map(({ file, sentence }) => ['UNREAD', 'file', file, sentence]),
  ];
  const columns = ['VERDICT', 'WHAT', 'ABOUT', 'BECAUSE'];
  return {
    data: report,
    view: {
      kind: 'table',
      columns,
      rows: rows.map((row) => row.map((cell) => cell.replaceAll(/\p{C}/gu, '?'))),
      empty: 'Nothing was claimed, so nothing is proven.',
    },
    exit: report.exit,
  };
}

export const verifyCommands: readonly LocalCommand[] = [verify];
