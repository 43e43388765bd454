// `hansa login provider`: which identity providers people may come by, and who is who there.
import {
  flagOption,
  HansaError,
  listOption,
  remote,
  requiredArgument,
  requiredOption,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import type { LoginTerminal } from './cli-terminal.ts';
import { loginsContract, type Logins, type Provider } from './contract.ts';

const providerArgument = { name: '<provider>', description: 'what it is called here' };

const list: Command = {
  noun: 'login',
  verb: 'provider list',
  summary: 'List the identity providers that people can log in by.',
  examples: ['hansa login provider list'],
  async run(context) {
    const data = await loginsOf(context).providers({}, context);
    const rows = data.providers.map((each) => [
      each.provider,
      each.issuer,
      each.client,
      each.create ? `made${each.role === undefined ? '' : ` as ${each.role}`}` : 'refused',
      groupsText(each),
    ]);
    const columns = ['PROVIDER', 'ISSUER', 'CLIENT', 'STRANGERS', 'GROUPS'];
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'people log in by passwords alone' },
      next: ['hansa login provider put <provider> --issuer <address> --client <id>'],
    };
  },
};

const put = (terminal: LoginTerminal): Command => ({
  noun: 'login',
  verb: 'provider put',
  summary: 'Let people log in by an identity provider, or change how.',
  args: [providerArgument],
  options: [
    { flags: '--issuer <address>', description: 'of its discovery', required: true },
    { flags: '--client <id>', description: 'what this cluster is called there', required: true },
    { flags: '--secret', description: 'ask for the client’s secret; kept as it was without' },
    { flags: '--secret-stdin', description: 'read it from standard input' },
    { flags: '--scope <scope...>', description: 'besides openid (default profile email)' },
    { flags: '--at <address>', description: 'where browsers reach this cluster' },
    { flags: '--groups-claim <claim>', description: 'where it lists groups (default groups)' },
    { flags: '--group <theirs=ours...>', description: 'who is in theirs is in ours here' },
    { flags: '--create', description: 'make users whom it knows and nobody here does' },
    { flags: '--role <role>', description: 'what those who are made may do' },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: [
    'hansa login provider put corp --issuer https://id.example.org --client hansa --secret',
    'hansa login provider put corp --issuer https://id.example.org --client hansa --group ops=ops',
  ],
  async run(context) {
    const provider = requiredArgument(context, 'provider');
    const issuer = requiredOption(context, 'issuer');
    const client = requiredOption(context, 'client');
    const secret = await secretOf(context, terminal);
    await requireYes(context, `Believe ${issuer} about who people are?`);
    const scopes = listOption(context, 'scope');
    const groups = groupsOf(listOption(context, 'group'));
    const data = await loginsOf(context).putProvider(
      {
        provider,
        issuer,
        client,
        secret,
        at: textOption(context, 'at'),
        groupsClaim: textOption(context, 'groupsClaim'),
        create: flagOption(context, 'create'),
        role: textOption(context, 'role'),
        ...(scopes.length === 0 ? {} : { scopes }),
        ...(groups === undefined ? {} : { groups }),
      },
      context,
    );
    return {
      data,
      view: textView(`People can log in by ${provider}.`),
      next: [
        `hansa login --provider ${provider}`,
        `hansa login provider bind ${provider} <user> <subject>`,
      ],
    };
  },
});

const remove: Command = {
  noun: 'login',
  verb: 'provider remove',
  summary: 'Let nobody log in by an identity provider any more; their sessions end.',
  args: [providerArgument],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['hansa login provider remove corp --yes'],
  async run(context) {
    const provider = requiredArgument(context, 'provider');
    await requireYes(context, `Forget ${provider}, and whom it was bound to?`);
    const data = await loginsOf(context).removeProvider({ provider }, context);
    return { data, view: textView(`Nobody logs in by ${provider} any more.`) };
  },
};

const bind: Command = {
  noun: 'login',
  verb: 'provider bind',
  summary: 'Say that a subject of a provider is a user of this cluster.',
  args: [
    providerArgument,
    { name: '<user>', description: 'a user of this cluster' },
    { name: '<subject>', description: 'the provider’s own name for them (its claim "sub")' },
  ],
  examples: ['hansa login provider bind corp anna 248289761001'],
  async run(context) {
    const input = {
      provider: requiredArgument(context, 'provider'),
      user: requiredArgument(context, 'user'),
      subject: requiredArgument(context, 'subject'),
    };
    const data = await loginsOf(context).bind(input, context);
    return {
      data,
      view: textView(`Whoever ${input.provider} calls ${input.subject} is ${input.user} here.`),
      next: ['hansa login list'],
    };
  },
};

const unbind: Command = {
  noun: 'login',
  verb: 'provider unbind',
  summary: 'Take a subject of a provider from its user, whose sessions by it end.',
  args: [providerArgument, { name: '<subject>', description: 'as hansa login list shows it' }],
  examples: ['hansa login provider unbind corp 248289761001'],
  async run(context) {
    const provider = requiredArgument(context, 'provider');
    const subject = requiredArgument(context, 'subject');
    const data = await loginsOf(context).unbind({ provider, subject }, context);
    return { data, view: textView(`${data.user} logs in by ${provider} no more as ${subject}.`) };
  },
};

export const providerCommands = (terminal: LoginTerminal): readonly Command[] => [
  list,
  put(terminal),
  remove,
  bind,
  unbind,
];

function loginsOf({ carrier }: CommandContext): Logins {
  return remote(loginsContract, carrier);
}

async function secretOf(
  context: CommandContext,
  terminal: LoginTerminal,
): Promise<string | undefined> {
  const piped = flagOption(context, 'secretStdin');
  return piped || flagOption(context, 'secret')
    ? terminal.secret('client secret', piped)
    : undefined;
}

function groupsOf(spelled: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pairs = spelled.map((each) => {
    const equals = each.lastIndexOf('=');
    if (equals < 1) {
      throw new HansaError('INPUT_INVALID', `"${each}" maps no group`, {
        fix: 'write theirs=ours, for example --group engineering=ops',
      });
    }
    return [each.slice(0, equals), each.slice(equals + 1)] as const;
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function groupsText({ groups }: Provider): string {
  return Object.entries(groups)
    .map(([theirs, ours]) => `${theirs}=${ours}`)
    .join(' ');
}
