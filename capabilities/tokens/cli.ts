// `hansa token issue|list|check|revoke|add|…`: tokens of the cluster that is asked. What needs no
// cluster (keygen, attenuate, inspect, prove) is the command line's own.
import {
  durationOption,
  durationText,
  flagOption,
  HansaError,
  listOption,
  momentText,
  problemText,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOption,
  type CommandView,
} from '@hansa/foundation';
import {
  tokensContract,
  tokenSkewMs,
  tokenTtlMaxMs,
  type IssuedToken,
  type ReceivedRow,
  type Revoked,
  type TokenLink,
  type TokenReport,
  type Tokens,
} from './contract.ts';

const capOption: CommandOption = {
  flags: '--cap <scope...>',
  description: 'what it allows: "pull:git:team-a/*", "see:*:**", "api:kv.read", "app:ledger"',
  required: true,
};
const audienceOption: CommandOption = {
  flags: '--audience <holder...>',
  description: 'who may use it: a peer, key:<public key>, cluster:<id>, or bearer (whoever has it)',
  required: true,
};
const ttlOption: CommandOption = {
  flags: '--ttl <duration>',
  description: `how long it counts, at most ${durationText(tokenTtlMaxMs)}`,
  default: '1h',
};
const delegableOption: CommandOption = {
  flags: '--delegable',
  description: 'its holder may make narrower ones of it for others',
};
const factOption: CommandOption = {
  flags: '--fact <word...>',
  description: 'a mark, such as proxy: clusters on the way may pass it on',
};

const issue: Command = {
  noun: 'token',
  verb: 'issue',
  summary: 'Make a token that lets its holder do what its scopes say, and show it once.',
  options: [
    audienceOption,
    capOption,
    ttlOption,
    delegableOption,
    factOption,
    { flags: '--subject <label>', description: 'what you call whom it is for, in lists' },
  ],
  examples: [
    'hansa token issue --audience bergen --cap "pull:git:team-a/*" --ttl 2h',
    'hansa token issue --audience bearer --cap api:links.read',
  ],
  async run(context) {
    const data = await tokensOf(context).issue(
      { ...askedFor(context), subject: textOption(context, 'subject') },
      { signal: context.signal },
    );
    return {
      data,
      view: onceShown(data),
      next: [`hansa token inspect <token>`, `hansa token revoke ${data.jti}  # to withdraw it`],
    };
  },
};

const list: Command = {
  noun: 'token',
  verb: 'list',
  summary: 'List issued tokens that have not run out: their ids, never the tokens.',
  options: [{ flags: '--after <id>', description: 'go on after this one' }],
  examples: ['hansa token list'],
  async run(context) {
    const after = textOption(context, 'after');
    const data = await tokensOf(context).list({ after }, { signal: context.signal });
    const rows = data.tokens.map((row) => [
      row.jti,
      row.subject,
      row.caps.join(' '),
      momentText(row.expiresMs),
      row.revoked ? 'revoked' : 'counts',
    ]);
    const columns = ['ID', 'SUBJECT', 'SCOPES', 'EXPIRES', 'STATE'];
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'no token is out' },
      next: data.more
        ? [`hansa token list --after ${data.tokens.at(-1)?.jti ?? ''}`]
        : ['hansa token issue --audience <peer> --cap <scope>'],
    };
  },
};

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
    return { data, view: reportView(data), next: ['hansa token revocations'] };
  },
});

const revoke: Command = {
  noun: 'token',
  verb: 'revoke',
  summary: 'Kill a token and all that descend from it, at the next request.',
  args: [{ name: '<id>', description: 'of the token, as hansa token list or inspect shows it' }],
  examples: ['hansa token revoke 4Zq3mJk0v9pXh2cQe7sWbA'],
  async run(context) {
    const jti = requiredArgument(context, 'id');
    const data = await tokensOf(context).revoke({ jti }, { signal: context.signal });
    const more = data.alsoRevoked.length;
    const also = more === 0 ? '' : ` So are ${more} that were issued by its holder.`;
    return {
      data,
      view: textView(`${revokedText(data)}${also}`),
      next: ['hansa token revocations'],
    };
  },
};

/** An id that we do not know may be that of a child that its holder made; or a slip. */
function revokedText({ jti, issuedHere }: Revoked): string {
  return issuedHere
    ? `Revoked ${jti}: it counts no more here, nor does what descends from it.`
    : `Revoked ${jti}; no token of that id was issued here. One that descends from ours, ` +
        'made by its holder, counts no more.';
}

const revocations: Command = {
  noun: 'token',
  verb: 'revocations',
  summary: 'List what was revoked and has not run out by itself.',
  examples: ['hansa token revocations'],
  async run(context) {
    const data = await tokensOf(context).revocations({}, { signal: context.signal });
    const rows = data.revocations.map(({ jti, revokedMs, untilMs }) => [
      jti,
      momentText(revokedMs),
      momentText(untilMs),
    ]);
    const columns = ['ID', 'REVOKED', 'KEPT UNTIL'];
    return { data, view: { kind: 'table', columns, rows, empty: 'nothing is revoked' } };
  },
};

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
  options: [audienceOption, capOption, ttlOption, delegableOption, factOption],
  examples: ['hansa token delegate 4Zq3mJk0v9pXh2cQe7sWbA --audience riga --cap "see:git:a/*"'],
  async run(context) {
    const jti = requiredArgument(context, 'id');
    const input = { ...askedFor(context), jti };
    const data = await tokensOf(context).delegate(input, { signal: context.signal });
    return { data, view: onceShown(data), next: ['hansa token inspect <token>'] };
  },
};

const honour: Command = {
  noun: 'token',
  verb: 'honour',
  summary: 'Let tokens that another cluster issues count here, within the given scopes.',
  args: [{ name: '<peer>', description: 'whose tokens' }],
  options: [capOption, { flags: '--yes', description: 'do not ask' }],
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
  issue,
  list,
  check(readToken),
  revoke,
  revocations,
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
  return { kind: 'stack', views: [textView(usableText(report)), ...report.chain.map(linkView)] };
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

/** A new token with what it is; the only time that it is shown. */
export function onceShown(data: IssuedToken): CommandView {
  const holders = data.audience.join(', ');
  const until = `It counts until ${momentText(data.expiresMs)}, for ${holders}.`;
  return {
    kind: 'stack',
    views: [textView(data.token), textView(`${until} It is not shown again.`)],
  };
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

function askedFor(context: CommandContext) {
  const ttlMs = durationOption(context, 'ttl');
  if (ttlMs !== undefined && ttlMs > tokenTtlMaxMs) {
    throw new HansaError(
      'INPUT_INVALID',
      `a token counts for at most ${durationText(tokenTtlMaxMs)}`,
    );
  }
  const facts = listOption(context, 'fact');
  return {
    audience: listOption(context, 'audience'),
    caps: listOption(context, 'cap'),
    ttlMs,
    delegable: flagOption(context, 'delegable'),
    ...(facts.length === 0 ? {} : { facts }),
  };
}

function tokensOf({ carrier }: CommandContext): Tokens {
  return remote(tokensContract, carrier);
}

function peerText({ presentToName, presentTo }: ReceivedRow): string {
  return presentToName ?? presentTo.slice(0, 8);
}
