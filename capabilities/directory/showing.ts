// Accounts, groups, roles and directories as people read them, own ones and those of linked
// clusters, page by page.
import { HansaError, principal, type ClusterId, type Principal } from '@hansa/foundation';
import { allGrants, findIn, listIn, rolesIn, type Found } from './accounts.ts';
import { builtInRole } from './built-in.ts';
import {
  pageDefault,
  readParty,
  spellParty,
  type Asking,
  type GroupWithMembers,
  type PartyType,
  type ShownAccount,
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
} from './entries.ts';
import type { Followed, FollowedNeeds } from './followed.ts';
import type { HeldDirectory } from './reading.ts';

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
  const name = spellParty({ ...party, type: 'user' });
  return new HansaError('PRINCIPAL_UNKNOWN', `there is no ${type} ${name} here`, {
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
  const homes = home === undefined ? allHomes(needs) : [homeOf(needs, ownName(home))];
  const after = cursor === undefined ? undefined : readParty(cursor);
  const rows = homes.flatMap((one) =>
    list(one)
      .map(({ name, show }) => ({ name, show, peer: one.isOwn ? '' : one.cluster }))
      .filter((row) => after === undefined || isAfter(row, after)),
  );
  const shown = rows.slice(0, limit);
  const page = shown.map(({ show }) => show());
  const last = shown.at(-1);
  return last === undefined || rows.length === shown.length
    ? { page }
    : { page, cursor: last.peer === '' ? last.name : `${last.name}@${last.peer}` };
}

function allHomes(needs: ShowingNeeds): readonly Home[] {
  return [undefined, ...needs.followed.homes()].map((peer) => homeOf(needs, peer));
}

function ownName(home: string): string | undefined {
  return home === 'own' ? undefined : home;
}

function isAfter(
  row: { readonly name: string; readonly peer: string },
  { name, peer = '' }: SpelledParty,
): boolean {
  return row.peer > peer || (row.peer === peer && row.name > name);
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
      for (const role of allRoles(entry.value)) {
        const list = holders.get(role) ?? [];
        list.push(`${type}:${entry.name}`);
        holders.set(role, list);
      }
    }
  }
  return holders;
}
