// `hansa node …` and `hansa cluster health`: what people type, and what they see.
import {
  durationOption,
  flagOption,
  HansaError,
  momentText,
  remote,
  requiredArgument,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { nodesContract, silentSecondsUsual, type ClusterNode, type Nodes } from './contract.ts';

const nodeArgument = { name: '<node>', description: 'its name, or the first digits of its id' };
const yesOption = { flags: '--yes', description: 'do it without being asked' };
const shortDigits = 12;

const list: Command = {
  noun: 'node',
  verb: 'list',
  summary: 'List the nodes of this cluster, and which one is active.',
  examples: ['hansa node list'],
  async run(context) {
    const data = await nodesOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['NODE', 'ROLE', 'MODE', 'API', 'VERSION', 'ID'],
        rows: data.nodes.map((each) => [
          each.name,
          roleText(each),
          each.mode,
          each.api ?? '',
          each.version ?? '',
          each.node.slice(0, shortDigits),
        ]),
        empty: 'There is no node.',
      },
      next: ['hansa node invite', 'hansa cluster health'],
    };
  },
};

/** Until its presence lapses, nobody knows whether a node that says nothing is gone. */
export function roleText({ role, silentSeconds = 0 }: ClusterNode): string {
  return silentSeconds > silentSecondsUsual ? `${role}, not heard for ${silentSeconds} s` : role;
}

const invite: Command = {
  noun: 'node',
  verb: 'invite',
  summary: 'Make a ticket with which one more node joins this cluster, once.',
  options: [
    {
      flags: '--ttl <duration>',
      description: 'how long it is good for (default 15m, at most 24h)',
    },
  ],
  examples: ['hansa node invite --ttl 1h'],
  async run(context) {
    const ttlMs = durationOption(context, 'ttl');
    const data = await nodesOf(context).invite({ ttlMs }, { signal: context.signal });
    const until = momentText(data.expiresMs);
    const words = [
      data.ticket,
      `It opens this cluster’s keys, once, until ${until}: as secret as a password.`,
    ];
    return {
      data,
      view: textView(words.join('\n')),
      next: ['hansa up --join <ticket> --data <an empty folder>  # on the new node'],
    };
  },
};

const drain: Command = {
  noun: 'node',
  verb: 'drain',
  summary: 'Have a node give over what it does, and take over nothing until it is resumed.',
  args: [nodeArgument],
  options: [yesOption],
  examples: ['hansa node drain lubeck-2 --yes'],
  async run(context) {
    const spelled = requiredArgument(context, 'node');
    await requireConsent(context, `Have ${spelled} give over what it does?`);
    const data = await nodesOf(context).drain({ node: spelled }, { signal: context.signal });
    return {
      data,
      view: textView(
        data.role === 'active'
          ? `${data.name} gives over to another node now.`
          : `${data.name} takes over nothing from now on.`,
      ),
      next: ['hansa node list', `hansa node resume ${data.name}`],
    };
  },
};

const resume: Command = {
  noun: 'node',
  verb: 'resume',
  summary: 'Let a drained node serve again.',
  args: [nodeArgument],
  examples: ['hansa node resume lubeck-2'],
  async run(context) {
    const node = requiredArgument(context, 'node');
    const data = await nodesOf(context).resume({ node }, { signal: context.signal });
    return { data, view: textView(`${data.name} serves again.`), next: ['hansa node list'] };
  },
};

const remove: Command = {
  noun: 'node',
  verb: 'remove',
  summary: 'Take a node that is away or drained out of the cluster, for good.',
  args: [nodeArgument],
  options: [yesOption],
  examples: ['hansa node remove lubeck-3 --yes'],
  async run(context) {
    const spelled = requiredArgument(context, 'node');
    await requireConsent(context, `Take ${spelled} out of the cluster, for good?`);
    const data = await nodesOf(context).remove({ node: spelled }, { signal: context.signal });
    return {
      data,
      view: textView(
        `${data.name} is no node of this cluster any more. It has known the cluster’s keys:`,
      ),
      next: ['hansa identity rotate  # where it may be in other hands', 'hansa node list'],
    };
  },
};

const health: Command = {
  noun: 'cluster',
  verb: 'health',
  summary: 'Whether the cluster can lose a node, and what is wrong where it cannot.',
  examples: ['hansa cluster health', 'hansa cluster health -o json'],
  async run(context) {
    const data = await nodesOf(context).health({}, { signal: context.signal });
    const { store, blobs } = data;
    return {
      data,
      exit: data.healthy ? 0 : 7,
      view: {
        kind: 'record',
        fields: [
          ['health', data.healthy ? 'good' : data.problems.join('; ')],
          ['active', data.active],
          ['nodes', `${data.serving} serving, ${data.away} away`],
          ['store', `${store.engine} at revision ${store.revision}, ${store.durability}`],
          ...(blobs === undefined
            ? []
            : [['blobs', `${blobs.copies} copies wanted, ${blobs.short} short`] as const]),
        ],
      },
      next: data.healthy ? [] : ['hansa node list'],
    };
  },
};

function nodesOf({ carrier }: CommandContext): Nodes {
  return remote(nodesContract, carrier);
}

async function requireConsent(context: CommandContext, question: string): Promise<void> {
  if (!flagOption(context, 'yes') && !(await context.confirm(question))) {
    throw new HansaError('NOT_CONFIRMED', 'nothing was done', { fix: 'repeat it with --yes' });
  }
}

export const nodesCommands: readonly Command[] = [list, invite, drain, resume, remove, health];
