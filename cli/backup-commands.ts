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
import { etcdGiven, etcdOptions, offlineGiven } from './etcd-options.ts';
import type { LocalCommand, LocalContext } from './local-commands.ts';

const loadNode = () => import('@hansa/node');
type NodeRoom = Awaited<ReturnType<typeof loadNode>>;
type EtcdTarget = ReturnType<NodeRoom['parseStoreUrl']>;
type Offline = Parameters<NodeRoom['migrateStore']>[0];

const damaged = 7; // the exit code of everything that does not verify
const folderArgument = { name: '<folder>', description: 'as "hansa backup create" wrote it' };

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
    { flags: '--store <url>', description: 'the store to etcd://host:2379,…[/prefix], empty' },
    { flags: '--unsealed', description: 'what is sealed in the backup may lie in plain on etcd' },
    { flags: '--seal-key-file <file>', description: 'of a sealed backup (or HANSA_SEAL_KEY)' },
    { flags: '--seal-age-identity <file>', description: 'of a sealed backup' },
    { flags: '--plan', description: 'check the backup, say what would be done, and do nothing' },
    { flags: '--yes', description: 'do it; broken off, the same command begins anew' },
    { flags: '--abandon', description: 'empty the store on etcd where it was broken off' },
    ...etcdOptions,
  ],
  examples: [
    'hansa backup restore backups/lubeck --data lubeck-again --plan',
    'hansa backup restore backups/lubeck --data lubeck-again --yes',
    'hansa backup restore backups/lubeck --data lubeck-1 --store etcd://127.0.0.1:2379 --yes',
  ],
  async run(context) {
    const folder = resolve(context.args['folder'] ?? '');
    const data = resolve(textOption(context, 'data') ?? '');
    const node = await loadNode();
    const url = textOption(context, 'store');
    const to = url === undefined ? undefined : node.parseStoreUrl(url);
    if (context.options['abandon'] === true) {
      return abandoned(context, node, { folder, data, to });
    }
    if (context.options['yes'] !== true || context.options['plan'] === true) {
      const manifest = await node.planRestore(offline(context, node), { folder, data, to });
      return planned(context, { manifest, data, to });
    }
    const unsealed = context.options['unsealed'] === true;
    const given = { folder, data, to, unsealed };
    const restored = await node.restoreFolder(offline(context, node), given);
    const { name, entries, blobs, keys } = restored;
    const about =
      keys === 0 ? '; its keys are not in the backup: put them into its keys folder' : '';
    const where = to === undefined ? '' : ` on ${to.url}`;
    return {
      data: { ...restored, folder: data },
      view: textView(`${name} is restored${where}: ${entries} records and ${blobs} blobs${about}.`),
      // A data folder does not know the name that its cluster went by.
      next: [`hansa up --data ${data} --name ${name}`, `hansa --context ${name} recover list`],
    };
  },
};

async function abandoned(
  context: LocalContext,
  node: NodeRoom,
  given: {
    readonly folder: string;
    readonly data: string;
    readonly to: EtcdTarget | undefined;
  },
): Promise<CommandOutput> {
  const { to } = given;
  if (to === undefined) {
    throw new HansaError('USAGE', 'only what was begun on etcd is given up: --store <url>');
  }
  const removed = await node.abandonRestore(offline(context, node), { ...given, to });
  return {
    data: { removed },
    view: textView(`Given up: ${removed} records were removed from ${to.url}.`),
  };
}

type Manifest = Awaited<ReturnType<NodeRoom['planRestore']>>;

function planned(
  context: LocalContext,
  given: {
    readonly manifest: Manifest;
    readonly data: string;
    readonly to: EtcdTarget | undefined;
  },
): CommandOutput {
  const { manifest, data, to } = given;
  const { name, createdMs, store, blobs, keys, seal } = manifest;
  const isUnsealed = to !== undefined && seal !== undefined;
  const lines = [
    `${data} becomes ${name} as it was at ${momentText(createdMs)}:`,
    `  ${store.records} records, ${blobs.count} blobs, ${keys.length} key files.`,
    ...(to === undefined ? [] : [`  The records lie on ${to.url}, and the keys when it is up.`]),
    ...(isUnsealed ? ['  What is sealed in the backup lies in plain there: --unsealed.'] : []),
    '  Nothing is signed before every linked peer has said what it holds.',
    '  Open invitations, sessions and login codes are not restored.',
    '  The node of before must not run any more: there would be two of one identity.',
  ];
  const folder = context.args['folder'] ?? '';
  const onto = to === undefined ? '' : ` --store ${to.url}`;
  const consent = isUnsealed ? '--unsealed --yes' : '--yes';
  return {
    data: { manifest, data, ...(to === undefined ? {} : { store: to.url }) },
    view: textView(lines.join('\n')),
    next: [`hansa backup restore ${folder} --data ${data}${onto} ${consent}`],
  };
}

function offline(context: LocalContext, node: NodeRoom): Offline {
  const open: Offline['open'] = (choice) => node.openShared(choice, etcdGiven(context));
  return { ...offlineGiven(context), open };
}

export const backupCommands: readonly LocalCommand[] = [verify, restore];
