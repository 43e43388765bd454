// What an act changes in own directories, worked out before anything is written: pure. So whatever
// would leave nobody who owns the cluster is seen first.
import { HansaError, type ClusterId } from '@hansa/foundation';
import { allGrants, listIn, rolesIn } from './accounts.ts';
import { ownerRole } from './built-in.ts';
import {
  allRoles,
  ordered,
  type AccountEntry,
  type AccountType,
  type DirectoryEntry,
  type EntryType,
  type GroupEntry,
  type Holding,
} from './entries.ts';
import type { HeldDirectory } from './reading.ts';
import { entryKey } from './keys.ts';

/** One entry put or taken away, in a directory by its name. */
export type Edit = { readonly directory: string } & (
  | { readonly put: DirectoryEntry }
  | { readonly remove: { readonly type: EntryType; readonly name: string } }
);

export interface Plan {
  /** In this order: what a crash leaves undone is the end of it. */
  readonly edits: readonly Edit[];
  /** Whoever asks for it must have all of these. */
  readonly scopes: readonly string[];
}

/** Own directories as they would stand. Sizes are not those that will be stored. */
export function withEdits(
  own: readonly HeldDirectory[],
  edits: readonly Edit[],
): readonly HeldDirectory[] {
  return own.map((directory) => {
    const mine = edits.filter((edit) => edit.directory === directory.name);
    if (mine.length === 0) {
      return directory;
    }
    const entries = new Map(directory.entries);
    for (const edit of mine) {
      if ('put' in edit) {
        entries.set(entryKey(edit.put), { version: 0, bytes: 0, entry: edit.put });
      } else {
        entries.delete(entryKey(edit.remove));
      }
    }
    return { ...directory, entries };
  });
}

/** A user who is let in and owns the cluster, by itself or by a group. */
function ownerIn(own: readonly HeldDirectory[], cluster: ClusterId): string | undefined {
  for (const { entries } of own) {
    for (const { entry } of entries.values()) {
      if (entry.type === 'user' && !entry.value.disabled && owns(own, entry, cluster)) {
        return entry.name;
      }
    }
  }
  return undefined;
}

function owns(own: readonly HeldDirectory[], entry: AccountEntry, cluster: ClusterId): boolean {
  return allGrants(own, entry).some(
    (grant) => grant.role === ownerRole && (grant.cluster ?? cluster) === cluster,
  );
}

/** LAST_OWNER where there is an owner before and none after. */
export function requireOwnerLeft(
  before: readonly HeldDirectory[],
  after: readonly HeldDirectory[],
  cluster: ClusterId,
): void {
  const owner = ownerIn(before, cluster);
  if (owner !== undefined && ownerIn(after, cluster) === undefined) {
    throw new HansaError('LAST_OWNER', `${owner} is the last user who owns this cluster`, {
      fix:
        'give another user the role first: hansa role assign owner <user>; whoever reads the ' +
        'data folder remains an owner by its owner.token',
      facts: { user: owner },
    });
  }
}

/** All scopes of these roles as this cluster defines them; of one that is not defined, none. */
export function scopesOf(
  own: readonly HeldDirectory[],
  roles: readonly string[],
): readonly string[] {
  const defined = rolesIn(own);
  return ordered(roles.flatMap((role) => defined.get(role)?.scopes ?? []));
}

/** What somebody in these groups may by them, wherever it counts. */
export function groupRoles(
  own: readonly HeldDirectory[],
  groups: readonly string[],
): readonly string[] {
  return ordered(
    listIn<GroupEntry>(own, 'group')
      .filter(({ entry }) => groups.includes(entry.name))
      .flatMap(({ entry }) => allRoles(entry.value)),
  );
}

/** Every account that a test holds for, changed. */
export function changedAccounts(
  own: readonly HeldDirectory[],
  change: (entry: AccountEntry) => AccountEntry['value'] | undefined,
): readonly Edit[] {
  const types: readonly AccountType[] = ['user', 'service'];
  return types.flatMap((type) =>
    own.flatMap((directory) =>
      listIn<AccountEntry>([directory], type).flatMap(({ entry }): Edit[] => {
        const value = change(entry);
        return value === undefined ? [] : [{ directory: directory.name, put: { ...entry, value } }];
      }),
    ),
  );
}

/** With a role more; in one cluster alone where it is named. */
export function withRole<H extends Holding>(held: H, role: string, cluster?: ClusterId): H {
  if (cluster === undefined) {
    return { ...held, roles: ordered([...held.roles, role]) };
  }
  const there = ordered([...(held.clusterRoles[cluster] ?? []), role]);
  return { ...held, clusterRoles: { ...held.clusterRoles, [cluster]: there } };
}

export function withoutRole<H extends Holding>(held: H, role: string, cluster?: ClusterId): H {
  const less = (list: readonly string[]): readonly string[] => list.filter((each) => each !== role);
  if (cluster === undefined) {
    return { ...held, roles: less(held.roles) };
  }
  const rest = Object.entries(held.clusterRoles).map(
    ([id, list]) => [id, id === cluster ? less(list) : list] as const,
  );
  return { ...held, clusterRoles: Object.fromEntries(rest.filter(([, list]) => list.length > 0)) };
}

/** Without it everywhere. */
export function withoutRoleAnywhere<H extends Holding>(held: H, role: string): H {
  return Object.keys(held.clusterRoles).reduce<H>(
    (left, cluster) => withoutRole(left, role, cluster as ClusterId),
    withoutRole(held, role),
  );
}
