// `hansa backup verify|restore`: what needs no node. The code that knows files is the node's,
// loaded for these commands alone.
import { resolve } from 'node:path';
import {
  bytesText,
  HansaError,
  momentText,
  textOption,
  textView,
  type CommandOutput,
} from '@hansa/foundation';
import type { LocalCommand, LocalContext } from './local-commands.ts';

const damaged = 7; // the exit code of everything that does not verify
const folderArgument = { name: '<folder>', description: 'as "hansa backup create" wrote it' };
const loadNode = () => import('@hansa/node');
type Offline = Parameters<Awaited<ReturnType<typeof loadNode>>['restoreFolder']>[0];

const verify: LocalCommand = {
  local: true,
  noun: 'backup',
  verb: 'verify',
  summary: 'Read all of a backup, and hold it against its manifest. Asks no node.',
  args: [folderArgument],
  examples: ['hansa backup verify backups/lubeck'],
  async run(context) {
    const { checkBackup } = await loadNode();
    const folder = resolve(context.args['folder'] ?? '');
    const { manifest, problems } = await checkBackup(folder, () => undefined);
    const { name, createdMs, store, blobs } = manifest;
    const about =
      `${name} at ${momentText(createdMs)}: ${store.records} records, ` +
      `${blobs.count} blobs (${bytesText(blobs.blobBytes)})`;
    const verified = problems.length === 0;
    const lines = [
      verified ? `${about}. All of it is what was written.` : `${about}. It is NOT whole:`,
      ...problems.map((problem) => `  ${problem}`),
    ];
    return {
      data: { verified, manifest, problems },
      view: textView(lines.join('\n')),
      next: verified ? [`hansa backup restore ${folder} --data <folder> --plan`] : [],
      exit: verified ? 0 : damaged,
    };
  },
};

const restore: LocalCommand = {
  local: true,
  noun: 'backup',
  verb: 'restore',
  summary: 'Make a data folder of a backup. The cluster of then goes on in new epochs.',
  args: [folderArgument],
  options: [
    { flags: '--data <folder>', description: 'a new data folder', required: true },
    { flags: '--seal-key-file <file>', description: 'of a sealed backup (or HANSA_SEAL_KEY)' },
    { flags: '--seal-age-identity <file>', description: 'of a sealed backup' },
    { flags: '--plan', description: 'check the backup, say what would be done, and do nothing' },
    { flags: '--yes', description: 'do it' },
  ],
  examples: [
    'hansa backup restore backups/lubeck --data lubeck-again --plan',
    'hansa backup restore backups/lubeck --data lubeck-again --yes',
  ],
  async run(context) {
    const folder = resolve(context.args['folder'] ?? '');
    const data = resolve(textOption(context, 'data') ?? '');
    const node = await loadNode();
    if (context.options['yes'] !== true) {
      const report = await node.checkBackup(folder, () => undefined);
      return planned(context, { ...report, data });
    }
    const restored = await node.restoreFolder(offline(context), {
      folder,
      data,
    });
    const { name, entries, blobs, keys } = restored;
    const about =
      keys === 0 ? '; its keys are not in the backup: put them into its keys folder' : '';
    return {
      data: { ...restored, folder: data },
      view: textView(`${name} is restored: ${entries} records and ${blobs} blobs${about}.`),
      next: [`hansa up --data ${data}`, 'hansa recover list'],
    };
  },
};

function planned(
  context: LocalContext,
  {
    manifest,
    problems,
    data,
  }: Awaited<ReturnType<Awaited<ReturnType<typeof loadNode>>['checkBackup']>> & {
    readonly data: string;
  },
): CommandOutput {
  if (problems.length > 0) {
    throw new HansaError('BACKUP_INVALID', problems[0] ?? '', {
      facts: { problems: problems.length },
    });
  }
  const { name, createdMs, store, blobs, keys } = manifest;
  const lines = [
    `${data} becomes ${name} as it was at ${momentText(createdMs)}:`,
    `  ${store.records} records, ${blobs.count} blobs, ${keys.length} key files.`,
    '  Nothing is signed before every linked peer has said what it holds.',
    '  Open invitations, sessions and login codes are not restored.',
    '  The node of before must not run any more: there would be two of one identity.',
  ];
  const folder = context.args['folder'] ?? '';
  return {
    data: { manifest, data },
    view: textView(lines.join('\n')),
    next: [`hansa backup restore ${folder} --data ${data} --yes`],
  };
}

function offline({ options }: LocalContext): Offline {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' ? value : undefined;
  return {
    sealKeyFile: text(options['sealKeyFile']),
    sealAgeIdentity: text(options['sealAgeIdentity']),
    environment: process.env,
    open: async () => {
      throw new HansaError('USAGE', 'a backup is restored into a data folder');
    },
    signal: new AbortController().signal,
    progress: () => undefined,
  };
}

export const backupCommands: readonly LocalCommand[] = [verify, restore];
