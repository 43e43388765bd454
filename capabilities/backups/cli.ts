// `hansa backup create|status`: what the node writes. What needs no node is a command of the
// machine: verify and restore.
import {
  bytesText,
  flagOption,
  momentText,
  remote,
  requiredOption,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { backupsContract, type Backups, type BackupSummary } from './contract.ts';

/** `pathOf` makes a path whole: the node stands in another folder. */
export function backupsCommands(pathOf: (path: string) => string): readonly Command[] {
  const create: Command = {
    noun: 'backup',
    verb: 'create',
    summary:
      'Write all of the cluster into a folder, while it serves; what is there is not copied.',
    options: [
      { flags: '--to <folder>', description: 'on the node’s machine', required: true },
      { flags: '--with-keys', description: 'with the cluster’s keys: as secret as the cluster is' },
    ],
    examples: ['hansa backup create --to backups/lubeck', 'hansa backup create --to b --with-keys'],
    async run(context) {
      const backups = backupsOf(context);
      const { signal } = context;
      const to = pathOf(requiredOption(context, 'to'));
      await backups.begin({ to, keys: flagOption(context, 'withKeys') }, { signal });
      let backup: BackupSummary | undefined;
      for await (const said of backups.follow({}, { signal })) {
        if (said.type === 'done') {
          ({ backup } = said);
        } else {
          const of = said.total === undefined ? '' : ` of ${said.total}`;
          context.progress(`${said.stage}: ${said.done}${of}`);
        }
      }
      if (backup !== undefined) {
        return {
          data: backup,
          view: { kind: 'stack', views: [written(backup), backupView(backup)] },
          next: [`hansa backup verify ${to}`],
        };
      }
      const data = await backups.status({}, { signal });
      return { data, view: textView('The backup was broken off.'), exit: 1 };
    },
  };
  const status: Command = {
    noun: 'backup',
    verb: 'status',
    summary: 'Show the last backup that was written.',
    examples: ['hansa backup status'],
    async run(context) {
      const data = await backupsOf(context).status({}, { signal: context.signal });
      const { last } = data;
      return {
        data,
        view: last === undefined ? textView('No backup has been written yet.') : backupView(last),
        next: last === undefined ? ['hansa backup create --to <folder>'] : [],
      };
    },
  };
  return [create, status];
}

function written({ keys, path }: BackupSummary): CommandView {
  return textView(
    keys
      ? `Written to ${path}. It holds the cluster’s keys: whoever has it is the cluster.`
      : `Written to ${path}, without the cluster’s keys: keep a copy of those elsewhere.`,
  );
}

function backupView(backup: BackupSummary): CommandView {
  const { blobs, blobBytes, copiedBlobs, copiedBytes } = backup;
  return {
    kind: 'record',
    fields: [
      ['folder', backup.path],
      ['written', momentText(backup.createdMs)],
      ['store', `${backup.records} records at revision ${backup.revision}`],
      ['blobs', `${blobs} (${bytesText(blobBytes)})`],
      ['copied now', `${copiedBlobs} blobs (${bytesText(copiedBytes)})`],
      ['keys', backup.keys ? 'yes' : 'no'],
      ['sealed', backup.sealed ? 'yes, as the data folder is' : 'no'],
    ],
  };
}

function backupsOf({ carrier }: CommandContext): Backups {
  return remote(backupsContract, carrier);
}
