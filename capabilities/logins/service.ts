// What people ask of logins: their own sessions and password, and what operators do for others.
// Nobody opens a way in to an account that may do more than they may themselves.
import { HansaError, type Call, type Caller, type Log } from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { Directories } from '../directory/contract.ts';
import { ownersName, type Codes } from './codes.ts';
import type { LoginRow, Logins } from './contract.ts';
import { requireAnother, type Entering } from './entering.ts';
import { loginFields, type SessionRow } from './fields.ts';
import type { SessionRecord } from './keys.ts';
import type { OidcLogins } from './oidc-logins.ts';
import type { Passwords } from './passwords.ts';
import { nameOf, principalOf, requireAccount } from './people.ts';
import type { ProviderBook } from './provider-book.ts';
import { proofPrefix, type SessionBook } from './sessions.ts';

/** All there is: what an owner may. */
const everything = ['api:*.*', '*:*:**', 'app:*'];

export interface LoginsServiceNeeds {
  readonly log: Log;
  readonly directories: Directories;
  readonly access: Pick<AccessControl, 'requireGrantable' | 'requireStandIn'>;
  readonly passwords: Passwords;
  readonly codes: Codes;
  readonly book: SessionBook;
  readonly entering: Entering;
  readonly oidc: OidcLogins;
  readonly providers: ProviderBook;
}

export function createLogins(needs: LoginsServiceNeeds): Logins {
  const { entering, oidc, providers } = needs;
  return {
    passwordLogin: (input, call) => entering.passwordLogin(input, call),
    codeLogin: (input, call) => entering.codeLogin(input, call),
    oidcStart: (input, call) => oidc.oidcStart(input, call),
    oidcFinish: (input, call) => oidc.oidcFinish(input, call),
    ways: async () => ({ providers: providers.list().map(({ provider }) => provider) }),
    ...ofOneself(needs),
    ...ofOthers(needs),
    ...openingWays(needs),
    ...naming(needs),
  };
}

type Own = 'session' | 'logout' | 'changePassword' | 'ownSessions' | 'endOwnSession';

function ofOneself({ book, entering, passwords, log }: LoginsServiceNeeds): Pick<Logins, Own> {
  const mine = (call: Call | undefined): SessionRecord => {
    const session = book.find(sessionIdOf(call?.caller));
    if (session === undefined) {
      throw new HansaError('SESSION_NOT_FOUND', 'the session has ended meanwhile');
    }
    return session;
  };
  return {
    async session(_input, call) {
      const session = mine(call);
      return { ...rowOf(session), mark: session.mark };
    },
    async logout(_input, call) {
      const { id } = mine(call);
      await book.end((each) => each.id === id);
      log.event('session.ended', { id, by: 'logout' });
      return { id };
    },
    async changePassword({ password, newPassword }, call) {
      const { id, principal } = mine(call);
      const user = nameOf(principal);
      await entering.requirePassword(user, password, call);
      requireAnother(password, newPassword);
      passwords.requireFit(user, newPassword);
      await passwords.set({ user, password: newPassword, mustChange: false });
      const ended = await book.end((each) => each.principal === principal && each.id !== id);
      log.event('password.changed', { user, ended });
      return { ended };
    },
    async ownSessions(_input, call) {
      const { principal } = mine(call);
      const own = book.rows().filter((each) => each.principal === principal);
      return { sessions: own.slice(0, loginFields.pageMax).map(rowOf) };
    },
    async endOwnSession({ id }, call) {
      const { principal } = mine(call);
      return endOne(book, (each) => each.id === id && each.principal === principal, id);
    },
  };
}

type Others = 'sessions' | 'endSession' | 'endSessions' | 'list';

function ofOthers(needs: LoginsServiceNeeds): Pick<Logins, Others> {
  const { book, passwords, codes, providers, directories } = needs;
  return {
    async sessions({ user, after }) {
      const rows = book
        .rows()
        .filter(({ principal }) => user === undefined || principal === principalOf(user))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .filter(({ id }) => after === undefined || id > after);
      const { pageMax } = loginFields;
      return { sessions: rows.slice(0, pageMax).map(rowOf), more: rows.length > pageMax };
    },
    endSession: ({ id }) => endOne(book, (each) => each.id === id, id),
    endSessions: async ({ user }) => ({
      ended: await book.end(({ principal }) => principal === principalOf(user)),
    }),
    async list({ after = '' }) {
      const bound = providers.bindings();
      const users = directories
        .accounts()
        .filter(({ principal }) => principal.startsWith('user:') && !principal.includes('@'))
        .map(({ principal }) => nameOf(principal))
        .filter((user) => user > after)
        .toSorted();
      const logins = users.slice(0, loginFields.pageMax).map((user): LoginRow => {
        const password = passwords.find(user);
        return {
          user,
          password: password !== undefined,
          mustChange: password?.mustChange === true,
          invited: codes.isInvited(user),
          bindings: bound.filter((each) => each.user === user),
        };
      });
      return { logins, more: users.length > loginFields.pageMax };
    },
  };
}

function openingWays(
  needs: LoginsServiceNeeds,
): Pick<Logins, 'setPassword' | 'invite' | 'ownerCode'> {
  const { access, book, codes, directories, log, passwords } = needs;
  return {
    async setPassword({ user, newPassword }, call) {
      requireAccount(directories, user);
      requireNoMore(needs, user, call);
      passwords.requireFit(user, newPassword);
      await passwords.set({ user, password: newPassword, mustChange: true });
      const ended = await book.end(({ principal }) => principal === principalOf(user));
      log.event('password.set', { user, ended });
      return { user, ended };
    },
    async invite({ user }, call) {
      requireAccount(directories, user);
      requireNoMore(needs, user, call);
      const code = await codes.make(user);
      log.event('login.invited', { user });
      return code;
    },
    async ownerCode(_input, call) {
      access.requireGrantable(call?.caller, everything);
      const code = await codes.make(ownersName);
      log.event('login.owner-code-made');
      return code;
    },
  };
}

type Naming = 'providers' | 'putProvider' | 'removeProvider' | 'bind' | 'unbind';

/** Whoever says whom a provider vouches for can be anybody: that takes all there is. */
function naming(needs: LoginsServiceNeeds): Pick<Logins, Naming> {
  const { access, book, directories, log, providers } = needs;
  const endOf = (users: readonly string[], provider: string): Promise<number> =>
    book.end(({ principal, by }) => by === provider && users.includes(nameOf(principal)));
  return {
    providers: async () => ({ providers: providers.list() }),
    async putProvider(wish, call) {
      access.requireGrantable(call?.caller, everything);
      const put = await providers.put(wish);
      log.event('provider.put', { provider: put.provider, issuer: put.issuer });
      return put;
    },
    async removeProvider({ provider }) {
      await providers.remove(provider);
      await book.end(({ by }) => by === provider);
      log.event('provider.removed', { provider });
      return { provider };
    },
    async bind({ provider, user, subject }, call) {
      providers.get(provider);
      requireAccount(directories, user);
      requireNoMore(needs, user, call);
      const before = providers.bound(provider, subject);
      const binding = await providers.bind({ provider, subject, user, by: 'operator' });
      if (before !== undefined && before.user !== user) {
        await endOf([before.user], provider);
      }
      log.event('provider.bound', { provider, user });
      return binding;
    },
    async unbind({ provider, subject }) {
      const gone = await providers.unbind(
        (each) => each.provider === provider && each.subject === subject,
      );
      const [binding] = gone;
      if (binding === undefined) {
        throw new HansaError('PROVIDER_NOT_FOUND', `${provider} vouches for no such subject here`, {
          fix: 'hansa login list shows who is bound to what',
        });
      }
      await endOf([binding.user], provider);
      log.event('provider.unbound', { provider, user: binding.user });
      return binding;
    },
  };
}

/** Who opens a way in to an account can use it themselves. */
function requireNoMore({ access }: LoginsServiceNeeds, user: string, call: Call | undefined): void {
  access.requireStandIn(call?.caller, principalOf(user));
}

async function endOne(
  book: SessionBook,
  which: (session: SessionRecord) => boolean,
  id: string,
): Promise<{ id: string }> {
  if ((await book.end(which)) === 0) {
    throw new HansaError('SESSION_NOT_FOUND', `there is no session ${id}`);
  }
  return { id };
}

function rowOf({
  id,
  principal,
  by,
  createdMs,
  usedMs,
  expiresMs,
  source,
  agent,
}: SessionRow): SessionRow {
  return { id, principal, by, createdMs, usedMs, expiresMs, source, agent };
}

/** UNAUTHENTICATED for whoever has none: the owner of the machine, or a token. */
function sessionIdOf(caller: Caller | undefined): string {
  if (caller?.kind !== 'principal' || !caller.proof.startsWith(proofPrefix)) {
    throw new HansaError('UNAUTHENTICATED', 'only somebody who has logged in has a session', {
      fix: 'log in: hansa login',
    });
  }
  return caller.proof.slice(proofPrefix.length);
}
