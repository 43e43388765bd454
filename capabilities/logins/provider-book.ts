// Identity providers and whom they vouch for, as operators wrote them down.
import { HansaError, type KeyValueStore, type WatchedTable } from '@hansa/foundation';
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
  bind(binding: Binding): Promise<Binding>;
  unbind(which: (binding: Binding) => boolean): Promise<readonly Binding[]>;
}

export function createProviderBook(needs: ProviderBookNeeds): ProviderBook {
  const { store, tables, providers, secrets, bindings, address } = needs;
  const all = (): Binding[] => [...bindings.rows.values()].map(({ value }) => value);
  const baseOf = ({ at }: Provider): string => (at ?? address()).replace(/\/$/, '');
  const get = (name: string): Provider => {
    const held = providers.find(name)?.value;
    if (held === undefined) {
      throw new HansaError('PROVIDER_NOT_FOUND', `no identity provider "${name}" is known here`);
    }
    return held;
  };
  const unbind: ProviderBook['unbind'] = async (which) => {
    const away = all().filter(which);
    for (let at = 0; at < away.length; at += deletesPerTransaction) {
      const some = away.slice(at, at + deletesPerTransaction);
      const { revision } = await store.transact({
        if: [],
        then: some.map(({ provider, subject }) => tables.bindings.delete([provider, subject])),
      });
      await bindings.reached(revision);
    }
    return away;
  };
  return {
    get,
    baseOf,
    unbind,
    list: () =>
      [...providers.rows.values()]
        .map(({ value }) => value)
        .toSorted((a, b) => (a.provider < b.provider ? -1 : 1)),
    bindings: all,
    bound: (provider, subject) => bindings.find(provider, subject)?.value,
    settings(provider) {
      const { issuer, client, scopes, provider: name } = provider;
      const secret = secrets.find(name)?.value.secret;
      return {
        issuer,
        client,
        secret,
        scopes,
        callback: `${baseOf(provider)}${callbackPath(name)}`,
      };
    },
    async put(wish) {
      const held = providers.find(wish.provider)?.value;
      if (held === undefined && providers.rows.size >= providersMax) {
        throw new HansaError('STORE_LIMIT', `${providersMax} identity providers are known already`);
      }
      requireSecure(wish.issuer, 'the issuer');
      requireSecure(wish.at ?? wish.issuer, 'the address of this cluster');
      if (held !== undefined && held.issuer !== wish.issuer) {
        // Its subjects are other people.
        await unbind(({ provider }) => provider === wish.provider);
      }
      const { secret } = wish;
      const hadSecret = secrets.find(wish.provider) !== undefined;
      const provider = providerOf(wish, secret === undefined ? hadSecret : secret !== '');
      const { revision } = await store.transact({
        if: [],
        then: [
          tables.providers.put([wish.provider], provider),
          ...(secret === undefined ? [] : [secretOp(tables, wish.provider, secret)]),
        ],
      });
      await providers.reached(revision);
      if (secret !== undefined && (secret !== '' || hadSecret)) {
        await secrets.reached(revision);
      }
      return provider;
    },
    async remove(name) {
      get(name);
      await unbind(({ provider }) => provider === name);
      const { revision } = await store.transact({
        if: [],
        then: [tables.providers.delete([name]), tables.secrets.delete([name])],
      });
      await providers.reached(revision);
    },
    async bind(binding) {
      if (bindings.rows.size >= bindingsMax) {
        throw new HansaError(
          'STORE_LIMIT',
          `${bindingsMax} subjects of providers are bound already`,
        );
      }
      const { provider, subject } = binding;
      const put = tables.bindings.put([provider, subject], binding);
      const { revision } = await store.transact({ if: [], then: [put] });
      await bindings.reached(revision);
      return binding;
    },
  };
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
