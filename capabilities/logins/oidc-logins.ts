// Logins by identity providers while they are under way: begun by a browser or by a command line,
// kept in memory until the browser is back, and used once. Who the provider vouches for becomes a
// user of this cluster, or is told why not.
import {
  HansaError,
  isHansaError,
  reportOf,
  type Call,
  type Clock,
  type Crypto,
  type Random,
} from '@hansa/foundation';
import type { Account, Directories } from '../directory/contract.ts';
import type { LoggedIn, Logins } from './contract.ts';
import type { Entering } from './entering.ts';
import type { OidcExpectation, OidcIdentity, OpenIdProvider } from './oidc.ts';
import { accountOf, nameOf, ownUserByEmail, requireEnabled, type PeopleBook } from './people.ts';
import type { ProviderBook } from './provider-book.ts';
import type { Provider } from './providers.ts';
import { newUserOf, mappedGroups } from './provider-claims.ts';
import { hashText, sameText, secretText } from './secrets.ts';

export const oidcWithinMs = 600_000; // ten minutes: a person looks for a second factor
// logins that a browser has not come back from; about 1 MiB, and the oldest gives way
export const oidcPendingMax = 1_024;

/** Who waits for the end: a browser that brings a text of ours back, or a command line. */
type Starter =
  | { readonly kind: 'browser'; readonly binding: string; readonly then: string }
  | { readonly kind: 'command'; readonly ticket: string; readonly port: number | undefined };

interface Pending {
  readonly provider: string;
  readonly expected: OidcExpectation;
  readonly starter: Starter;
  readonly untilMs: number;
}

/** Proven, and not yet taken by the command line that asked. */
interface Proven {
  readonly user: string;
  readonly by: string;
  readonly code: string;
  readonly untilMs: number;
}

/** How the browser's visit ends. */
export type OidcArrival =
  | { readonly kind: 'browser'; readonly login: LoggedIn; readonly then: string }
  | { readonly kind: 'command'; readonly port: number | undefined; readonly code: string }
  | { readonly kind: 'failed'; readonly port: number; readonly error: HansaError };

export interface OidcLogins extends Pick<Logins, 'oidcStart' | 'oidcFinish'> {
  /** The address to send the browser to, and the text that it has to bring back. */
  startBrowser(
    given: { provider: string; then: string },
    call: Call | undefined,
  ): Promise<{ readonly url: string; readonly binding: string }>;
  arrive(
    given: {
      provider: string;
      query: Readonly<Record<string, string>>;
      binding: string | undefined;
    },
    call: Call | undefined,
  ): Promise<OidcArrival>;
}

export interface OidcLoginsNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly directories: Directories;
  readonly people: PeopleBook;
  readonly openId: OpenIdProvider;
  readonly book: ProviderBook;
  readonly entering: Entering;
}

/** What is under way, by hashes of what comes back. */
interface UnderWay {
  readonly pending: Map<string, Pending>;
  readonly proven: Map<string, Proven>;
}

export function createOidcLogins(needs: OidcLoginsNeeds): OidcLogins {
  const under: UnderWay = { pending: new Map(), proven: new Map() };
  return { ...starting(needs, under), ...arriving(needs, under), ...finishing(needs, under) };
}

function starting(
  { clock, crypto, random, openId, book }: OidcLoginsNeeds,
  { pending }: UnderWay,
): Pick<OidcLogins, 'startBrowser' | 'oidcStart'> {
  const begin = async (name: string, starter: Starter, call: Call | undefined): Promise<string> => {
    const settings = book.settings(book.get(name));
    const { url, ...expected } = await openId.begin(settings, call?.signal);
    const untilMs = clock.monotonicMs() + oidcWithinMs;
    const waiting: Pending = { provider: name, expected, starter, untilMs };
    keepBounded(pending, hashText(crypto, expected.state), waiting);
    return url;
  };
  return {
    async startBrowser({ provider, then }, call) {
      const binding = secretText(random);
      const starter: Starter = { kind: 'browser', binding: hashText(crypto, binding), then };
      return { url: await begin(provider, starter, call), binding };
    },
    async oidcStart({ provider, port }, call) {
      const ticket = secretText(random);
      const starter: Starter = { kind: 'command', ticket: hashText(crypto, ticket), port };
      const url = await begin(provider, starter, call);
      return { url, ticket, expiresMs: clock.now() + oidcWithinMs };
    },
  };
}

function arriving(needs: OidcLoginsNeeds, under: UnderWay): Pick<OidcLogins, 'arrive'> {
  const { clock, crypto, random, entering } = needs;
  const end = async (
    { starter, provider }: Pending,
    account: Account,
    call: Call | undefined,
  ): Promise<OidcArrival> => {
    if (starter.kind === 'browser') {
      const login = await entering.enter({ account, by: provider }, call);
      return { kind: 'browser', login, then: starter.then };
    }
    const code = secretText(random);
    keepBounded(under.proven, starter.ticket, {
      user: nameOf(account.principal),
      by: provider,
      code: hashText(crypto, code),
      untilMs: clock.monotonicMs() + oidcWithinMs,
    });
    return { kind: 'command', port: starter.port, code };
  };
  return {
    async arrive({ provider, query, binding }, call) {
      const held = take(needs, under, { provider, state: query['state'] ?? '' });
      const { starter } = held;
      if (starter.kind === 'browser') {
        requireBrowser(crypto, starter.binding, binding);
      }
      try {
        return await end(held, await proveUser(needs, { held, query, call }), call);
      } catch (error) {
        await entering.told({ by: provider, user: undefined, outcome: reportOf(error).code }, call);
        if (starter.kind === 'command' && starter.port !== undefined && isHansaError(error)) {
          return { kind: 'failed', port: starter.port, error };
        }
        throw error;
      }
    },
  };
}

function finishing(
  { clock, crypto, directories, entering }: OidcLoginsNeeds,
  { proven }: UnderWay,
): Pick<OidcLogins, 'oidcFinish'> {
  return {
    async oidcFinish({ ticket, code }, call) {
      const key = hashText(crypto, ticket);
      const held = proven.get(key);
      proven.delete(key);
      const account = held === undefined ? undefined : accountOf(directories, held.user);
      const good =
        held !== undefined &&
        held.untilMs >= clock.monotonicMs() &&
        sameText(crypto, held.code, hashText(crypto, code));
      if (!good || account === undefined) {
        throw refused('no login that the browser has ended waits for this');
      }
      return entering.enter({ account, by: held.by }, call);
    },
  };
}

/** Once: a state that was used, or is another provider's, is none. */
function take(
  { clock, crypto }: OidcLoginsNeeds,
  { pending }: UnderWay,
  { provider, state }: { provider: string; state: string },
): Pending {
  const key = hashText(crypto, state);
  const held = pending.get(key);
  pending.delete(key);
  if (held === undefined || held.provider !== provider || held.untilMs < clock.monotonicMs()) {
    throw refused('no login that was begun here waits for this answer');
  }
  return held;
}

function requireBrowser(crypto: Crypto, hash: string, binding: string | undefined): void {
  if (binding === undefined || !sameText(crypto, hashText(crypto, binding), hash)) {
    throw refused('another browser began this login');
  }
}

async function proveUser(
  needs: OidcLoginsNeeds,
  given: {
    readonly held: Pending;
    readonly query: Readonly<Record<string, string>>;
    readonly call: Call | undefined;
  },
): Promise<Account> {
  const { directories, openId, book } = needs;
  const { held, query, call } = given;
  const provider = book.get(held.provider);
  const answer = { query: queryText(query), expected: held.expected };
  const identity = await openId.finish(book.settings(provider), answer, call?.signal);
  const account = accountOf(directories, await userOf(needs, provider, identity));
  if (account === undefined) {
    throw unbound(provider, identity);
  }
  requireEnabled(account);
  return account;
}

function keepBounded<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > oidcPendingMax && oldest.done !== true) {
    map.delete(oldest.value);
  }
}

/** Bound by hand; or by an address that the provider has checked; or made, where it may. */
async function userOf(
  needs: OidcLoginsNeeds,
  provider: Provider,
  identity: OidcIdentity,
): Promise<string> {
  const { directories, people, book } = needs;
  const { provider: name } = provider;
  const { subject, email, emailVerified } = identity;
  const bind = (user: string, by: string) => book.bind({ provider: name, subject, user, by });
  const groups = mappedGroups(provider, identity);
  const bound = book.bound(name, subject)?.user;
  const sameAddress =
    email !== undefined && emailVerified ? ownUserByEmail(directories, email) : undefined;
  const known = bound ?? sameAddress;
  if (known === undefined) {
    const made = provider.create ? newUserOf(provider, identity) : undefined;
    // A name that is taken is somebody else's: only an operator may say that they are the same.
    if (made === undefined || accountOf(directories, made.name) !== undefined) {
      throw unbound(provider, identity);
    }
    await people.add({ ...made, groups: groups.join });
    await bind(made.name, 'creation');
    return made.name;
  }
  const account = accountOf(directories, known);
  if (account === undefined) {
    throw unbound(provider, identity);
  }
  requireEnabled(account);
  if (bound === undefined) {
    await bind(known, 'e-mail');
  }
  const join = groups.join.filter((group) => !account.groups.includes(group));
  const leave = groups.leave.filter((group) => account.groups.includes(group));
  if (join.length + leave.length > 0) {
    await people.changeGroups(known, { join, leave });
  }
  return known;
}

function unbound({ provider }: Provider, { subject }: OidcIdentity): HansaError {
  return new HansaError(
    'LOGIN_UNBOUND',
    `${provider} vouches for somebody whom nobody here knows`,
    {
      facts: { provider, subject: subject.slice(0, 256) },
      fix: `ask an operator: hansa login bind ${provider} <user> <subject>`,
    },
  );
}

function refused(sentence: string): HansaError {
  return new HansaError('LOGIN_REFUSED', sentence, { fix: 'begin the login again' });
}

function queryText(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}
