// Accounts, groups, roles and directories as people read them, own ones and those of linked
// clusters, page by page.
import {
  HansaError,
  principal,
  resolveSpelled,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
  type Principal,
} from '@hansa/foundation';
import { allGrants, findIn, listIn, rolesIn, type Found } from './accounts.ts';
import { builtInRole } from './built-in.ts';
import {
  directoryKind,
  pageDefault,
  readParty,
  spellParty,
  type Asking,
  type GroupWithMembers,
  type PartyType,
  type ShownAccount,
  type ShownDirectory,
  type ShownGroup,
  type ShownRole,
  type SpelledParty,
} from './contract.ts';
import {
  allRoles,
  type AccountEntry,
  type AccountType,
  type DirectoryEntry,
  type GroupEntry,
  type Holding,
} from './entries.ts';
import type { Followed, FollowedNeeds, HeldDirectory } from './followed.ts';

export interface ShowingNeeds extends FollowedNeeds {
  readonly followed: Followed;
}

/** Whose directories are meant, and those that count of them. */
export interface Home {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly isOwn: boolean;
  readonly directories: readonly HeldDirectory[];
}

/** LINK_NOT_FOUND where no such cluster is linked. */
export function homeOf({ signer, peers, followed }: ShowingNeeds, peer: string | undefined): Home {
  const own = peer === undefined || peer === signer.cluster || peer === signer.name;
  if (own) {
    return {
      cluster: signer.cluster,
      name: signer.name,
      isOwn: true,
      directories: followed.own(),
    };
  }
  const { cluster, name } = peers.resolve(peer);
  return {
    cluster,
    name: name ?? cluster.slice(0, 8),
    isOwn: false,
    directories: followed.of(cluster),
  };
}

/** INPUT_INVALID where the spelling says that it is of another type. */
export function partyOf(spelled: string, type: PartyType): SpelledParty {
  const party = readParty(spelled, type);
  if (party.type !== type) {
    throw new HansaError('INPUT_INVALID', `${spelled} is no ${type}`, {
      fix: `hansa ${party.type} show ${spellParty({ ...party, type: 'user' })}`,
    });
  }
  return party;
}

export function accountUnknown(party: SpelledParty): HansaError {
  const { type } = party;
  return new HansaError('PRINCIPAL_UNKNOWN', `there is no ${type} ${spellParty(party)} here`, {
    fix: `hansa ${type} list`,
  });
}

export function groupUnknown(party: SpelledParty): HansaError {
  return new HansaError('GROUP_NOT_FOUND', `there is no group ${party.name} here`, {
    facts: { group: spellParty(party) },
  });
}

export function roleUnknown(role: string): HansaError {
  return new HansaError('ROLE_NOT_FOUND', `this cluster defines no role ${role}`);
}

export function showAccount(needs: ShowingNeeds, spelled: string, type: AccountType): ShownAccount {
  const party = partyOf(spelled, type);
  const home = homeOf(needs, party.peer);
  const found = findIn<AccountEntry>(home.directories, type, party.name);
  if (found === undefined) {
    throw accountUnknown(party);
  }
  return shownAccount(home, found);
}

function placed(
  { cluster, name: ownerName, isOwn }: Home,
  { entry, directory }: Found<DirectoryEntry>,
): Pick<ShownGroup, 'name' | 'role' | 'home' | 'ownerName' | 'directory'> {
  const role = isOwn ? 'own' : 'mirror';
  return { name: entry.name, role, home: cluster, ownerName, directory: directory.resource };
}

function principalIn(
  { cluster, isOwn }: Home,
  { type, name }: Pick<AccountEntry, 'type' | 'name'>,
): Principal {
  return principal({ kind: type, name, ...(isOwn ? {} : { home: cluster }) });
}

function shownAccount(home: Home, found: Found<AccountEntry>): ShownAccount {
  const { entry } = found;
  return {
    principal: principalIn(home, entry),
    ...placed(home, found),
    ...entry.value,
    grants: allGrants(home.directories, entry),
  };
}

export function listAccounts(
  needs: ShowingNeeds,
  asked: Asking,
  type: AccountType,
): { readonly page: readonly ShownAccount[]; readonly cursor?: string } {
  return pageOf(needs, asked, (home) =>
    listIn<AccountEntry>(home.directories, type).map((found) => ({
      name: found.entry.name,
      show: () => shownAccount(home, found),
    })),
  );
}

export function listGroups(
  needs: ShowingNeeds,
  asked: Asking,
): { readonly page: readonly ShownGroup[]; readonly cursor?: string } {
  return pageOf(needs, asked, (home) =>
    listIn<GroupEntry>(home.directories, 'group').map((found) => ({
      name: found.entry.name,
      show: () => withoutMembers(shownGroup(home, found)),
    })),
  );
}

export function withoutMembers({ members: _members, ...group }: GroupWithMembers): ShownGroup {
  return group;
}

export function showGroup(needs: ShowingNeeds, spelled: string): GroupWithMembers {
  const party = partyOf(spelled, 'group');
  const home = homeOf(needs, party.peer);
  const found = findIn<GroupEntry>(home.directories, 'group', party.name);
  if (found === undefined) {
    throw groupUnknown(party);
  }
  return shownGroup(home, found);
}

function shownGroup(home: Home, found: Found<GroupEntry>): GroupWithMembers {
  const { name, value } = found.entry;
  const types: readonly AccountType[] = ['service', 'user'];
  const members = types.flatMap((type) =>
    listIn<AccountEntry>(home.directories, type)
      .filter(({ entry }) => entry.value.groups.includes(name))
      .map(({ entry }) => principalIn(home, entry)),
  );
  return { ...placed(home, found), ...value, memberCount: members.length, members };
}

/** Own ones first, then those of other homes in the order of their ids. */
function pageOf<T>(
  needs: ShowingNeeds,
  { limit = pageDefault, cursor, home }: Asking,
  list: (home: Home) => readonly { readonly name: string; show(): T }[],
): { readonly page: readonly T[]; readonly cursor?: string } {
  const homes =
    home === undefined
      ? [undefined, ...needs.followed.homes()].map((peer) => homeOf(needs, peer))
      : [homeOf(needs, home === 'own' ? undefined : home)];
  const after = cursor === undefined ? undefined : readParty(cursor);
  const page: T[] = [];
  let last = '';
  for (const one of homes) {
    const place = one.isOwn ? '' : one.cluster;
    for (const { name, show } of list(one)) {
      const from = after?.peer ?? '';
      if (after !== undefined && (place < from || (place === from && name <= after.name))) {
        continue;
      }
      if (page.length >= limit) {
        return { page, cursor: last };
      }
      page.push(show());
      last = spellParty({ type: 'user', name, ...(one.isOwn ? {} : { peer: one.cluster }) });
    }
  }
  return { page };
}

export function showRole(needs: ShowingNeeds, role: string): ShownRole {
  const shown = listRoles(needs, role)[0];
  if (shown === undefined) {
    throw roleUnknown(role);
  }
  return shown;
}

/** All, or the one of that name. */
export function listRoles({ followed }: ShowingNeeds, only?: string): readonly ShownRole[] {
  const own = followed.own();
  const holders = holdersIn(own);
  return [...rolesIn(own).values()]
    .filter(({ role }) => only === undefined || role === only)
    .toSorted((one, other) => (one.role < other.role ? -1 : 1))
    .map((each) => ({
      ...each,
      builtIn: builtInRole(each.role) !== undefined,
      holders: holders.get(each.role) ?? [],
    }));
}

/** Who was given each role, whether for here or for another cluster: `group:ops`, `user:anna`. */
function holdersIn(own: readonly HeldDirectory[]): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, string[]>();
  const types = ['group', 'service', 'user'] as const;
  for (const type of types) {
    for (const { entry } of listIn<AccountEntry | GroupEntry>(own, type)) {
      for (const role of allRoles(entry.value as Holding)) {
        const list = holders.get(role) ?? [];
        list.push(`${type}:${entry.name}`);
        holders.set(role, list);
      }
    }
  }
  return holders;
}

/** RESOURCE_NOT_FOUND, MIRROR_NOT_FOUND. */
export function resolveDirectory(needs: ShowingNeeds, spelled: string): FederatedId {
  return resolveSpelled(needs, directoryKind, spelled);
}

export function showDirectory(needs: ShowingNeeds, resource: FederatedId): ShownDirectory {
  const { followed, signer, resources, mirrors } = needs;
  const { owner, local, name, kind } = splitFederatedId(resource);
  const isOwn = owner === signer.cluster;
  const own = isOwn ? resources.find(local) : undefined;
  const mirror = isOwn ? undefined : mirrors.find(resource);
  if (kind !== directoryKind || (own === undefined && mirror === undefined)) {
    throw directoryUnknown(name);
  }
  const entries = [...(followed.find(resource)?.entries.values() ?? [])];
  const count = (type: DirectoryEntry['type']): number =>
    entries.filter(({ entry }) => entry.type === type).length;
  return {
    name,
    role: isOwn ? 'own' : 'mirror',
    home: owner,
    ownerName: isOwn ? signer.name : (mirror?.ownerName ?? owner.slice(0, 8)),
    directory: resource,
    description: own?.description ?? '',
    ...(mirror === undefined ? {} : { state: mirror.state }),
    counts: isOwn || followed.counts(resource),
    users: count('user'),
    groups: count('group'),
    services: count('service'),
    roles: count('role'),
  };
}

export function directoryUnknown(name: string): HansaError {
  return new HansaError('RESOURCE_NOT_FOUND', `there is no directory ${name} here`, {
    fix: 'hansa directory list',
  });
}

/** Own directories, then mirrors, each in the order of their ids. */
export function listDirectories(needs: ShowingNeeds): readonly ShownDirectory[] {
  const copies = needs.mirrors
    .all()
    .filter(({ kind, name }) => kind === directoryKind && !name.startsWith('@'))
    .map(({ resource }) => resource)
    .toSorted();
  const own = needs.followed.own().map(({ resource }) => resource);
  return [...own, ...copies].map((resource) => showDirectory(needs, resource));
}
