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
import { loginTarget } from './login-target.ts';
import { nextCommands } from './next-commands.ts';
import { loginTerminal } from './secret-input.ts';

const fromInput: CommandOption = {
  flags: '--password-stdin',
  description: 'read passwords from standard input, one a line: the present one, then a new one',
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
    { flags: '--ca <file>', description: 'with https://: its authorities, in PEM' },
    { flags: '--cert <file>', description: 'with https://: your certificate, in PEM' },
    { flags: '--key <file>', description: 'and its key' },
    fromInput,
  ],
  examples: ['hansa login --user anna', 'hansa login --code 7KQ2M-… --user anna'],
  async run(context) {
    const target = await loginTarget(context);
    const { where } = await reach(target);
    const logins = remote(loginsContract, createHttpCarrier(where));
    const begun = await begin(context, logins);
    if ('url' in target) {
      await rememberContext(context.home, target);
    }
    await keepSession(context.home, target.name, begun);
    return shown(target, begun, context.context);
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
        fix: 'hansa login --user <name>',
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

/** `context` as it was typed: what has its address from `--url` is not the chosen one. */
function shown(
  target: Context,
  { principal, id, expiresMs }: LoggedIn,
  context: string | undefined,
): CommandOutput {
  const { name } = target;
  const typed = 'url' in target ? name : context;
  return {
    data: { context: name, principal, id, expiresMs },
    view: {
      kind: 'text',
      text: `Commands go to ${name} as ${principal}, until ${momentText(expiresMs)} at the latest.`,
    },
    next: nextCommands(['hansa session list', 'hansa logout'], typed),
  };
}
