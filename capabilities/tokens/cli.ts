// `hansa token issue|list|check|revoke|add|…`: tokens of the cluster that is asked. What needs no
// cluster (keygen, attenuate, inspect, prove) is the command line's own.
import {
  durationText,
  listOption,
  momentText,
  problemText,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandView,
} from '@hansa/foundation';
import { tokenSkewMs, type ReceivedRow, type TokenLink, type TokenReport } from './contract.ts';
import {
  askedFor,
  capOption,
  delegableOption,
  factOption,
  holderOption,
  issuingCommands,
  onceShown,
  tokensOf,
  ttlOption,
} from './cli-issuing.ts';

export { onceShown };

/** A token as it is given on the command line: by itself, or as a file that holds it. */
export type ReadToken = (given: string) => Promise<string>;

const tokenArgument = {
  name: '<token>',
  description: 'the whole token, or @file to read it from one',
};

const check = (readToken: ReadToken): Command => ({
  noun: 'token',
  verb: 'check',
  summary: 'Ask the cluster what a token says and whether it would be taken now.',
  args: [tokenArgument],
  examples: ['hansa token check @ada.token'],
  async run(context) {
    const token = await readToken(requiredArgument(context, 'token'));
    const data = await tokensOf(context).check({ token }, { signal: context.signal });
    const next = ['hansa token revocations'];
    return { data, view: reportView(data), namesClusters: true, next };
  },
});

const add = (readToken: ReadToken): Command => ({
  noun: 'token',
  verb: 'add',
  summary: 'Keep a token that was given to this cluster; it is shown to its issuer by itself.',
  args: [tokenArgument],
  options: [{ flags: '--to <peer>', description: 'show it to this peer instead of its issuer' }],
  examples: ['hansa token add @ada.token'],
  async run(context) {
    const token = await readToken(requiredArgument(context, 'token'));
    const to = textOption(context, 'to');
    const data = await tokensOf(context).add({ token, to }, { signal: context.signal });
    return {
      data,
      view: textView(`Kept ${data.jti}: it is shown to ${peerText(data)} while that is connected.`),
      next: ['hansa token received'],
    };
  },
});

const received: Command = {
  noun: 'token',
  verb: 'received',
  summary: 'List the tokens given to this cluster, and what their issuers make of them.',
  examples: ['hansa token received'],
  async run(context) {
    const data = await tokensOf(context).received({}, { signal: context.signal });
    const rows = data.tokens.map((row) => [
      row.jti,
      peerText(row),
      row.caps.join(' '),
      momentText(row.expiresMs),
      row.taken === true ? 'taken' : (row.problem?.code ?? 'not shown yet'),
    ]);
    const columns = ['ID', 'SHOWN TO', 'SCOPES', 'EXPIRES', 'STATE'];
    const view: CommandView = { kind: 'table', columns, rows, empty: 'no token was received' };
    return { data, view, next: ['hansa token add <token>'] };
  },
};

const forget: Command = {
  noun: 'token',
  verb: 'forget',
  summary: 'Forget a token given to this cluster; it is shown to nobody any more.',
  args: [{ name: '<id>', description: 'as hansa token received shows it' }],
  examples: ['hansa token forget 4Zq3mJk0v9pXh2cQe7sWbA'],
  async run(context) {
    const jti = requiredArgument(context, 'id');
    const data = await tokensOf(context).forget({ jti }, { signal: context.signal });
    return { data, view: textView(`Forgot ${jti}.`), next: ['hansa token received'] };
  },
};

const delegate: Command = {
  noun: 'token',
  verb: 'delegate',
  summary: 'Make a narrower token, for somebody else, of one given to this cluster.',
  args: [{ name: '<id>', description: 'as hansa token received shows it' }],
  options: [
    { ...holderOption, required: true },
    { ...capOption, required: true },
    ttlOption,
    delegableOption,
    factOption,
  ],
  examples: ['hansa token delegate 4Zq3mJk0v9pXh2cQe7sWbA --audience riga --cap "see:git:a/*"'],
  async run(context) {
    const jti = requiredArgument(context, 'id');
    const input = { ...askedFor(context), jti };
    const data = await tokensOf(context).delegate(input, { signal: context.signal });
    const next = ['hansa token inspect <token>'];
    return { data, view: onceShown(data), namesClusters: true, next };
  },
};

const honour: Command = {
  noun: 'token',
  verb: 'honour',
  summary: 'Let tokens that another cluster issues count here, within the given scopes.',
  args: [{ name: '<peer>', description: 'whose tokens' }],
  options: [
    { ...capOption, required: true },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: ['hansa token honour bergen --cap app:ledger --yes'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const caps = listOption(context, 'cap');
    await requireYes(context, `Let tokens issued by ${peer} allow ${caps.join(', ')} here?`);
    const data = await tokensOf(context).honour({ peer, caps }, { signal: context.signal });
    return {
      data,
      view: textView(
        `Tokens of ${data.name ?? data.cluster} count here, within ${caps.join(', ')}.`,
      ),
      next: [`hansa token dishonour ${peer}`],
    };
  },
};

const dishonour: Command = {
  noun: 'token',
  verb: 'dishonour',
  summary: 'Let tokens of that cluster count no more, at the next request.',
  args: [{ name: '<peer>', description: 'whose tokens' }],
  examples: ['hansa token dishonour bergen'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const data = await tokensOf(context).dishonour({ peer }, { signal: context.signal });
    return { data, view: textView(`Tokens of ${peer} count here no more.`) };
  },
};

const honoured: Command = {
  noun: 'token',
  verb: 'honoured',
  summary: 'List the clusters whose tokens count here, and how far.',
  examples: ['hansa token honoured'],
  async run(context) {
    const data = await tokensOf(context).honoured({}, { signal: context.signal });
    const rows = data.clusters.map(({ cluster, name, caps }) => [
      name ?? cluster.slice(0, 8),
      caps.join(' '),
    ]);
    const columns = ['CLUSTER', 'SCOPES'];
    return { data, view: { kind: 'table', columns, rows, empty: 'only tokens issued here count' } };
  },
};

/** The host reads files. */
export const tokensCommands = (readToken: ReadToken): readonly Command[] => [
  ...issuingCommands,
  check(readToken),
  add(readToken),
  received,
  forget,
  delegate,
  honour,
  dishonour,
  honoured,
];

/** A report as people read it; the command line shows its own the same way. */
export function reportView(report: TokenReport): CommandView {
  const whose = speakerText(report);
  return {
    kind: 'stack',
    views: [
      textView(usableText(report)),
      ...(whose === undefined ? [] : [textView(whose)]),
      ...report.chain.map(linkView),
    ],
  };
}

function speakerText({ speaksFor, clusters = [] }: TokenReport): string | undefined {
  const where = clusters.map(({ cluster, name }) => name ?? `cluster:${cluster}`).join(', ');
  return speaksFor === undefined
    ? undefined
    : `It speaks for ${speaksFor}${where === '' ? '' : `, at ${where}`}.`;
}

function usableText({ usable, tolerated, problem }: TokenReport): string {
  if (!usable) {
    return problemText(problem ?? { code: 'INTERNAL', message: '' });
  }
  return tolerated === true
    ? 'It would be taken now, although its time is over or has not begun: ' +
        `clocks may differ by ${durationText(tokenSkewMs)}.`
    : 'It would be taken now.';
}

function linkView(link: TokenLink): CommandView {
  return {
    kind: 'record',
    fields: [
      ['id', link.jti],
      ['issuer', `${link.issuer} (key ${link.keyIndex})`],
      ['for', link.audience.join(', ')],
      ['subject', link.subject],
      ['scopes', link.caps.join(' ')],
      ['counts', `${momentText(link.notBeforeMs)} to ${momentText(link.expiresMs)}`],
      ['delegated', `${link.depth} times${link.delegable ? ', may be again' : ''}`],
      ...(link.facts.length === 0 ? [] : [['facts', link.facts.join(' ')] as const]),
    ],
  };
}

function peerText({ presentToName, presentTo }: ReceivedRow): string {
  return presentToName ?? presentTo.slice(0, 8);
}
