// Who is known, out of own directories and of mirrors: what the rest of the node asks at every
// request. A cluster speaks for its own people alone: those of another are found in its mirrors.
import {
  isPrincipal,
  principal,
  splitPrincipal,
  type ClusterId,
  type Principal,
} from '@hansa/foundation';
import { builtInRole, builtInRoles } from './built-in.ts';
import type { AccountEntry, AccountType, GroupEntry, Holding, RoleEntry } from './entries.ts';
import type { Followed } from './followed.ts';
import type { HeldDirectory } from './reading.ts';
import type { Account, Directories, RoleDefinition, RoleGrant } from './uses.ts';

/** An entry and the directory that holds it. */
export interface Found<E> {
  readonly entry: E;
  readonly directory: HeldDirectory;
}

/** Of several directories with the same name in them, the first in the order of names counts. */
export function findIn<E extends AccountEntry | GroupEntry | RoleEntry>(
  directories: readonly HeldDirectory[],
  type: E['type'],
  name: string,
): Found<E> | undefined {
  for (const directory of directories) {
    const entry = directory.entries.get(`${type}/${name}`)?.entry;
    if (entry?.type === type) {
      // The type tells which of the entries it is, which the compiler cannot follow.
      return { entry: entry as E, directory };
    }
  }
  return undefined;
}

/** All of one type in the order of their names, each once. */
export function listIn<E extends AccountEntry | GroupEntry | RoleEntry>(
  directories: readonly HeldDirectory[],
  type: E['type'],
): readonly Found<E>[] {
  const found = new Map<string, Found<E>>();
  for (const directory of directories) {
    for (const { entry } of directory.entries.values()) {
      if (entry.type === type && !found.has(entry.name)) {
        found.set(entry.name, { entry: entry as E, directory });
      }
    }
  }
  return [...found.values()].toSorted((one, other) => (one.entry.name < other.entry.name ? -1 : 1));
}

function grantsOf(by: string, { roles, clusterRoles }: Holding): readonly RoleGrant[] {
  return [
    ...roles.map((role) => ({ role, by })),
    ...Object.entries(clusterRoles).flatMap(([cluster, list]) =>
      list.map((role) => ({ role, by, cluster: cluster as ClusterId })),
    ),
  ];
}

/** Own roles, and those of the groups that the same home has. */
export function allGrants(
  directories: readonly HeldDirectory[],
  { type, name, value }: AccountEntry,
): readonly RoleGrant[] {
  const groups = value.groups.flatMap((group) => {
    const found = findIn<GroupEntry>(directories, 'group', group);
    return found === undefined ? [] : grantsOf(`group:${group}`, found.entry.value);
  });
  return [...grantsOf(`${type}:${name}`, value), ...groups];
}

export function accountOf(
  directories: readonly HeldDirectory[],
  { entry, directory }: Found<AccountEntry>,
  home?: ClusterId,
): Account {
  const { type, name, value } = entry;
  const { displayName, email, sinceMs, disabled, groups, clusters } = value;
  return {
    principal: principal({ kind: type, name, ...(home === undefined ? {} : { home }) }),
    ...(displayName === undefined ? {} : { displayName }),
    ...(email === undefined ? {} : { email }),
    sinceMs,
    disabled,
    groups,
    roles: allGrants(directories, entry),
    clusters,
    directory: directory.resource,
  };
}

/** What was derived from the directories as they are, until they are others. */
interface Derived {
  readonly own: readonly HeldDirectory[];
  readonly homes: Map<ClusterId, readonly HeldDirectory[]>;
  readonly accounts: Map<Principal, Account>;
  readonly roles: ReadonlyMap<string, RoleDefinition>;
  all: readonly Account[] | undefined;
}

export function createDirectories(followed: Followed, cluster: ClusterId): Directories {
  let derived: Derived | undefined;
  let derivedAt = -1;
  const now = (): Derived => {
    if (derived === undefined || derivedAt !== followed.generation) {
      derivedAt = followed.generation;
      derived = deriveFrom(followed);
    }
    return derived;
  };
  const of = (home: ClusterId | undefined): readonly HeldDirectory[] => {
    const { own, homes } = now();
    if (home === undefined) {
      return own;
    }
    const known = homes.get(home) ?? followed.of(home);
    if (known.length > 0) {
      homes.set(home, known); // what a stranger names is not kept
    }
    return known;
  };
  return {
    find(asked) {
      const known = now().accounts.get(asked);
      if (known !== undefined || !isPrincipal(asked)) {
        return known;
      }
      const { kind, name, home } = splitPrincipal(asked);
      const there = home === cluster ? undefined : home;
      const found =
        kind === 'user' || kind === 'service'
          ? findIn<AccountEntry>(of(there), kind, name)
          : undefined;
      if (found === undefined) {
        return undefined;
      }
      const account = accountOf(of(there), found, there);
      now().accounts.set(asked, account);
      return account;
    },
    role: (name) => now().roles.get(name),
    roles: () => [...now().roles.values()],
    accounts() {
      const here = now();
      here.all ??= [undefined, ...followed.homes()].flatMap((home) => accountsOf(of(home), home));
      return here.all;
    },
    get generation() {
      return followed.generation;
    },
    subscribe: (changed) => followed.subscribe(changed),
  };
}

function accountsOf(
  directories: readonly HeldDirectory[],
  home: ClusterId | undefined,
): readonly Account[] {
  const types: readonly AccountType[] = ['user', 'service'];
  return types.flatMap((type) =>
    listIn<AccountEntry>(directories, type).map((found) => accountOf(directories, found, home)),
  );
}

function deriveFrom(followed: Followed): Derived {
  const own = followed.own();
  return { own, homes: new Map(), accounts: new Map(), roles: rolesIn(own), all: undefined };
}

/** Those that are built in cannot be defined anew: not even by what a disk or a copy brings. */
export function rolesIn(own: readonly HeldDirectory[]): ReadonlyMap<string, RoleDefinition> {
  const defined = listIn<RoleEntry>(own, 'role')
    .filter(({ entry }) => builtInRole(entry.name) === undefined)
    .map(({ entry: { name, value } }) => ({
      role: name,
      ...(value.description === undefined ? {} : { description: value.description }),
      scopes: value.scopes,
    }));
  return new Map([...builtInRoles, ...defined].map((each) => [each.role, each]));
}
