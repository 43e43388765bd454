// `hansa status`: what people type, and what they see.
import {
  agoText,
  durationText,
  bytesText,
  flagOption,
  problemText,
  remote,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { daemonContract, type Daemon, type DaemonStatus } from './contract.ts';

const status: Command = {
  noun: 'status',
  summary: 'Show how the node is: identity, federation, store, links, mirrors.',
  options: [
    { flags: '--config', description: 'list every setting and where it came from instead' },
  ],
  examples: ['hansa status', 'hansa status --config'],
  async run(context) {
    if (flagOption(context, 'config')) {
      return settings(context);
    }
    const data = await daemonOf(context).status({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'stack',
        views: [nodeRecord(data), ...problemViews(data), linksTable(data), mirrorsTable(data)],
      },
      next: nextOf(data),
    };
  },
};

async function settings(context: CommandContext): Promise<CommandOutput> {
  const data = await daemonOf(context).config({}, { signal: context.signal });
  return {
    data,
    view: {
      kind: 'table',
      columns: ['SETTING', 'VALUE', 'FROM', 'MEANING'],
      rows: data.settings.map(({ name, value, source, description }) => [
        name,
        value,
        source,
        description,
      ]),
      empty: 'There is nothing to set.',
    },
    next: ['hansa status'],
  };
}

function nodeRecord(now: DaemonStatus): CommandView {
  const { store } = now;
  return {
    kind: 'record',
    fields: [
      ['cluster', `${now.name} (${now.cluster})`],
      ['node', now.node],
      ['federation', now.federation],
      ['certificate', certificateText(now)],
      ['addresses', now.addresses.length === 0 ? 'none' : now.addresses.join(' ')],
      ['api', now.api],
      ['data', now.data],
      ['store', `${store.engine}, ${store.durability}, ${bytesText(store.sizeBytes)}`],
      ['revision', String(store.revision)],
      ['owns', `${now.resources} resource(s), shared by ${now.rules} rule(s)`],
      ['trust', trustText(now.trust)],
      ['process', `hansa ${now.version}, pid ${now.pid}, ${bytesText(now.memoryBytes)}`],
      ['started', agoText(now.uptimeMs)],
    ],
  };
}

function certificateText({ certificate }: DaemonStatus): string {
  if (certificate === undefined) {
    return 'none';
  }
  const { keyIndex, serial, leftMs } = certificate;
  const left = leftMs > 0 ? `ends in ${durationText(leftMs)}` : 'has ended';
  return `number ${serial}, by key ${keyIndex}, ${left}; it renews itself`;
}

function trustText({ trusted, blocked, requests }: DaemonStatus['trust']): string {
  const asking = requests === 0 ? '' : `; ${requests} ask(s) for it: hansa trust requests`;
  return `${trusted} cluster(s) trusted, ${blocked} blocked${asking}`;
}

function problemViews({ problem, warnings }: DaemonStatus): readonly CommandView[] {
  const told = warnings.map((each) => `Look at this: ${problemText(each)}`);
  const off = problem === undefined ? [] : [problem];
  return [
    ...off.map((each) => `Federation is off, local service runs on. ${problemText(each)}`),
    ...told,
  ].map((text) => ({ kind: 'text', text }));
}

function linksTable({ links }: DaemonStatus): CommandView {
  return {
    kind: 'table',
    columns: ['LINK', 'STATUS', 'REASON'],
    rows: links.map((link) => [link.name, link.status, link.reason ?? '']),
    empty: 'No links yet.',
  };
}

function mirrorsTable({ mirrors }: DaemonStatus): CommandView {
  return {
    kind: 'table',
    columns: ['MIRROR', 'STATE', 'APPLIED'],
    rows: mirrors.map(({ mirror, state, sequence }) => [mirror, state, String(sequence ?? '-')]),
    empty: 'No mirrors yet.',
  };
}

function nextOf({ links, mirrors, federation }: DaemonStatus): readonly string[] {
  if (federation === 'off') {
    return ['hansa status --config'];
  }
  if (links.length === 0) {
    return ['hansa link invite'];
  }
  return ['hansa link list', mirrors.length === 0 ? 'hansa catalog list' : 'hansa sync status'];
}

export const daemonCommands: readonly Command[] = [status];

function daemonOf({ carrier }: CommandContext): Daemon {
  return remote(daemonContract, carrier);
}
