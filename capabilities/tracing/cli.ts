// `hansa trace`, `hansa sync diff`, `hansa evidence export`: where changes are, and what proves it.
import {
  momentText,
  nameWithKind,
  remote,
  requiredArgument,
  splitFederatedId,
  textOption,
  HansaError,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import {
  evidenceFormat,
  tracingContract,
  type DiffPlace,
  type DiffRow,
  type EvidenceItem,
  type Trace,
  type Tracing,
} from './contract.ts';

const unknown = '-';
const changesShown = 20; // in a table; -o json has all that were read

const trace: Command = {
  noun: 'trace',
  summary:
    'Show one change hop by hop: written, signed, received, verified, applied, where and when.',
  args: [
    { name: '<change>', description: '<resource>#<epoch>/<sequence>, or <resource>: its last' },
  ],
  examples: ['hansa trace lubeck:atlas#1/42', 'hansa trace atlas'],
  async run(context) {
    const change = requiredArgument(context, 'change');
    const data = await tracingOf(context).trace({ change }, { signal: context.signal });
    return { data, view: traceView(data), next: ['hansa sync diff'] };
  },
};

function traceView({
  hops,
  unknown: missing,
  ownerName,
  resource,
  epoch,
  sequence,
}: Trace): CommandView {
  const name = nameWithKind(splitFederatedId(resource));
  return {
    kind: 'stack',
    views: [
      { kind: 'text', text: `${ownerName}:${name}#${epoch}/${sequence}` },
      {
        kind: 'table',
        columns: ['WHERE', 'STEP', 'AT', 'TOOK', 'WHAT'],
        rows: hops.map(({ where, step, atMs, tookMs, sentence }) => [
          where,
          step,
          atMs === undefined ? unknown : momentText(atMs),
          tookMs === undefined ? unknown : `${tookMs} ms`,
          sentence,
        ]),
        empty: 'Nothing is known of it.',
      },
      ...(missing.length === 0
        ? []
        : [
            { kind: 'text' as const, text: missing.map((line) => `not known: ${line}`).join('\n') },
          ]),
    ],
  };
}

const diff: Command = {
  noun: 'sync',
  verb: 'diff',
  summary: 'Name what is not applied and why; change nothing.',
  args: [
    { name: '[of]', description: 'a mirror as <peer>:<name>, or a peer (default: everything)' },
  ],
  options: [{ flags: '--all', description: 'show what is current, too' }],
  examples: ['hansa sync diff', 'hansa sync diff lubeck:atlas'],
  async run(context) {
    const of = context.args['of'];
    const data = await tracingOf(context).diff({ of }, { signal: context.signal });
    const behind = data.rows.filter(({ step }) => step !== 'current');
    const shown = context.options['all'] === true ? data.rows : behind;
    const [first] = behind;
    return {
      data,
      view: diffView(shown),
      next: [first === undefined ? 'hansa sync status' : nextFor(first)],
    };
  },
};

function spelledIn({ resource, name }: DiffRow): string {
  return nameWithKind({ kind: splitFederatedId(resource).kind, name });
}

function nextFor(row: DiffRow): string {
  const { step, peerName, side } = row;
  if (side === 'lane') {
    return 'hansa conflict list';
  }
  return step === 'pull' && side === 'theirs'
    ? `hansa sync now ${peerName}:${spelledIn(row)}`
    : `hansa doctor ${peerName}`;
}

function diffView(rows: readonly DiffRow[]): CommandView {
  const table: CommandView = {
    kind: 'table',
    columns: ['OWNER', 'RESOURCE', 'COPY AT', 'STATE', 'STEP', 'HELD', 'HEAD', 'MISSING', 'WHY'],
    rows: rows.map((row) => [
      row.side === 'theirs' ? row.peerName : 'us',
      spelledIn(row),
      row.side === 'ours' ? row.peerName : 'us',
      row.state,
      row.step,
      placeText(row.held),
      placeText(row.head),
      missingText(row),
      row.reason ?? '',
    ]),
    empty: 'Everything is applied.',
  };
  const lists = rows.flatMap((row): CommandView[] =>
    row.changes.length + row.blobs.length === 0 ? [] : [changesView(row)],
  );
  return { kind: 'stack', views: [table, ...lists] };
}

function placeText(place: DiffPlace | undefined): string {
  return place === undefined
    ? unknown
    : `${place.epoch}/${place.sequence} ${(place.digest ?? '').slice(0, 8)}`.trimEnd();
}

function missingText({ changes, more, blobs, missingBytes }: DiffRow): string {
  const count = `${changes.length}${more ? '+' : ''}`;
  return blobs.length === 0 ? count : `${count}, ${blobs.length} blob(s) of ${missingBytes} bytes`;
}

function changesView(row: DiffRow): CommandView {
  const { changes, blobs, peerName, more } = row;
  const left = changes.length - changesShown;
  const lines = [
    ...changes.slice(0, changesShown).map(({ id, author, writtenMs, ops }) => {
      const place = id.slice(id.indexOf('#'));
      return `  ${place}  ${momentText(writtenMs)}  ${ops} operation(s)  ${author}`;
    }),
    ...(left > 0 || more ? [`  and ${Math.max(left, 0)}${more ? ' or more' : ''} others`] : []),
    ...blobs.slice(0, changesShown).map(({ id, sizeBytes }) => `  blob ${id}  ${sizeBytes} bytes`),
  ];
  return {
    kind: 'text',
    text: [`${peerName}, ${spelledIn(row)}, not applied:`, ...lines].join('\n'),
  };
}

const exportEvidence: Command = {
  noun: 'evidence',
  verb: 'export',
  summary: 'Write what proves a resource: key log, signed head, entries or changes, as JSON.',
  args: [{ name: '<resource>', description: 'one of ours, or a mirror as <peer>:<name>' }],
  options: [
    {
      flags: '--since <sequence>',
      description: 'the changes after this place instead of the entries; 0 for all (owner only)',
    },
  ],
  examples: [
    'hansa evidence export lubeck:atlas > atlas.json',
    'hansa evidence export atlas --since 0 > atlas.json',
  ],
  async run(context) {
    const resource = requiredArgument(context, 'resource');
    const since = sinceOption(context);
    const evidence: EvidenceItem[] = [];
    const items = tracingOf(context).evidence({ resource, since }, { signal: context.signal });
    for await (const item of items) {
      evidence.push(item);
    }
    const data = { format: evidenceFormat, evidence };
    return { data, view: { kind: 'text', text: JSON.stringify(data) } };
  },
};

function sinceOption(context: CommandContext): number | undefined {
  const text = textOption(context, 'since');
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d{1,15}$/.test(text)) {
    throw new HansaError('USAGE', `--since is a sequence, a whole number, not "${text}"`);
  }
  return Number(text);
}

function tracingOf({ carrier }: CommandContext): Tracing {
  return remote(tracingContract, carrier);
}

export const tracingCommands: readonly Command[] = [trace, diff, exportEvidence];
