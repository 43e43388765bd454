// `hansa session` and the verbs of `hansa login` that a node answers; logging in itself is done by
// the command line, which keeps the session.
import {
  flagOption,
  HansaError,
  isHansaError,
  momentText,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { accessContract } from '../access/contract.ts';
import { daemonContract } from '../daemon/contract.ts';
import { providerCommands } from './cli-providers.ts';
import type { LoginTerminal } from './cli-terminal.ts';
export type { LoginTerminal };

import { loginsContract, type LoginRow, type Logins, type SessionRow } from './contract.ts';

const userArgument = { name: '<user>', description: 'a user of this cluster' };

const show: Command = {
  noun: 'session',
  verb: 'show',
  summary: 'Show the session that commands go on by.',
  examples: ['hansa session show'],
  async run(context) {
    const { mark: _mark, ...data } = await loginsOf(context).session({}, context);
    return { data, view: { kind: 'record', fields: fieldsOf(data) }, next: ['hansa logout'] };
  },
};

const list: Command = {
  noun: 'session',
  verb: 'list',
  summary: 'List your own sessions, or those of others.',
  options: [
    { flags: '--user <user>', description: 'of this user' },
    { flags: '--all', description: 'of everybody' },
  ],
  examples: ['hansa session list', 'hansa session list --user anna'],
  async run(context) {
    const sessions = await sessionsOf(context);
    const rows = sessions.map((each) => [
      each.id,
      each.principal,
      each.by,
      momentText(each.createdMs),
      momentText(each.usedMs),
      each.source,
      each.agent,
    ]);
    const columns = ['ID', 'WHO', 'BY', 'SINCE', 'LAST USED', 'FROM', 'PROGRAM'];
    return {
      data: { sessions },
      view: { kind: 'table', columns, rows, empty: 'nobody is logged in' },
      next: rows.length === 0 ? [] : ['hansa session end <id>'],
    };
  },
};

const end: Command = {
  noun: 'session',
  verb: 'end',
  summary: 'End a session, your own or somebody else’s, or all of a user.',
  args: [{ name: '[id]', description: 'as hansa session list shows it' }],
  options: [
    { flags: '--user <user>', description: 'all sessions of this user' },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: ['hansa session end 9hPq3mJk0v9pXh2c', 'hansa session end --user anna --yes'],
  async run(context) {
    const logins = loginsOf(context);
    const user = textOption(context, 'user');
    if (user !== undefined) {
      await requireYes(context, `Log ${user} out everywhere?`);
      const data = await logins.endSessions({ user }, context);
      return { data, view: textView(`Ended ${data.ended} session(s) of ${user}.`) };
    }
    const id = requiredArgument(context, 'id');
    const data = await endOne(context, id);
    return { data, view: textView(`Ended ${id}.`), next: ['hansa session list'] };
  },
};

const ways: Command = {
  noun: 'login',
  verb: 'list',
  summary: 'List how each user can log in.',
  examples: ['hansa login list'],
  async run(context) {
    const logins: LoginRow[] = [];
    for (let more = true; more;) {
      const after = logins.at(-1)?.user;
      const page = await loginsOf(context).list({ ...(after && { after }) }, context);
      logins.push(...page.logins);
      ({ more } = page);
    }
    const rows = logins.map((each) => [each.user, passwordText(each), boundText(each)]);
    const columns = ['USER', 'PASSWORD', 'PROVIDERS'];
    return {
      data: { logins },
      view: { kind: 'table', columns, rows, empty: 'there are no users' },
      next: [rows.length === 0 ? 'hansa user add <name>' : 'hansa login invite <user>'],
    };
  },
};

const invite: Command = {
  noun: 'login',
  verb: 'invite',
  summary: 'Make a one-time code with which a user sets a password and logs in.',
  args: [userArgument],
  examples: ['hansa login invite bob'],
  async run(context) {
    const user = requiredArgument(context, 'user');
    const data = await loginsOf(context).invite({ user }, context);
    const said = `It is good once, until ${momentText(data.expiresMs)}; the one before it is not.`;
    const url = await addressOf(context);
    const next = [`hansa login --url ${url} --code ${data.code}  # on the machine of ${user}`];
    return { data, view: { kind: 'stack', views: [textView(data.code), textView(said)] }, next };
  },
};

/** Whoever is invited has no context yet; the inviter may not know how the node is. */
async function addressOf({ carrier, signal }: CommandContext): Promise<string> {
  try {
    const { api } = await remote(daemonContract, carrier).status({}, { signal });
    return api;
  } catch {
    return '<address>';
  }
}

const ownerCode: Command = {
  noun: 'login',
  verb: 'owner-code',
  summary: 'Make the one-time code that lets somebody in as the owner.',
  examples: ['hansa login owner-code'],
  async run(context) {
    const data = await loginsOf(context).ownerCode({}, context);
    const said = `It is good once, until ${momentText(data.expiresMs)}; the one before it is not.`;
    return {
      data,
      view: { kind: 'stack', views: [textView(data.code), textView(said)] },
      next: [`hansa login --code ${data.code} --user <your name>`],
    };
  },
};

const password = (terminal: LoginTerminal): Command => ({
  noun: 'login',
  verb: 'password',
  summary: 'Change your own password, or set somebody else’s until their next login.',
  args: [{ name: '[user]', description: 'somebody else; your own where it is missing' }],
  options: [
    {
      flags: '--password-stdin',
      description: 'read from standard input, one a line: your present one, then the new one',
    },
  ],
  examples: ['hansa login password', 'hansa login password bob'],
  async run(context) {
    const logins = loginsOf(context);
    const piped = flagOption(context, 'passwordStdin');
    const user = context.args['user'];
    const old = user === undefined ? await terminal.secret('password now', piped) : '';
    const newPassword = await terminal.secret('new password', piped);
    if (!piped && (await terminal.secret('the same again', false)) !== newPassword) {
      throw new HansaError('USAGE', 'the two passwords differ', { fix: 'begin again' });
    }
    if (user === undefined) {
      const data = await logins.changePassword({ password: old, newPassword }, context);
      return { data, view: textView(`Changed; ${data.ended} other session(s) ended.`) };
    }
    const data = await logins.setPassword({ user, newPassword }, context);
    const said = `Set; ${user} has to change it at the next login. ${data.ended} session(s) ended.`;
    return { data, view: textView(said) };
  },
});

export const loginsCommands = (terminal: LoginTerminal): readonly Command[] => [
  ways,
  invite,
  ownerCode,
  password(terminal),
  ...providerCommands(terminal),
  show,
  list,
  end,
];

function loginsOf({ carrier }: CommandContext): Logins {
  return remote(loginsContract, carrier);
}

/** Whoever runs the machine, or comes with a token, has no sessions of their own. */
async function hasSessions({ carrier, signal }: CommandContext): Promise<boolean> {
  return (await remote(accessContract, carrier).whoami({}, { signal })).kind === 'principal';
}

async function endOne(context: CommandContext, id: string): Promise<{ id: string }> {
  const logins = loginsOf(context);
  if (await hasSessions(context)) {
    try {
      return await logins.endOwnSession({ id }, context);
    } catch (error) {
      if (!isHansaError(error, 'SESSION_NOT_FOUND')) {
        throw error;
      }
    }
  }
  return logins.endSession({ id }, context);
}

async function sessionsOf(context: CommandContext): Promise<readonly SessionRow[]> {
  const logins = loginsOf(context);
  const user = textOption(context, 'user');
  if (user === undefined && !flagOption(context, 'all') && (await hasSessions(context))) {
    return (await logins.ownSessions({}, context)).sessions;
  }
  const sessions: SessionRow[] = [];
  for (let more = true; more;) {
    const after = sessions.at(-1)?.id;
    const page = await logins.sessions({ ...(user && { user }), ...(after && { after }) }, context);
    sessions.push(...page.sessions);
    ({ more } = page);
  }
  return sessions;
}

function fieldsOf(session: SessionRow): readonly (readonly [string, string])[] {
  return [
    ['who', session.principal],
    ['id', session.id],
    ['by', session.by],
    ['since', momentText(session.createdMs)],
    ['last used', momentText(session.usedMs)],
    ['ends', momentText(session.expiresMs)],
    ['from', session.source],
    ['program', session.agent],
  ];
}

function passwordText({ password: has, mustChange, invited }: LoginRow): string {
  const held = has ? 'yes' : 'no';
  const marks = [...(mustChange ? ['to be changed'] : []), ...(invited ? ['invited'] : [])];
  return marks.length === 0 ? held : `${held} (${marks.join(', ')})`;
}

function boundText({ bindings }: LoginRow): string {
  return bindings.map(({ provider, subject }) => `${provider}:${subject}`).join(' ');
}
