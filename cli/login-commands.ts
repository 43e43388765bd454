// `hansa login` and `hansa logout`: the session goes into a file of this user, and commands to that
// context go on as whoever has logged in.
import { createHttpCarrier } from '@hansa/client';
import { loginsContract, type LoggedIn, type Logins } from '@hansa/capabilities/logins/contract';
import {
  HansaError,
  isHansaError,
  momentText,
  remote,
  textOption,
  type CommandOption,
  type CommandOutput,
} from '@hansa/foundation';
import { reach } from './context-carrier.ts';
import { rememberContext, resolveContext, type Context } from './contexts.ts';
import { dropSession, keepSession, readSession } from './kept-sessions.ts';
import type { LocalCommand, LocalContext } from './local-commands.ts';
import { loginByBrowser } from './login-browser.ts';
import { loginTerminal } from './secret-input.ts';

const fromInput: CommandOption = {
  flags: '--password-stdin',
  description: 'read passwords from standard input, one line for each that would be asked for',
};

const login: LocalCommand = {
  local: true,
  noun: 'login',
  summary: 'Log in: by password, by a one-time code, or by an identity provider.',
  options: [
    { flags: '--user <name>', description: 'who you are there' },
    { flags: '--code <code>', description: 'a one-time code; a new password is asked for' },
    { flags: '--provider <name>', description: 'an identity provider, in your browser' },
    { flags: '--change', description: 'set a new password at the same time' },
    {
      flags: '--url <address>',
      description: 'a node elsewhere; kept under the name that --context gives',
    },
    fromInput,
  ],
  examples: ['hansa login --user anna', 'hansa login --code 7KQ2M-… --user anna'],
  async run(context) {
    const target = await targetOf(context);
    const { where } = await reach(target);
    const logins = remote(loginsContract, createHttpCarrier(where));
    const begun = await begin(context, logins);
    if ('url' in target) {
      await rememberContext(context.home, target);
    }
    await keepSession(context.home, target.name, begun);
    return shown(target, begun);
  },
};

const logout: LocalCommand = {
  local: true,
  noun: 'logout',
  summary: 'Log out: the session ends, here and at the node.',
  examples: ['hansa logout'],
  async run({ home, context }) {
    const target = await resolveContext(home, context);
    const kept = await readSession(home, target.name);
    if (kept === undefined) {
      throw new HansaError('SESSION_NOT_FOUND', `nobody is logged in at ${target.name} from here`, {
        fix: 'hansa login',
      });
    }
    const ended = await endThere(target, kept.session);
    await dropSession(home, target.name);
    const text = ended
      ? `${kept.principal} is logged out of ${target.name}.`
      : `The session at ${target.name} was over already; it is forgotten here.`;
    return {
      data: { context: target.name, principal: kept.principal, ended },
      view: { kind: 'text', text },
    };
  },
};

export const loginCommands: readonly LocalCommand[] = [login, logout];

/** False where it was over already. A node that does not answer keeps it: nothing is forgotten. */
async function endThere(target: Context, session: string): Promise<boolean> {
  const { where } = await reach(target);
  const logins = remote(loginsContract, createHttpCarrier({ ...where, token: session }));
  try {
    await logins.logout({});
    return true;
  } catch (error) {
    if (isHansaError(error, 'UNAUTHENTICATED') || isHansaError(error, 'SESSION_NOT_FOUND')) {
      return false;
    }
    throw error;
  }
}

/** The node at `--url` under the name of `--context`, or its host's; else a known context. */
async function targetOf({ home, context, options }: LocalContext): Promise<Context> {
  const url = textOption({ args: {}, options }, 'url');
  if (url === undefined) {
    return resolveContext(home, context);
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new HansaError('USAGE', `"${url}" is no address of a node`, {
      fix: 'write http://127.0.0.1:4870, or https://…',
    });
  }
  const { hostname, protocol } = new URL(url);
  if (protocol === 'http:' && !['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) {
    throw new HansaError('USAGE', 'a password would travel in the open', {
      fix: 'use https://, or a tunnel that ends on this machine',
    });
  }
  const name = context ?? hostname;
  const known = await resolveContext(home, name).catch(() => undefined);
  if (known !== undefined && 'data' in known) {
    throw new HansaError('USAGE', `${name} is the name of a cluster on this machine`, {
      fix: 'give the one at the address another name: --context <name>',
    });
  }
  return { name, url };
}

async function begin(context: LocalContext, logins: Logins): Promise<LoggedIn> {
  const { options } = context;
  const given = (name: string): string | undefined => textOption({ args: {}, options }, name);
  const [user, code, provider] = [given('user'), given('code'), given('provider')];
  if (provider !== undefined) {
    return loginByBrowser(logins, provider, tell);
  }
  const piped = options['passwordStdin'] === true;
  if (code !== undefined) {
    const password = await newPassword(piped);
    return logins.codeLogin({ code, password, ...(user === undefined ? {} : { user }) });
  }
  if (user === undefined) {
    throw new HansaError('USAGE', 'who logs in is missing', {
      fix: 'hansa login --user <name>, or --code, or --provider',
    });
  }
  const password = await loginTerminal.secret(`password of ${user}`, piped);
  if (options['change'] === true) {
    return logins.passwordLogin({ user, password, newPassword: await newPassword(piped) });
  }
  try {
    return await logins.passwordLogin({ user, password });
  } catch (error) {
    if (!isHansaError(error, 'PASSWORD_CHANGE_NEEDED')) {
      throw error;
    }
    tell('Somebody else has set this password: take one of your own.');
    return logins.passwordLogin({ user, password, newPassword: await newPassword(piped) });
  }
}

/** Beside the answer: a program reads that one. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Twice on a terminal, where nobody sees what is typed; once from a program. */
async function newPassword(piped: boolean): Promise<string> {
  const password = await loginTerminal.secret('new password', piped);
  if (!piped && (await loginTerminal.secret('the same again', false)) !== password) {
    throw new HansaError('USAGE', 'the two passwords differ', { fix: 'begin again' });
  }
  return password;
}

function shown(target: Context, { principal, id, expiresMs }: LoggedIn): CommandOutput {
  const { name } = target;
  return {
    data: { context: name, principal, id, expiresMs },
    view: {
      kind: 'text',
      text: `Commands go to ${name} as ${principal}, until ${momentText(expiresMs)} at the latest.`,
    },
    next: ['hansa session list', 'hansa logout'],
  };
}
