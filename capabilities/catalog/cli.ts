// `hansa catalog list`: what people type, and what they see.
import {
  flagOption,
  HansaError,
  nameWithKind,
  problemText,
  remote,
  textOption,
  type Command,
  type CommandView,
} from '@hansa/foundation';
import {
  catalogContract,
  type Catalog,
  type CatalogItem,
  type UnansweredPeer,
} from './contract.ts';

type Listed = Awaited<ReturnType<Catalog['list']>>;

const list: Command = {
  noun: 'catalog',
  verb: 'list',
  summary: 'List what this cluster owns and what its peers share with it.',
  options: [
    { flags: '--peer <peer>', description: 'only what this peer shares' },
    { flags: '--own', description: 'only what this cluster owns; asks no peer' },
    { flags: '--kind <kind>', description: 'only resources of this kind, for example git' },
  ],
  examples: ['hansa catalog list', 'hansa catalog list --peer lubeck --kind git'],
  async run(context) {
    const peer = textOption(context, 'peer');
    const kind = textOption(context, 'kind');
    const own = flagOption(context, 'own');
    if (own && peer !== undefined) {
      throw new HansaError('USAGE', '--own and --peer exclude each other');
    }
    const catalog = remote(catalogContract, context.carrier);
    const data = await catalog.list(
      { peer, kind, ...(own ? { own } : {}) },
      { signal: context.signal },
    );
    return {
      data,
      view: {
        kind: 'stack',
        views: [itemsTable(data.items, peer), ...data.unanswered.map(unansweredText)],
      },
      next: own ? nextOfOwn(data.items) : nextOf(data, peer),
    };
  },
};

function itemsTable(items: readonly CatalogItem[], peer: string | undefined): CommandView {
  return {
    kind: 'table',
    columns: ['OWNER', 'KIND', 'NAME', 'TYPE', 'WE MAY', 'POSITION', 'LABELS', 'DESCRIPTION'],
    rows: items.map((item) => [
      item.ownerName,
      item.kind,
      nameWithKind(item),
      item.type,
      item.verbs.join(', '),
      `${item.epoch}/${item.sequence}`,
      Object.entries(item.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
      item.description,
    ]),
    empty: peer === undefined ? 'Nothing to see yet.' : `${peer} shares nothing with this cluster.`,
  };
}

function unansweredText({ peer, problem }: UnansweredPeer): CommandView {
  return { kind: 'text', text: `${peer} could not be asked. ${problemText(problem)}` };
}

/** A thing to mirror: surely a peer's, since its owner may do everything with it. */
function nextOf({ items, unanswered }: Listed, peer: string | undefined): readonly string[] {
  const offered = items.find(
    ({ verbs }) => verbs.includes('pull') && (peer !== undefined || !verbs.includes('push')),
  );
  if (offered !== undefined) {
    return [`hansa mirror add ${offered.ownerName}:${nameWithKind(offered)}`];
  }
  const lonely = items.length === 0 && unanswered.length === 0 && peer === undefined;
  return lonely ? ['hansa repo create <name>', 'hansa link list'] : ['hansa link list'];
}

function nextOfOwn([first]: readonly CatalogItem[]): readonly string[] {
  return [
    first === undefined ? 'hansa repo create <name>' : `hansa share add ${first.name} --to <peer>`,
  ];
}

export const catalogCommands: readonly Command[] = [list];
