// `hansa link …`: what people type, and what they see.
import {
  remote,
  requiredArgument,
  requireYes,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { labelCommands } from './cli-labels.ts';
import { makingCommands } from './cli-making.ts';
import { confirmationText, linkRecord, linksTable, stack, text } from './cli-shown.ts';
import { linksContract, type Link, type Links } from './contract.ts';

const peerArgument = { name: '<peer>', description: 'name or id of the peer' };

const list: Command = {
  noun: 'link',
  verb: 'list',
  summary: 'List the links with their status.',
  examples: ['hansa link list', 'hansa link list -o json'],
  async run(context) {
    const data = await linksOf(context).list({}, { signal: context.signal });
    const words = data.links
      .filter(({ status }) => status === 'pending')
      .map((link) => [
        `Check words with ${link.name}, confirmed ${confirmationText(link)}:`,
        `    ${link.checkWords}`,
      ])
      .map((lines) => lines.join('\n'));
    return {
      data,
      view: stack(linksTable(data.links), ...words.map(text)),
      next: nextOf(data.links),
    };
  },
};

const worryingStatuses: readonly Link['status'][] = [
  'stalled',
  'diverged',
  'blind',
  'disconnected',
];

function nextOf(links: readonly Link[]): readonly string[] {
  const waiting = links.filter((link) => link.status === 'pending' && !link.confirmedHere);
  const worrying = links.filter(({ status }) => worryingStatuses.includes(status));
  const hints = [
    ...waiting.map(({ name }) => `hansa link confirm ${name}  # where the words agree`),
    ...worrying.map(({ name }) => `hansa link show ${name}`),
  ];
  const none = links.every(({ status }) => status === 'closed');
  return hints.length > 0 ? hints : [none ? 'hansa link invite' : 'hansa catalog list'];
}

const show: Command = {
  noun: 'link',
  verb: 'show',
  summary: 'Show one link: both halves, check words, endpoints, the last error.',
  args: [peerArgument],
  examples: ['hansa link show bergen'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const data = await linksOf(context).show({ peer }, { signal: context.signal });
    const waiting = data.status === 'pending' && !data.confirmedHere;
    return {
      data,
      view: linkRecord(data),
      next: [
        waiting ? `hansa link confirm ${data.name}` : `hansa catalog list --peer ${data.name}`,
      ],
    };
  },
};

const close: Command = {
  noun: 'link',
  verb: 'close',
  summary: 'End a link here; nothing crosses it any more, also when the peer is away.',
  args: [peerArgument],
  options: [{ flags: '--yes', description: 'close it without being asked' }],
  examples: ['hansa link close bergen', 'hansa link close bergen --yes'],
  async run(context) {
    const links = linksOf(context);
    const { signal } = context;
    const peer = requiredArgument(context, 'peer');
    const link = await links.show({ peer }, { signal });
    await requireYes(
      context,
      `Close the link with ${link.name}? It gets nothing more from us, and our mirrors of its ` +
        'things stand still.',
    );
    const data = await links.close({ peer: link.peer }, { signal });
    return {
      data,
      view: text(`Closed the link with ${data.link.name}.`),
      next: ['hansa link list', 'hansa link invite  # to link again'],
    };
  },
};

export const linksCommands: readonly Command[] = [
  ...makingCommands,
  list,
  show,
  ...labelCommands,
  close,
];

function linksOf({ carrier }: CommandContext): Links {
  return remote(linksContract, carrier);
}
