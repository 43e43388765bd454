// `hansa token issue|list|revoke|revocations|keys`: tokens that this cluster makes, for whom and
// for where, and those that count no more.
import {
  durationOption,
  durationText,
  flagOption,
  HansaError,
  listOption,
  momentText,
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
  tokenTtlMaxMs,
  type IssuedToken,
  type OwnIssueRequest,
  type Revoked,
  type Tokens,
} from './contract.ts';

export const capOption: CommandOption = {
  flags: '--cap <scope...>',
  description: 'what it allows: "pull:git:team-a/*", "see:*:**", "api:kv.read", "app:ledger"',
};
export const holderOption: CommandOption = {
  flags: '--audience <holder...>',
  description: 'who may use it: a peer, key:<public key>, cluster:<id>, or bearer (whoever has it)',
};
export const ttlOption: CommandOption = {
  flags: '--ttl <duration>',
  description: `how long it counts, at most ${durationText(tokenTtlMaxMs)}`,
  default: '1h',
};
export const delegableOption: CommandOption = {
  flags: '--delegable',
  description: 'its holder may make narrower ones of it for others',
};
export const factOption: CommandOption = {
  flags: '--fact <word...>',
  description: 'a mark, such as proxy: clusters on the way may pass it on',
};
const mineOption: CommandOption = {
  flags: '--mine',
  description: 'of those that speak for you: needs no right but to be you',
};

const issue: Command = {
  noun: 'token',
  verb: 'issue',
  summary: 'Make a token, for somebody or for whoever holds it, and show it once.',
  options: [
    {
      flags: '--for <who>',
      description:
        'whom it speaks for: me, anna, service:ci; the owner’s, unless named, for nobody',
      default: 'me',
    },
    {
      flags: '--at <peer...>',
      description: 'clusters where it is good, of those open to them; default: only here',
    },
    {
      flags: '--audience <holder...>',
      description:
        'who may use it: key:<public key>, or bearer; where it speaks for nobody, a peer',
    },
    {
      ...capOption,
      description: `${capOption.description}; default: what they may of the API`,
    },
    ttlOption,
    delegableOption,
    factOption,
    {
      flags: '--subject <label>',
      description: 'where it speaks for nobody: what you call whom it is for, in lists',
    },
  ],
  examples: [
    'hansa token issue --at bergen --at visby',
    'hansa token issue --for service:ci --at bergen --cap "api:kv.write:builds/*" --ttl 30d',
    'hansa token issue --audience bergen --cap "pull:git:team-a/*" --ttl 2h',
    'hansa token issue --audience bearer --cap api:links.read',
  ],
  async run(context) {
    const data = await issued(context);
    const mine = isOwn(context) ? ' --mine' : '';
    return {
      data,
      view: onceShown(data),
      namesClusters: true,
      next: [
        `hansa token inspect <token>`,
        `hansa token revoke ${data.jti}${mine}  # to withdraw it`,
      ],
    };
  },
};

/** For oneself nothing needs to be allowed; with holders alone it may be for nobody at all. */
function isOwn(context: CommandContext): boolean {
  const holders = listOption(context, 'audience');
  const places = listOption(context, 'at');
  return isForMe(context) && (holders.length === 0 || places.length > 0);
}

function isForMe(context: CommandContext): boolean {
  return (textOption(context, 'for') ?? 'me') === 'me';
}

function issued(context: CommandContext): Promise<IssuedToken> {
  const call = { signal: context.signal };
  const subject = textOption(context, 'subject');
  const whom = isForMe(context) ? {} : { for: textOption(context, 'for') };
  const { audience, caps, ...asked } = askedFor(context);
  const at = listOption(context, 'at');
  const request: OwnIssueRequest = {
    ...asked,
    ...(audience.length === 0 ? {} : { audience }),
    ...(at.length === 0 ? {} : { at }),
    ...(caps.length === 0 ? {} : { caps }),
  };
  return isOwn(context) && subject === undefined
    ? tokensOf(context).issueOwn(request, call)
    : tokensOf(context).issue({ ...request, ...whom, subject }, call);
}

const list: Command = {
  noun: 'token',
  verb: 'list',
  summary: 'List issued tokens that have not run out: their ids, never the tokens.',
  options: [{ flags: '--after <id>', description: 'go on after this one' }, mineOption],
  examples: ['hansa token list', 'hansa token list --mine'],
  async run(context) {
    const after = textOption(context, 'after');
    const mine = flagOption(context, 'mine');
    const tokens = tokensOf(context);
    const call = { signal: context.signal };
    const data = await (mine ? tokens.own({ after }, call) : tokens.list({ after }, call));
    const rows = data.tokens.map((row) => [
      row.jti,
      row.subject,
      row.audience.join(' '),
      someScopes(row.caps),
      momentText(row.expiresMs),
      row.revoked ? 'revoked' : 'counts',
    ]);
    const columns = ['ID', 'SUBJECT', 'FOR', 'SCOPES', 'EXPIRES', 'STATE'];
    const again = mine ? ' --mine' : '';
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'no token is out' },
      namesClusters: true,
      next: data.more
        ? [`hansa token list${again} --after ${data.tokens.at(-1)?.jti ?? ''}`]
        : ['hansa token issue --audience <peer> --cap <scope>'],
    };
  },
};

const scopesShown = 4; // of a row: more make it wider than a screen, and -o json has them all

function someScopes(caps: readonly string[]): string {
  const more = caps.length - scopesShown;
  const shown = caps.slice(0, scopesShown).join(' ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

const revoke: Command = {
  noun: 'token',
  verb: 'revoke',
  summary: 'Kill a token and all that descend from it, here and at linked clusters.',
  args: [{ name: '<id>', description: 'of the token, as hansa token list or inspect shows it' }],
  options: [mineOption, { flags: '--yes', description: 'do not ask' }],
  examples: [
    'hansa token revoke 4Zq3mJk0v9pXh2cQe7sWbA',
    'hansa token revoke 4Zq3mJk0v9pXh2cQe7sWbA --mine --yes',
  ],
  async run(context) {
    const jti = requiredArgument(context, 'id');
    await requireYes(context, `Revoke token ${jti}? It cannot be made to count again.`);
    const tokens = tokensOf(context);
    const call = { signal: context.signal };
    const data = await (flagOption(context, 'mine')
      ? tokens.revokeOwn({ jti }, call)
      : tokens.revoke({ jti }, call));
    const more = data.alsoRevoked.length;
    const also = more === 0 ? '' : ` So are ${more} that were issued by its holder.`;
    return {
      data,
      view: textView(
        `${revokedText(data)}${also} Linked clusters hear of it when they are connected.`,
      ),
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

const keys: Command = {
  noun: 'token',
  verb: 'keys',
  summary: 'Show the keys that this cluster signs tokens with, as a JSON Web Key Set.',
  examples: ['hansa token keys -o json > jwks.json'],
  async run(context) {
    const data = await tokensOf(context).keys({}, { signal: context.signal });
    const rows = data.keys.map(({ kid, x }) => [kid, x]);
    const columns = ['KEY ID', 'PUBLIC KEY'];
    return { data, view: { kind: 'table', columns, rows, empty: 'no key is known' } };
  },
};

export const issuingCommands: readonly Command[] = [issue, list, revoke, revocations, keys];

/** A new token with what it is; the only time that it is shown. */
export function onceShown(data: IssuedToken): CommandView {
  const holders = data.audience.join(', ');
  const until = `It counts until ${momentText(data.expiresMs)}, for ${holders}.`;
  const whose = data.speaksFor === undefined ? '' : ` It speaks for ${data.speaksFor}.`;
  return {
    kind: 'stack',
    views: [textView(data.token), textView(`${until}${whose} It is not shown again.`)],
  };
}

export function askedFor(context: CommandContext): {
  readonly audience: readonly string[];
  readonly caps: readonly string[];
  readonly ttlMs: number | undefined;
  readonly delegable: boolean;
  readonly facts?: readonly string[];
} {
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

export function tokensOf({ carrier }: CommandContext): Tokens {
  return remote(tokensContract, carrier);
}
