// Identity providers and whom they vouch for, as operators wrote them down.
import { HansaError, type Clock, type KeyValueStore, type WatchedTable } from '@hansa/foundation';
import type { LoginTables, SecretRecord } from './keys.ts';
import type { ProviderSettings } from './oidc.ts';
import {
  bindingsMax,
  providersMax,
  type Binding,
  type Provider,
  type ProviderWish,
} from './providers.ts';

const scopesDefault = ['profile', 'email']; // what nearly every provider knows
const groupsClaimDefault = 'groups';
const deletesPerTransaction = 50; // half of what a transaction may hold
const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

export interface ProviderBookNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: Pick<LoginTables, 'providers' | 'secrets' | 'bindings'>;
  readonly providers: WatchedTable<Provider>;
  readonly secrets: WatchedTable<SecretRecord>;
  readonly bindings: WatchedTable<Binding>;
  /** Where browsers reach this node, unless a provider is told otherwise. */
  readonly address: () => string;
}

export interface ProviderBook {
  list(): readonly Provider[];
  /** PROVIDER_NOT_FOUND */
  get(provider: string): Provider;
  settings(provider: Provider): ProviderSettings;
  /** Where browsers reach this cluster for this provider's logins. */
  baseOf(provider: Provider): string;
  put(wish: ProviderWish): Promise<Provider>;
  remove(provider: string): Promise<void>;
  bindings(): readonly Binding[];
  bound(provider: string, subject: string): Binding | undefined;
  bind(binding: Omit<Binding, 'atMs'>): Promise<Binding>;
  unbind(which: (binding: Binding) => boolean): Promise<readonly Binding[]>;
}

export function createProviderBook(needs: ProviderBookNeeds): ProviderBook {
  const { providers, secrets, address } = needs;
  const get = (name: string): Provider => {
    const held = providers.find(name)?.value;
    if (held === undefined) {
      throw new HansaError('PROVIDER_NOT_FOUND', `no identity provider "${name}" is known here`);
    }
    return held;
  };
  const baseOf = ({ at }: Provider): string => (at ?? address()).replace(/\/$/, '');
  return {
    get,
    baseOf,
    ...bindingBook(needs),
    list: () =>
      [...providers.rows.values()]
        .map(({ value }) => value)
        .toSorted((a, b) => (a.provider < b.provider ? -1 : 1)),
    settings(provider) {
      const { issuer, client, scopes, provider: name } = provider;
      const secret = secrets.find(name)?.value.secret;
      const callback = `${baseOf(provider)}${callbackPath(name)}`;
      return { issuer, client, secret, scopes, callback };
    },
    put: (wish) => put(needs, wish),
    async remove(name) {
      get(name);
      await unbind(needs, ({ provider }) => provider === name);
      const { revision } = await needs.store.transact({
        if: [],
        then: [needs.tables.providers.delete([name]), needs.tables.secrets.delete([name])],
      });
      await providers.reached(revision);
    },
  };
}

type BindingBook = Pick<ProviderBook, 'bindings' | 'bound' | 'bind' | 'unbind'>;

function bindingBook(needs: ProviderBookNeeds): BindingBook {
  const { store, clock, tables, bindings } = needs;
  return {
    bindings: () => bindingsOf(needs),
    bound: (provider, subject) => bindings.find(provider, subject)?.value,
    unbind: (which) => unbind(needs, which),
    async bind(given) {
      const binding = { ...given, atMs: clock.now() };
      const { provider, subject } = binding;
      const isNew = bindings.find(provider, subject) === undefined;
      if (isNew && bindings.rows.size >= bindingsMax) {
        throw new HansaError('STORE_LIMIT', `${bindingsMax} subjects are bound already`);
      }
      const op = tables.bindings.put([provider, subject], binding);
      const { revision } = await store.transact({ if: [], then: [op] });
      await bindings.reached(revision);
      return binding;
    },
  };
}

function bindingsOf({ bindings }: ProviderBookNeeds): Binding[] {
  return [...bindings.rows.values()].map(({ value }) => value);
}

async function unbind(
  needs: ProviderBookNeeds,
  which: (binding: Binding) => boolean,
): Promise<readonly Binding[]> {
  const { store, tables, bindings } = needs;
  const away = bindingsOf(needs).filter(which);
  for (let at = 0; at < away.length; at += deletesPerTransaction) {
    const some = away.slice(at, at + deletesPerTransaction);
    const { revision } = await store.transact({
      if: [],
      then: some.map(({ provider, subject }) => tables.bindings.delete([provider, subject])),
    });
    await bindings.reached(revision);
  }
  return away;
}

async function put(needs: ProviderBookNeeds, wish: ProviderWish): Promise<Provider> {
  const { store, tables, providers, secrets } = needs;
  const { provider: name, secret } = wish;
  const held = providers.find(name)?.value;
  if (held === undefined && providers.rows.size >= providersMax) {
    throw new HansaError('STORE_LIMIT', `${providersMax} identity providers are known already`);
  }
  requireSecure(wish.issuer, 'the issuer');
  requireSecure(wish.at ?? wish.issuer, 'the address of this cluster');
  if (held !== undefined && held.issuer !== wish.issuer) {
    await unbind(needs, ({ provider }) => provider === name); // its subjects are other people
  }
  const hadSecret = secrets.find(name) !== undefined;
  const provider = providerOf(wish, secret === undefined ? hadSecret : secret !== '');
  const { revision } = await store.transact({
    if: [],
    then: [
      tables.providers.put([name], provider),
      ...(secret === undefined ? [] : [secretOp(tables, name, secret)]),
    ],
  });
  await providers.reached(revision);
  if (secret !== undefined && (secret !== '' || hadSecret)) {
    await secrets.reached(revision);
  }
  return provider;
}

export function callbackPath(provider: string): string {
  return `/login/oidc/${provider}/callback`;
}

function secretOp(tables: ProviderBookNeeds['tables'], name: string, secret: string) {
  return secret === '' ? tables.secrets.delete([name]) : tables.secrets.put([name], { secret });
}

function providerOf(wish: ProviderWish, hasSecret: boolean): Provider {
  const { provider, issuer, client, scopes, at, groupsClaim, groups, create, role } = wish;
  return {
    provider,
    issuer,
    client,
    hasSecret,
    scopes: scopes ?? scopesDefault,
    ...(at === undefined ? {} : { at }),
    groupsClaim: groupsClaim ?? groupsClaimDefault,
    groups: groups ?? {},
    create: create ?? false,
    ...(role === undefined ? {} : { role }),
  };
}

/** What is signed there lets people in here: nobody on the way may change it. */
function requireSecure(address: string, what: string): void {
  const { protocol, hostname } = new URL(address);
  if (protocol !== 'https:' && !loopback.has(hostname)) {
    throw new HansaError('INPUT_INVALID', `${what} is no https:// address`, {
      fix: 'use https; plain http is for this machine alone',
    });
  }
}
