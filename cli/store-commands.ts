// `hansa store migrate`: a cluster's store from its data folder to etcd, while no node runs on it.
import { resolve } from 'node:path';
import { HansaError, textOption, textView, type CommandOutput } from '@hansa/foundation';
import { resolveContext } from './contexts.ts';
import { etcdGiven, etcdOptions, offlineGiven } from './etcd-options.ts';
import type { LocalCommand, LocalContext } from './local-commands.ts';

const loadNode = () => import('@hansa/node');
type NodeRoom = Awaited<ReturnType<typeof loadNode>>;
type Offline = Parameters<NodeRoom['migrateStore']>[0];

const migrate: LocalCommand = {
  local: true,
  noun: 'store',
  verb: 'migrate',
  summary: 'Move the store of a stopped cluster to etcd: compared before it is switched.',
  options: [
    { flags: '--to <url>', description: 'etcd://host:2379,…[/prefix], empty', required: true },
    { flags: '--data <folder>', description: 'data folder (default: that of the cluster)' },
    { flags: '--plan', description: 'say what would be done, and do nothing' },
    { flags: '--yes', description: 'do it; broken off, the same command goes on' },
    { flags: '--abandon', description: 'give up a copy that was broken off: empties the target' },
    { flags: '--unsealed', description: 'what is sealed here may lie in plain there' },
    { flags: '--seal-key-file <file>', description: 'of a sealed cluster (or HANSA_SEAL_KEY)' },
    { flags: '--seal-age-identity <file>', description: 'of a sealed cluster' },
    ...etcdOptions,
  ],
  examples: [
    'hansa store migrate --to etcd://127.0.0.1:2379 --plan',
    'hansa store migrate --to etcd://127.0.0.1:2379 --yes',
  ],
  async run(context) {
    const node = await loadNode();
    const to = node.parseStoreUrl(textOption(context, 'to') ?? '');
    const needs = offline(context, node);
    if (context.options['abandon'] === true) {
      const removed = await node.abandonMigration(needs, to);
      return {
        data: { removed },
        view: textView(`Given up: ${removed} records were removed from ${to.url}.`),
        next: [`hansa store migrate --to ${to.url} --plan`],
      };
    }
    const data = await dataOf(context);
    if (context.options['yes'] !== true || context.options['plan'] === true) {
      return planned(context, await node.planMigration(needs, { data, to }));
    }
    const unsealed = context.options['unsealed'] === true;
    const done = await node.migrateStore(needs, { data, to, unsealed });
    return {
      data: done,
      view: textView(
        `${done.entries} records are on ${to.url}, and are the same ` +
          `(${done.digest.slice(0, 16)}). ` +
          `The store of before is kept in ${done.kept}.`,
      ),
      next: [`hansa up --data ${data}`, 'hansa node invite'],
    };
  },
};

function planned(
  context: LocalContext,
  plan: Awaited<ReturnType<NodeRoom['planMigration']>>,
): CommandOutput {
  const { to } = plan;
  const data = textOption(context, 'data');
  const where = data === undefined ? '' : ` --data ${data}`;
  const consent = plan.sealed ? '--unsealed --yes' : '--yes';
  const lines = [
    `All that the store says at revision ${plan.revision} is copied to ${to.url}, and compared.`,
    'Until then nothing is switched. The cluster is stopped meanwhile; its peers wait.',
    'Blobs and repositories stay in the data folder; the keys go into the store, sealed.',
    ...(plan.sealed ? ['The store is sealed here, and would be in plain there: --unsealed.'] : []),
  ];
  return {
    data: plan,
    view: textView(lines.join('\n')),
    next: [`hansa store migrate --to ${to.url}${where} ${consent}`],
  };
}

async function dataOf(context: LocalContext): Promise<string> {
  const given = textOption(context, 'data');
  if (given !== undefined) {
    return resolve(given);
  }
  const found = await resolveContext(context.home, context.context);
  if ('url' in found) {
    throw new HansaError('USAGE', `the cluster ${found.name} runs on another machine`, {
      fix: 'name its data folder: --data <folder>',
    });
  }
  return found.data;
}

function offline(context: LocalContext, node: NodeRoom): Offline {
  const open: Offline['open'] = (choice) => node.openShared(choice, etcdGiven(context));
  return { ...offlineGiven(context), open };
}

export const storeCommands: readonly LocalCommand[] = [migrate];
