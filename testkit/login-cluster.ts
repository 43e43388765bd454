// Logins of one cluster with a directory, a provider and a clock under a test's hand. Passwords are
// kept as they are: what hashing costs is the driver's.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { Act } from '@hansa/capabilities/audit/contract';
import type { Account, Directories } from '@hansa/capabilities/directory/contract';
import { loginsCapability, type LoginsCapability } from '@hansa/capabilities/logins/capability';
import type { LoggedIn, Logins } from '@hansa/capabilities/logins/contract';
import type { OidcIdentity, OpenIdProvider } from '@hansa/capabilities/logins/oidc';
import type { PasswordHashing } from '@hansa/capabilities/logins/password-hashing';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  type Call,
  type Caller,
  type KeyValueStore,
  type Log,
  type Principal,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { onTestFinished } from 'vitest';
import { createHandDirectories, type HandDirectories } from './access-cluster.ts';
import { createHandClock, type HandClock } from './hand-clock.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface LoginCluster extends LoginsCapability {
  readonly logins: Logins;
  readonly people: HandDirectories;
  readonly emails: Map<string, string>;
  readonly clock: HandClock;
  readonly store: KeyValueStore;
  /** Everything that was logged and told to the audit, as text. */
  readonly written: string[];
  readonly acts: Act[];
  /** Scopes that a caller lacks, by the name of the principal; the owner lacks none. */
  readonly lacks: Set<string>;
  /** Whom the provider vouches for. */
  vouched: OidcIdentity;
  /** As whoever has this session. */
  as(session: string): Call;
  restart(): Promise<LoginCluster>;
}

/** Anything but a real one. */
export const plainHashing: PasswordHashing = {
  hash: async (password) => `plain:${password}`,
  verify: async (phc, password) => phc === `plain:${password}`,
};

export const stranger: OidcIdentity = {
  issuer: 'https://id.example',
  subject: 'a-subject',
  emailVerified: false,
  claims: {},
};

interface Ground {
  readonly clock?: HandClock;
  readonly store?: KeyValueStore;
  readonly people?: HandDirectories;
  readonly seed?: number;
}

export async function makeLoginCluster(ground: Ground = {}): Promise<LoginCluster> {
  const clock = ground.clock ?? createHandClock();
  const store = ground.store ?? createMemoryStore({ clock });
  const people = ground.people ?? createHandDirectories();
  const emails = new Map<string, string>();
  const written: string[] = [];
  const acts: Act[] = [];
  const lacks = new Set<string>();
  const held: { vouched: OidcIdentity } = { vouched: stranger };
  const directories = withEmails(people, emails);
  const made = loginsCapability({
    store,
    clock,
    codec: createMsgpackCodec(),
    crypto: createNodeCrypto(),
    random: createSeededRandom(ground.seed ?? 1),
    log: writingLog(written),
    hashing: plainHashing,
    openId: handProvider(() => held.vouched),
    directories,
    directory: handWriter(people, emails),
    access: lackingAccess(lacks),
    audit: { act: async (act) => void acts.push(act) },
    address: () => 'http://127.0.0.1:4870',
  });
  await made.capability.start(new AbortController().signal);
  let running = true;
  const stop = async (): Promise<void> => {
    if (running) {
      running = false;
      await made.capability.stop();
    }
  };
  onTestFinished(stop);
  const [served] = made.capability.serves;
  return {
    ...made,
    logins: served?.service as Logins,
    people,
    emails,
    clock,
    store,
    written,
    acts,
    lacks,
    get vouched() {
      return held.vouched;
    },
    set vouched(identity) {
      held.vouched = identity;
    },
    as: (session) => ({ caller: made.sessions.authenticate(session) }),
    async restart() {
      await stop();
      return makeLoginCluster({ clock, store, people, seed: (ground.seed ?? 1) + 1 });
    },
  };
}

/** With a user who has come by an invitation, and can log in by `a right password`. */
export async function withAnna(): Promise<{
  readonly cluster: LoginCluster;
  login(): Promise<LoggedIn>;
}> {
  const cluster = await makeLoginCluster();
  cluster.people.put('user:anna', {});
  const { code } = await cluster.logins.invite({ user: 'anna' });
  const password = 'a right password';
  await cluster.logins.codeLogin({ code, password });
  return { cluster, login: () => cluster.logins.passwordLogin({ user: 'anna', password }) };
}

/** What was begun in passing has been done. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function withEmails(people: HandDirectories, emails: ReadonlyMap<string, string>): Directories {
  const withEmail = (account: Account): Account => {
    const email = emails.get(account.principal);
    return email === undefined ? account : { ...account, email };
  };
  return {
    find(principal) {
      const account = people.find(principal);
      return account === undefined ? undefined : withEmail(account);
    },
    accounts: () => people.accounts().map(withEmail),
    role: (role) => people.role(role),
    roles: () => people.roles(),
    get generation() {
      return people.generation;
    },
    subscribe: (changed) => people.subscribe(changed),
  };
}

/** Only what logins ask of it. */
function handWriter(
  people: HandDirectories,
  emails: Map<string, string>,
): Parameters<typeof loginsCapability>[0]['directory'] {
  return {
    async putUser({ user, groups, roles, email }) {
      const principal = `user:${user}` as Principal;
      const before = people.find(principal);
      people.put(principal, {
        groups: groups ?? before?.groups ?? [],
        roles: roles ?? before?.roles ?? [],
      });
      if (email !== undefined) {
        emails.set(principal, email);
      }
      return undefined as never;
    },
    async assign({ role, to }) {
      const principal = `user:${to}` as Principal;
      const before = people.find(principal);
      people.put(principal, { ...before, roles: [...(before?.roles ?? []), role] });
      return undefined as never;
    },
  };
}

function handProvider(vouched: () => OidcIdentity): OpenIdProvider {
  let begun = 0;
  return {
    async begin({ issuer, callback }) {
      begun += 1;
      const expected = { state: `state-${begun}`, nonce: `nonce-${begun}`, verifier: 'v' };
      return { ...expected, url: `${issuer}/?back=${callback}&state=${expected.state}` };
    },
    async finish(_settings, { query }) {
      if (query.includes('error=')) {
        throw new HansaError('LOGIN_REFUSED', 'the provider let nobody in');
      }
      return vouched();
    },
  };
}

function lackingAccess(
  lacks: ReadonlySet<string>,
): Pick<AccessControl, 'requireGrantable' | 'requireStandIn'> {
  const requireGrantable = (caller: Caller | undefined, scopes: readonly string[]): void => {
    const name = nameOf(caller);
    const lacking = scopes.find((scope) => lacks.has(scope));
    if (name !== 'owner' && lacking !== undefined) {
      throw new HansaError('GRANT_WIDENED', `${name} lacks ${lacking}`);
    }
  };
  return {
    requireGrantable,
    requireStandIn(caller, principal) {
      const all = ['api:*.*', '*:*:**', 'app:*'];
      requireGrantable(caller, principal === 'user:anna' ? all : ['api:kv.read']);
    },
  };
}

function nameOf(caller: Caller | undefined): string {
  return caller?.kind === 'principal' ? caller.principal : 'owner';
}

function writingLog(written: string[]): Log {
  const log: Log = {
    event: (name, fields = {}) => void written.push(`${name} ${JSON.stringify(fields)}`),
    problem: (name, error, fields = {}) =>
      void written.push(`${name} ${String(error)} ${JSON.stringify(fields)}`),
    with: () => log,
  };
  return log;
}
