// The way in, however it was opened: by a password, by a one-time code, or because a provider
// vouches. What fails is counted, told alike to everybody, and said to the audit.
import { HansaError, isHansaError, type Call, type Log } from '@hansa/foundation';
import type { AuditSink } from '../audit/contract.ts';
import type { Account, Directories } from '../directory/contract.ts';
import { ownersName, type Codes } from './codes.ts';
import type { LoggedIn, Logins } from './contract.ts';
import type { CodeRecord } from './keys.ts';
import type { Attempt, LockKey, LockOut } from './lock-out.ts';
import type { Passwords } from './passwords.ts';
import { accountOf, ownerRole, principalOf, requireEnabled, type PeopleBook } from './people.ts';
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
  const { directories, people, passwords, codes, book, lockOut, audit, log } = needs;

  const told: Entering['told'] = async ({ by, user, outcome }, call) => {
    const act = outcome === 'OK' ? 'login.succeeded' : 'login.refused';
    const source = call?.source ?? '';
    log.event(act, { by, source, outcome, ...(user === undefined ? {} : { user }) });
    const who = user === undefined ? 'anonymous' : principalOf(user);
    await audit?.act({ act, principal: who, outcome, facts: { by, source } });
  };

  /**
   * Whatever comes of an attempt is told; what is no fault of who asks is not held against them.
   */
  const attempting = async <T>(
    given: { by: string; user: string | undefined; keys: readonly LockKey[] },
    call: Call | undefined,
    run: (attempt: Attempt) => Promise<T>,
  ): Promise<T> => {
    const { by, user } = given;
    try {
      const attempt = lockOut.begin(given.keys);
      const answer = await run(attempt).catch((error: unknown) => {
        if (!isHansaError(error, 'LOGIN_REFUSED')) {
          attempt.void();
        }
        throw error;
      });
      return answer;
    } catch (error) {
      const outcome = error instanceof HansaError ? error.code : 'INTERNAL';
      await told({ by, user, outcome }, call);
      throw error;
    }
  };

  const requirePassword: Entering['requirePassword'] = async (user, password, call) => {
    const known = accountOf(directories, user) !== undefined;
    const kind = known ? 'user' : 'stranger';
    const keys: LockKey[] = [`${kind}:${user}`, `from:${call?.source ?? ''}`];
    const given = { by: 'password', user: known ? user : undefined, keys };
    await attempting(given, call, async (attempt) => {
      const right = await passwords.isRight(user, password);
      if (!right || accountOf(directories, user) === undefined) {
        throw wrongPassword();
      }
      attempt.right();
    });
  };

  const enter: Entering['enter'] = async ({ account, by }, call) => {
    const user = account.principal.slice('user:'.length);
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

  /** Spent first, so that it lets in one of those who come at once; given back where it failed. */
  const useCode = async (code: CodeRecord, user: string, password: string): Promise<Account> => {
    if (!(await codes.spend(code))) {
      throw wrongCode();
    }
    try {
      const known = accountOf(directories, user);
      if (code.user === ownersName) {
        await makeOwner(people, user, known);
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
  };

  return {
    enter,
    requirePassword,
    told,
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
    async codeLogin({ code: text, password, user: wanted }, call) {
      const keys: LockKey[] = [`code-from:${call?.source ?? ''}`];
      const account = await attempting(
        { by: 'code', user: undefined, keys },
        call,
        async (attempt) => {
          const code = codes.find(text);
          if (code === undefined) {
            throw wrongCode();
          }
          attempt.right();
          const user = whose(code, wanted);
          passwords.requireFit(user, password);
          const used = await useCode(code, user, password);
          await book.end(({ principal }) => principal === used.principal);
          return used;
        },
      );
      return enter({ account, by: 'code' }, call);
    },
  };
}

export function requireAnother(password: string, newPassword: string): void {
  if (password === newPassword) {
    throw new HansaError('PASSWORD_WEAK', 'the new password is the old one', {
      fix: 'take another one',
    });
  }
}

function wrongPassword(): HansaError {
  return new HansaError('LOGIN_REFUSED', 'the name or the password is wrong');
}

function wrongCode(): HansaError {
  return new HansaError('LOGIN_REFUSED', 'the code is none, was used, or its time is over', {
    fix: 'ask for a new one: hansa login invite, or hansa login owner-code on the machine itself',
  });
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
