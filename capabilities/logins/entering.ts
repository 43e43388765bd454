// The way in, however it was opened: by a password, by a one-time code, or because a provider
// vouches. What fails is counted, told alike to everybody, and said to the audit.
import {
  HansaError,
  isHansaError,
  reportOf,
  sourceNetwork,
  type Call,
  type Log,
} from '@hansa/foundation';
import type { AuditSink } from '../audit/contract.ts';
import type { Account, Directories } from '../directory/contract.ts';
import { ownersName, type Codes } from './codes.ts';
import type { LoggedIn, Logins } from './contract.ts';
import type { CodeRecord } from './keys.ts';
import type { Attempt, LockKey, LockOut } from './lock-out.ts';
import type { Passwords } from './passwords.ts';
import {
  accountOf,
  nameOf,
  ownerRole,
  principalOf,
  requireEnabled,
  type PeopleBook,
} from './people.ts';
import type { SessionBook } from './sessions.ts';

export interface EnteringNeeds {
  readonly directories: Directories;
  readonly people: PeopleBook;
  readonly passwords: Passwords;
  readonly codes: Codes;
  readonly book: SessionBook;
  readonly lockOut: LockOut;
  readonly audit?: Pick<AuditSink, 'act'> | undefined;
  readonly log: Log;
}

export interface Entering extends Pick<Logins, 'passwordLogin' | 'codeLogin'> {
  /** Somebody who has been vouched for: PRINCIPAL_DISABLED, or their session. */
  enter(given: { account: Account; by: string }, call: Call | undefined): Promise<LoggedIn>;
  /** Counts as an attempt at a password; resolves where it is the right one. */
  requirePassword(user: string, password: string, call: Call | undefined): Promise<void>;
  told(given: Told, call: Call | undefined): Promise<void>;
}

interface Told {
  readonly by: string;
  /** Only of those who are known: people type passwords where names belong. */
  readonly user: string | undefined;
  readonly outcome: string;
}

export function createEntering(needs: EnteringNeeds): Entering {
  const told = telling(needs);
  const requirePassword = requiringPassword(needs, told);
  const { book } = needs;
  const enter: Entering['enter'] = async ({ account, by }, call) => {
    const user = nameOf(account.principal);
    try {
      requireEnabled(account);
    } catch (error) {
      await told({ by, user, outcome: 'PRINCIPAL_DISABLED' }, call);
      throw error;
    }
    const begun = await book.begin({ user, by }, call);
    await told({ by, user, outcome: 'OK' }, call);
    return begun;
  };
  return {
    enter,
    requirePassword,
    told,
    ...byPassword(needs, { enter, requirePassword }),
    ...byCode(needs, { enter, told }),
  };
}

function telling({ audit, log }: EnteringNeeds): Entering['told'] {
  return async ({ by, user, outcome }, call) => {
    const act = outcome === 'OK' ? 'login.succeeded' : 'login.refused';
    const source = call?.source ?? '';
    log.event(act, { by, source, outcome, ...(user === undefined ? {} : { user }) });
    const who = user === undefined ? 'anonymous' : principalOf(user);
    await audit?.act({ act, principal: who, outcome, facts: { by, source } });
  };
}

interface Attempting {
  readonly by: string;
  readonly user: string | undefined;
  readonly keys: readonly LockKey[];
  readonly call: Call | undefined;
}

/**
 * What comes of an attempt is told, unless it was not looked at; what is no fault of who asks is
 * not held against them.
 */
async function attempt<T>(
  { lockOut, told }: Pick<EnteringNeeds, 'lockOut'> & Pick<Entering, 'told'>,
  { by, user, keys, call }: Attempting,
  run: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const begun = lockOut.begin(keys);
  try {
    return await run(begun);
  } catch (error) {
    if (!isHansaError(error, 'LOGIN_REFUSED')) {
      begun.void();
    }
    if (!isHansaError(error, 'RATE_LIMITED')) {
      await told({ by, user, outcome: reportOf(error).code }, call);
    }
    throw error;
  }
}

function requiringPassword(
  needs: EnteringNeeds,
  told: Entering['told'],
): Entering['requirePassword'] {
  const { directories, passwords, lockOut } = needs;
  return async (user, password, call) => {
    const known = accountOf(directories, user) !== undefined;
    const kind = known ? 'user' : 'stranger';
    const keys: LockKey[] = [`${kind}:${user}`, `from:${sourceNetwork(call?.source ?? '')}`];
    const given = { by: 'password', user: known ? user : undefined, keys, call };
    await attempt({ lockOut, told }, given, async (begun) => {
      const right = await passwords.isRight(user, password);
      if (!right || accountOf(directories, user) === undefined) {
        throw wrongPassword();
      }
      begun.right();
    });
  };
}

function byPassword(
  { directories, passwords, book }: EnteringNeeds,
  { enter, requirePassword }: Pick<Entering, 'enter' | 'requirePassword'>,
): Pick<Logins, 'passwordLogin'> {
  return {
    async passwordLogin({ user, password, newPassword }, call) {
      await requirePassword(user, password, call);
      const account = accountOf(directories, user);
      if (account === undefined) {
        throw wrongPassword(); // removed while its password was looked at
      }
      requireEnabled(account);
      if (newPassword !== undefined) {
        requireAnother(password, newPassword);
        passwords.requireFit(user, newPassword);
        await passwords.set({ user, password: newPassword, mustChange: false });
        await book.end(({ principal }) => principal === account.principal);
      } else if (passwords.find(user)?.mustChange === true) {
        throw new HansaError('PASSWORD_CHANGE_NEEDED', 'the password has to be changed first');
      }
      return enter({ account, by: 'password' }, call);
    },
  };
}

function byCode(
  needs: EnteringNeeds,
  { enter, told }: Pick<Entering, 'enter' | 'told'>,
): Pick<Logins, 'codeLogin'> {
  const { passwords, codes, book, lockOut } = needs;
  return {
    async codeLogin({ code: text, password, user: wanted }, call) {
      const keys: LockKey[] = [`code-from:${sourceNetwork(call?.source ?? '')}`];
      const given = { by: 'code', user: undefined, keys, call };
      const account = await attempt({ lockOut, told }, given, async (begun) => {
        const code = codes.find(text);
        if (code === undefined) {
          throw wrongCode();
        }
        begun.right();
        const user = whose(code, wanted);
        passwords.requireFit(user, password);
        const used = await useCode(needs, { code, user, password });
        await book.end(({ principal }) => principal === used.principal);
        return used;
      });
      return enter({ account, by: 'code' }, call);
    },
  };
}

/** Spent first, so that it lets in one of those who come at once; given back where it failed. */
async function useCode(
  { directories, people, passwords, codes }: EnteringNeeds,
  { code, user, password }: { code: CodeRecord; user: string; password: string },
): Promise<Account> {
  if (!(await codes.spend(code))) {
    throw wrongCode();
  }
  try {
    if (code.user === ownersName) {
      await makeOwner(people, user, accountOf(directories, user));
    }
    const account = accountOf(directories, user);
    if (account === undefined) {
      throw wrongCode();
    }
    requireEnabled(account);
    await passwords.set({ user, password, mustChange: false });
    return account;
  } catch (error) {
    await codes.giveBack(code);
    throw error;
  }
}

export function requireAnother(password: string, newPassword: string): void {
  if (password === newPassword) {
    throw new HansaError('PASSWORD_WEAK', 'the new password is the old one', {
      fix: 'take another one',
    });
  }
}

function wrongPassword(): HansaError {
  return new HansaError('LOGIN_REFUSED', 'the name or the password is wrong', {
    fix: 'who has forgotten it asks an operator for a code: hansa login invite <user>',
  });
}

function wrongCode(): HansaError {
  return new HansaError(
    'LOGIN_REFUSED',
    'the code is wrong, was used before, or its time is over',
    {
      fix: 'take a new one of this cluster: hansa login invite <user>, or hansa login owner-code',
    },
  );
}

function whose(code: CodeRecord, wanted: string | undefined): string {
  if (code.user === ownersName) {
    if (wanted === undefined) {
      throw new HansaError('INPUT_INVALID', 'the owner’s code needs the name of who is let in', {
        fix: 'say who you are: --user <name>',
      });
    }
    return wanted;
  }
  if (wanted !== undefined && wanted !== code.user) {
    throw new HansaError('LOGIN_REFUSED', 'the code was made for somebody else');
  }
  return code.user;
}

async function makeOwner(
  people: PeopleBook,
  name: string,
  known: Account | undefined,
): Promise<void> {
  if (known === undefined) {
    await people.add({ name, roles: [ownerRole], groups: [] });
  } else if (
    !known.roles.some(({ role, cluster }) => role === ownerRole && cluster === undefined)
  ) {
    await people.giveRole(name, ownerRole);
  }
}
