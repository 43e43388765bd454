// Ties logins to their host: what people call, the ways of browsers, what the node's gate asks, and
// the sweep after users who have left.
import {
  capability,
  createMutex,
  watchedTable,
  type Capability,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { AuditSink } from '../audit/contract.ts';
import type { Directories, Directory } from '../directory/contract.ts';
import { createCodes } from './codes.ts';
import { loginsContract, type OneTimeCode } from './contract.ts';
import { createEntering } from './entering.ts';
import { loginRoutes } from './http.ts';
import { loginTables } from './keys.ts';
import { createSessionLapsing } from './lapsing.ts';
import { createLockOut } from './lock-out.ts';
import type { OpenIdProvider } from './oidc.ts';
import { createOidcLogins } from './oidc-logins.ts';
import { boundedHashing, type PasswordHashing } from './password-hashing.ts';
import { createPasswords } from './passwords.ts';
import { peopleBook } from './people.ts';
import { createProviderBook } from './provider-book.ts';
import { createLogins } from './service.ts';
import { createSessionBook } from './sessions.ts';
import { createSweep } from './sweep.ts';
import type { Sessions } from './uses.ts';

const cleanEveryMs = 3_600_000; // what is over opens nothing: this only frees its room

export interface LoginsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly hashing: PasswordHashing;
  readonly openId: OpenIdProvider;
  readonly directories: Directories;
  readonly directory: Pick<Directory, 'putUser' | 'assign'>;
  readonly access: Pick<AccessControl, 'requireGrantable' | 'requireStandIn'>;
  readonly audit?: Pick<AuditSink, 'act'> | undefined;
  /** Where browsers reach this node: `http://127.0.0.1:4870`. */
  readonly address: () => string;
}

export interface LoginsCapability {
  readonly capability: Capability;
  readonly sessions: Sessions;
  /** How many sessions there are, for the node's metrics. */
  counted(): number;
  /** The owner's code of the very first start, for whoever started it; undefined later. */
  firstCode(): Promise<OneTimeCode | undefined>;
}

export function loginsCapability(needs: LoginsNeeds): LoginsCapability {
  const { store, clock, directories } = needs;
  const tables = loginTables(store, needs.codec);
  const caches = {
    passwords: watchedTable(store, tables.passwords),
    codes: watchedTable(store, tables.codes),
    sessions: watchedTable(store, tables.sessions),
    providers: watchedTable(store, tables.providers),
    secrets: watchedTable(store, tables.secrets),
    bindings: watchedTable(store, tables.bindings),
  };
  const parts = { ...needs, ...caches, tables, hashing: boundedHashing(needs.hashing) };
  const people = peopleBook(needs.directory, directories);
  const passwords = createPasswords(parts);
  const codes = createCodes(parts);
  const book = createSessionBook(parts);
  const lapsing = createSessionLapsing({ ...parts, book });
  const lockOut = createLockOut(clock);
  const entering = createEntering({ ...needs, people, passwords, codes, book, lockOut });
  const providers = createProviderBook(parts);
  const oidc = createOidcLogins({ ...needs, people, book: providers, entering });
  const logins = createLogins({ ...needs, passwords, codes, book, entering, oidc, providers });
  const sweep = createSweep({ ...needs, passwords, codes, book, providers, order: createMutex() });
  const stopping = new AbortController();
  return {
    sessions: {
      authenticate: (text) => book.authenticate(text),
      requireMark: (text, mark) => book.requireMark(text, mark),
      lapse: (caller) => lapsing.lapse(caller),
    },
    counted: () => caches.sessions.rows.size,
    firstCode: () => codes.first(),
    capability: capability({
      name: loginsContract.name,
      serves: [{ contract: loginsContract, service: logins }],
      routes: loginRoutes({
        logins,
        baseOf: (name) => providers.baseOf(providers.get(name)),
        startBrowser: (given, call) => oidc.startBrowser(given, call),
        arrive: (given, call) => oidc.arrive(given, call),
      }),
      duties: [{ name: 'logins.clean', run: (signal) => clean(sweep, clock, signal) }],
      async start() {
        const follow = Object.values(caches).map((cache) => cache.start(stopping.signal, clock));
        await Promise.all([...follow, passwords.start()]);
        lapsing.start();
        sweep.start();
      },
      async stop() {
        await sweep.stop();
        lapsing.stop();
        stopping.abort();
      },
    }),
  };
}

async function clean(
  sweep: ReturnType<typeof createSweep>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sweep.clean();
    await clock.sleep(cleanEveryMs, signal);
  }
}
