// `hansa kind …`: what people type, and what they see. Programs register kinds over HTTP.
import {
  bytesText,
  momentText,
  remote,
  requiredArgument,
  requireYes,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { kindsContract, type ExternalKind, type Kinds } from './contract.ts';

const list: Command = {
  noun: 'kind',
  verb: 'list',
  summary: 'List the kinds of resources that programs serve here.',
  examples: ['hansa kind list'],
  async run(context) {
    const data = await kindsOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['KIND', 'SERVED', 'WAITING', 'DESCRIPTION'],
        rows: data.kinds.map((each) => [
          each.kind,
          served(each),
          String(each.provider?.waiting ?? 0),
          each.description,
        ]),
        empty: 'No program has registered a kind here.',
      },
      next: data.kinds.slice(0, 1).map(({ kind }) => `hansa kind show ${kind}`),
    };
  },
};

const show: Command = {
  noun: 'kind',
  verb: 'show',
  summary: 'Show a kind: who serves it, its limits, what there is of it.',
  args: [{ name: '<kind>', description: 'as "hansa kind list" shows it' }],
  examples: ['hansa kind show checklist'],
  async run(context) {
    const kind = requiredArgument(context, 'kind');
    const kinds = kindsOf(context);
    const { signal } = context;
    const [shown, { resources }] = [
      await kinds.show({ kind }, { signal }),
      await kinds.resources({ kind }, { signal }),
    ];
    const things: CommandView = {
      kind: 'table',
      columns: ['RESOURCE', 'ROLE', 'POSITION'],
      rows: resources.map((each) => [
        each.role === 'own' ? each.name : `${each.ownerName}:${kind}/${each.name}`,
        each.role,
        `${each.epoch}/${each.sequence}`,
      ]),
      empty: `There is nothing of kind ${kind} yet.`,
    };
    return {
      data: { ...shown, resources },
      view: { kind: 'stack', views: [record(shown), things] },
    };
  },
};

function record(shown: ExternalKind): CommandView {
  const { limits } = shown;
  return {
    kind: 'record',
    fields: [
      ['kind', shown.kind],
      ['description', shown.description],
      ['served', served(shown)],
      ['registered', momentText(shown.createdMs)],
      ['schema', shown.schema === undefined ? 'none' : 'see -o json'],
      [
        'limits',
        `${bytesText(limits.valueBytesMax)} a value, ${limits.opsMax} operations a change`,
      ],
    ],
  };
}

function served({ provider, servedMs }: ExternalKind): string {
  if (provider !== undefined) {
    return `by ${provider.name} since ${momentText(provider.sinceMs)}`;
  }
  return servedMs === undefined ? 'never yet' : `no longer, since ${momentText(servedMs)}`;
}

const remove: Command = {
  noun: 'kind',
  verb: 'remove',
  summary: 'Remove a kind of which there is no resource and no mirror.',
  args: [{ name: '<kind>', description: 'as "hansa kind list" shows it' }],
  options: [{ flags: '--yes', description: 'remove it without being asked' }],
  examples: ['hansa kind remove checklist --yes'],
  async run(context) {
    const kind = requiredArgument(context, 'kind');
    await requireYes(context, `Remove the kind ${kind}? Its program has to register it again.`);
    const data = await kindsOf(context).remove({ kind }, { signal: context.signal });
    return {
      data,
      view: { kind: 'text', text: `Removed ${data.kind}.` },
      next: ['hansa kind list'],
    };
  },
};

export const kindCommands: readonly Command[] = [list, show, remove];

function kindsOf({ carrier }: CommandContext): Kinds {
  return remote(kindsContract, carrier);
}
