// `hansa user …` and `hansa service …`: what people type of accounts, and what they see.
import {
  countOption,
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
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import {
  directoryContract,
  type Asking,
  type ClusterRoles,
  type Directory,
  type ShownAccount,
} from './contract.ts';

/** Both are the same to type; only users have a mail address. */
interface Noun {
  readonly noun: 'user' | 'service';
  /** In examples. */
  readonly someone: string;
  readonly what: string;
  readonly whats: string;
  put(directory: Directory, input: Words, context: CommandContext): Promise<ShownAccount>;
  show(directory: Directory, name: string, context: CommandContext): Promise<ShownAccount>;
  list(directory: Directory, asked: Asking, context: CommandContext): Promise<Page>;
  remove(directory: Directory, name: string, context: CommandContext): Promise<ShownAccount>;
}

type Words = Omit<Parameters<Directory['putUser']>[0], 'user'> & { readonly name: string };

interface Page {
  readonly data: unknown;
  readonly accounts: readonly ShownAccount[];
  readonly cursor?: string | undefined;
}

const users: Noun = {
  noun: 'user',
  someone: 'anna',
  what: 'user',
  whats: 'users',
  put: (directory, { name, ...words }, { signal }) =>
    directory.putUser({ user: name, ...words }, { signal }),
  show: (directory, user, { signal }) => directory.showUser({ user }, { signal }),
  async list(directory, asked, { signal }) {
    const data = await directory.users(asked, { signal });
    return { data, accounts: data.users, cursor: data.cursor };
  },
  remove: (directory, user, { signal }) => directory.removeUser({ user }, { signal }),
};

const services: Noun = {
  noun: 'service',
  someone: 'ci',
  what: 'service account',
  whats: 'service accounts',
  put: (directory, { name, email: _email, ...words }, { signal }) =>
    directory.putService({ service: name, ...words }, { signal }),
  show: (directory, service, { signal }) => directory.showService({ service }, { signal }),
  async list(directory, asked, { signal }) {
    const data = await directory.services(asked, { signal });
    return { data, accounts: data.services, cursor: data.cursor };
  },
  remove: (directory, service, { signal }) => directory.removeService({ service }, { signal }),
};

function wordOptions({ noun }: Noun): NonNullable<Command['options']> {
  return [
    { flags: '--display-name <text>', description: 'as people read it; "" takes it away' },
    ...(noun === 'user'
      ? [{ flags: '--email <address>', description: 'a mail address; "" takes it away' }]
      : []),
    {
      flags: '--cluster <peer...>',
      description: 'clusters that tokens may be made for, all of them; "" for none',
    },
  ];
}

function givenWords(context: CommandContext): Omit<Words, 'name'> {
  const clusters = listOption(context, 'cluster');
  return onlyGiven({
    displayName: textOption(context, 'displayName'),
    email: textOption(context, 'email'),
    clusters: clusters.length === 0 ? undefined : clusters.filter((each) => each !== ''),
  });
}

function addCommand(noun: Noun): Command {
  const { someone } = noun;
  return {
    noun: noun.noun,
    verb: 'add',
    summary: `Make a ${noun.what} of this cluster.`,
    args: [{ name: '<name>', description: 'lower-case letters, digits, ".", "-" and "_"' }],
    options: [
      ...wordOptions(noun),
      { flags: '--group <group...>', description: 'groups it is in; repeatable' },
      { flags: '--role <role...>', description: 'roles it has everywhere; repeatable' },
      { flags: '--directory <directory>', description: 'where it is kept (default people)' },
    ],
    examples: [
      `hansa ${noun.noun} add ${someone} --role viewer`,
      noun.noun === 'user'
        ? 'hansa user add anna --display-name "Anna Berg" --email anna@example.org'
        : 'hansa service add ci --display-name "Builds of main" --group builders',
    ],
    async run(context) {
      const [groups, roles] = [listOption(context, 'group'), listOption(context, 'role')];
      const words = onlyGiven({
        name: requiredArgument(context, 'name'),
        expect: 'absent' as const,
        ...givenWords(context),
        groups: groups.length === 0 ? undefined : groups,
        roles: roles.length === 0 ? undefined : roles,
        directory: textOption(context, 'directory'),
      });
      const data = await noun.put(directoryOf(context), words, context);
      const spelled = spelledAccount(data);
      return {
        data,
        view: textView(`Added ${spelled}.`),
        next: [
          ...(data.grants.length === 0 ? [`hansa role assign viewer ${spelled}`] : []),
          `hansa ${noun.noun} show ${data.name}`,
        ],
      };
    },
  };
}

function setCommand(noun: Noun): Command {
  return {
    noun: noun.noun,
    verb: 'set',
    summary: `Change what is said of a ${noun.what}.`,
    args: [{ name: '<name>', description: `a ${noun.what} of this cluster` }],
    options: wordOptions(noun),
    examples: [
      `hansa ${noun.noun} set ${noun.someone} --display-name "Another name"`,
      `hansa ${noun.noun} set ${noun.someone} --cluster bergen --cluster visby`,
    ],
    async run(context) {
      const name = requiredArgument(context, 'name');
      const given = givenWords(context);
      if (Object.keys(given).length === 0) {
        throw nothingToSet(`hansa ${noun.noun} set ${name}`, wordOptions(noun));
      }
      const words = { name, expect: 'present' as const, ...given };
      const data = await noun.put(directoryOf(context), words, context);
      return shownOutput(noun, data);
    },
  };
}

/** USAGE: what a change without any word could have said. */
export function nothingToSet(line: string, options: readonly CommandOption[]): HansaError {
  const flags = options.map(({ flags: each }) => each.replace('...>', '>'));
  return new HansaError('USAGE', 'nothing is said that could be set', {
    fix: `say it: ${line} ${flags.join(', or ')}`,
  });
}

function letInCommand(noun: Noun, verb: 'disable' | 'enable'): Command {
  const disabled = verb === 'disable';
  return {
    noun: noun.noun,
    verb,
    summary: disabled
      ? `Let a ${noun.what} in nowhere, until it is enabled; what it does now ends.`
      : `Let a disabled ${noun.what} in again.`,
    args: [{ name: '<name>', description: `a ${noun.what} of this cluster` }],
    examples: [`hansa ${noun.noun} ${verb} ${noun.someone}`],
    async run(context) {
      const name = requiredArgument(context, 'name');
      const words = { name, expect: 'present' as const, disabled };
      const data = await noun.put(directoryOf(context), words, context);
      const spelled = spelledAccount(data);
      return {
        data,
        view: textView(`${spelled} is ${disabled ? 'let in nowhere' : 'let in again'}.`),
        next: [`hansa ${noun.noun} ${disabled ? 'enable' : 'show'} ${data.name}`],
      };
    },
  };
}

function showCommand(noun: Noun): Command {
  return {
    noun: noun.noun,
    verb: 'show',
    summary: `Show one ${noun.what}, with its groups and roles.`,
    args: [{ name: '<name>', description: 'a name; <name>@<peer> for one of a linked cluster' }],
    examples: [
      `hansa ${noun.noun} show ${noun.someone}`,
      `hansa -o json ${noun.noun} show ${noun.someone}@lubeck`,
    ],
    async run(context) {
      const name = requiredArgument(context, 'name');
      return shownOutput(noun, await noun.show(directoryOf(context), name, context));
    },
  };
}

function shownOutput({ noun }: Noun, data: ShownAccount): CommandOutput {
  const { principal, displayName, email, groups, clusters, ownerName, grants } = data;
  const fields: readonly (readonly [string, string])[] = [
    ['principal', principal],
    ['home', ownerName],
    ['display name', displayName ?? '—'],
    ...(noun === 'user' ? ([['email', email ?? '—']] as const) : []),
    ['since', momentText(data.sinceMs)],
    ['let in', data.disabled ? 'no: disabled' : 'yes'],
    ['groups', wordsText(groups)],
    ['roles', rolesText(data)],
    ['by groups', wordsText(grants.filter(({ by }) => by.startsWith('group:')).map(grantText))],
    ['tokens for', wordsText(clusters.map((each) => `cluster ${each}`))],
    ['directory', data.directory.slice(data.directory.indexOf(':') + 1)],
  ];
  const next =
    data.role === 'own'
      ? [`hansa role assign <role> ${spelledAccount(data)}`]
      : [`hansa role map ${ownerName} ${noun}:${data.name} <role>`];
  return { data, view: { kind: 'record', fields }, namesClusters: true, next };
}

function grantText({ role, by, cluster }: ShownAccount['grants'][number]): string {
  return `${role} (${by}${cluster === undefined ? '' : `, in cluster ${cluster}`})`;
}

/** Roles as one line: `viewer, editor in cluster <id>`, which is shown by its name. */
export function rolesText({
  roles,
  clusterRoles,
}: {
  readonly roles: readonly string[];
  readonly clusterRoles: ClusterRoles;
}): string {
  const there = Object.entries(clusterRoles).flatMap(([cluster, list]) =>
    list.map((role) => `${role} in cluster ${cluster}`),
  );
  return wordsText([...roles, ...there]);
}

export function wordsText(words: readonly string[]): string {
  return words.length === 0 ? '—' : words.join(', ');
}

function spelledAccount({ principal, name, role, ownerName }: ShownAccount): string {
  const kind = principal.startsWith('user:') ? '' : 'service:';
  return `${kind}${name}${role === 'own' ? '' : `@${ownerName}`}`;
}

export const pageOptions: NonNullable<Command['options']> = [
  { flags: '--home <peer>', description: 'of one linked cluster alone; "own" for this one' },
  { flags: '--limit <count>', description: 'rows of the page (default 100)' },
  { flags: '--cursor <cursor>', description: 'go on after the page that ended with it' },
];

export function askedPage(context: CommandContext): Asking {
  return onlyGiven({
    home: textOption(context, 'home'),
    limit: countOption(context, 'limit', 1),
    cursor: textOption(context, 'cursor'),
  });
}

function listCommand(noun: Noun): Command {
  return {
    noun: noun.noun,
    verb: 'list',
    summary: `List ${noun.whats}, own ones first, page by page.`,
    options: pageOptions,
    examples: [`hansa ${noun.noun} list`, `hansa ${noun.noun} list --home lubeck`],
    async run(context) {
      const asked = askedPage(context);
      const { data, accounts, cursor } = await noun.list(directoryOf(context), asked, context);
      const home = asked.home === undefined ? '' : ` --home ${asked.home}`;
      return {
        data,
        view: accountsTable(noun, accounts),
        namesClusters: true,
        next:
          cursor === undefined
            ? [`hansa ${noun.noun} ${accounts.length === 0 ? 'add' : 'show'} <name>`]
            : [`hansa ${noun.noun} list${home} --cursor ${cursor}`],
      };
    },
  };
}

function accountsTable({ noun, whats }: Noun, accounts: readonly ShownAccount[]): CommandView {
  return {
    kind: 'table',
    columns: [noun.toUpperCase(), 'HOME', 'DISPLAY NAME', 'LET IN', 'GROUPS', 'ROLES'],
    rows: accounts.map((each) => [
      each.role === 'own' ? each.name : `${each.name}@${each.ownerName}`,
      each.ownerName,
      each.displayName ?? '—',
      each.disabled ? 'no' : 'yes',
      wordsText(each.groups),
      rolesText(each),
    ]),
    empty: `No ${whats} yet.`,
  };
}

function removeCommand(noun: Noun): Command {
  return {
    noun: noun.noun,
    verb: 'remove',
    summary: `Remove a ${noun.what}: it is refused wherever its directory is shared.`,
    args: [{ name: '<name>', description: `a ${noun.what} of this cluster` }],
    options: [
      { flags: '--plan', description: 'show what it has and would lose; change nothing' },
      { flags: '--yes', description: 'remove it without being asked' },
    ],
    examples: [
      `hansa ${noun.noun} remove ${noun.someone} --plan`,
      `hansa ${noun.noun} remove ${noun.someone} --yes`,
    ],
    async run(context) {
      const directory = directoryOf(context);
      const name = requiredArgument(context, 'name');
      const shown = await noun.show(directory, name, context);
      const spelled = spelledAccount(shown);
      if (flagOption(context, 'plan')) {
        const { data, view } = shownOutput(noun, shown);
        const views = [view, textView('This is a plan: nothing was changed.')];
        const next = [`hansa ${noun.noun} remove ${shown.name}`];
        return { data, view: { kind: 'stack', views }, namesClusters: true, next };
      }
      if (shown.role === 'own') {
        const roles = new Set(shown.grants.map(({ role }) => role));
        const loses = roles.size === 0 ? '' : ` It loses ${wordsText([...roles])}.`;
        await requireYes(context, `Remove ${spelled}, here and wherever it is shared?${loses}`);
      }
      const data = await noun.remove(directory, name, context);
      const view = textView(`Removed ${spelled}.`);
      return { data, view, next: [`hansa ${noun.noun} list`] };
    },
  };
}

function commandsOf(noun: Noun): readonly Command[] {
  return [
    addCommand(noun),
    showCommand(noun),
    listCommand(noun),
    setCommand(noun),
    letInCommand(noun, 'disable'),
    letInCommand(noun, 'enable'),
    removeCommand(noun),
  ];
}

export const userCommands: readonly Command[] = commandsOf(users);
export const serviceCommands: readonly Command[] = commandsOf(services);

/** A field that was not given is left out: no null goes where a contract has no field. */
export function onlyGiven<T extends object>(words: T): T {
  const given = Object.entries(words).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as T;
}

export function directoryOf({ carrier }: CommandContext): Directory {
  return remote(directoryContract, carrier);
}
