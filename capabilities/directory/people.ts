// What changes users, service accounts and groups, worked out as plans.
import { HansaError, isHansaError, type ClusterId } from '@hansa/foundation';
import { findIn, type Found } from './accounts.ts';
import {
  defaultDirectory,
  spellParty,
  type Expected,
  type PutGroup,
  type PutService,
  type PutUser,
  type SpelledParty,
} from './contract.ts';
import {
  allRoles,
  emptyAccount,
  emptyGroup,
  nameSchemas,
  ordered,
  type AccountEntry,
  type AccountType,
  type EntryType,
  type GroupEntry,
  type RoleEntry,
  type StoredAccount,
} from './entries.ts';
import type { HeldDirectory } from './reading.ts';
import { directoryUnknown } from './placing.ts';
import { changedAccounts, groupRoles, scopesOf, type Plan } from './planning.ts';
import {
  accountUnknown,
  groupUnknown,
  homeOf,
  partyOf,
  roleUnknown,
  type ShowingNeeds,
} from './showing.ts';
import { rolesIn } from './accounts.ts';

/** With what the plan cannot find out. */
type GivenWords = AccountWords & {
  readonly tokensFor: readonly ClusterId[] | undefined;
  readonly nowMs: number;
};

export type AccountWords = Omit<PutUser & PutService, 'user' | 'service'>;

/** RESOURCE_READ_ONLY for what another cluster writes, naming it. */
export function ownParty(
  needs: ShowingNeeds,
  spelled: string,
  type: SpelledParty['type'],
): SpelledParty {
  const party = partyOf(spelled, type);
  if (party.peer !== undefined) {
    const { isOwn, name } = homeOf(needs, party.peer);
    if (!isOwn) {
      throw new HansaError(
        'RESOURCE_READ_ONLY',
        `${name} is the home of ${spellParty(party)}: its directory is written there alone`,
        {
          fix:
            `change it at ${name}; what it may do here is this cluster’s to say: ` +
            `hansa role map ${name} ${party.type}:${party.name} <role>`,
          facts: { home: name },
        },
      );
    }
  }
  return { type, name: party.name };
}

/** Where something stands or is to be made. NAME_TAKEN, RESOURCE_NOT_FOUND. */
function placeOf<E extends AccountEntry | GroupEntry | RoleEntry>(
  own: readonly HeldDirectory[],
  { type, name }: { readonly type: EntryType; readonly name: string },
  asked: { directory?: string | undefined; expect?: Expected | undefined },
): { readonly directory: string; readonly before: E | undefined } {
  const found: Found<E> | undefined = findIn<E>(own, type, name);
  if (found !== undefined) {
    const there = found.directory.name;
    if (asked.expect === 'absent' || (asked.directory ?? there) !== there) {
      throw new HansaError('NAME_TAKEN', `there is a ${type} ${name} in directory ${there}`, {
        fix: `hansa ${type} show ${name}`,
        facts: { directory: there },
      });
    }
    return { directory: there, before: found.entry };
  }
  const read = nameSchemas[type].safeParse(name);
  if (!read.success) {
    const why = read.error.issues[0]?.message ?? `"${name}" is no name`;
    throw new HansaError('INPUT_INVALID', `no ${type} is called "${name}": ${why}`);
  }
  const directory = asked.directory ?? defaultDirectory;
  if (!own.some((each) => each.name === directory)) {
    throw directoryUnknown(directory);
  }
  return { directory, before: undefined };
}

export function planAccount(
  own: readonly HeldDirectory[],
  party: { readonly type: AccountType; readonly name: string },
  words: GivenWords,
): Plan {
  const { directory, before } = placeOf<AccountEntry>(own, party, words);
  if (before === undefined && words.expect === 'present') {
    throw accountUnknown(party);
  }
  const old = before?.value ?? { ...emptyAccount, sinceMs: words.nowMs };
  requireKnown(own, old, words);
  const value = accountAfter(old, words);
  return {
    edits: [{ directory, put: { ...party, value } }],
    // Nobody changes who may more than they: a mail address or an end of a lock-out lets in.
    scopes: onlyDisables(words) ? [] : scopesOf(own, [...mayBy(own, old), ...mayBy(own, value)]),
  };
}

function onlyDisables(given: GivenWords): boolean {
  const { expect: _expect, nowMs: _now, ...words } = given;
  const said = Object.entries(words).filter(([, value]) => value !== undefined);
  return said.length === 1 && words.disabled === true;
}

function mayBy(own: readonly HeldDirectory[], value: StoredAccount): readonly string[] {
  return [...allRoles(value), ...groupRoles(own, value.groups)];
}

/** Of what is given anew; what is there may name what has gone. */
function requireKnown(
  own: readonly HeldDirectory[],
  old: StoredAccount,
  { groups = [], roles = [] }: AccountWords,
): void {
  for (const name of groups) {
    const isNew = !old.groups.includes(name);
    if (isNew && findIn<GroupEntry>(own, 'group', name) === undefined) {
      throw groupUnknown({ type: 'group', name });
    }
  }
  const defined = rolesIn(own);
  const unknown = roles.find((role) => !old.roles.includes(role) && !defined.has(role));
  if (unknown !== undefined) {
    throw roleUnknown(unknown);
  }
}

function accountAfter(old: StoredAccount, words: GivenWords): StoredAccount {
  const { displayName = old.displayName, email = old.email, tokensFor } = words;
  return {
    ...(displayName === undefined || displayName === '' ? {} : { displayName }),
    ...(email === undefined || email === '' ? {} : { email }),
    sinceMs: old.sinceMs,
    disabled: words.disabled ?? old.disabled,
    groups: ordered(words.groups ?? old.groups),
    roles: ordered(words.roles ?? old.roles),
    clusterRoles: old.clusterRoles,
    clusters: ordered(tokensFor ?? old.clusters),
  };
}

export function planRemoval(
  own: readonly HeldDirectory[],
  party: { readonly type: AccountType; readonly name: string },
): Plan {
  const found = requireAccount(own, party);
  return { edits: [{ directory: found.directory.name, remove: party }], scopes: [] };
}

export function requireAccount(
  own: readonly HeldDirectory[],
  party: SpelledParty,
): Found<AccountEntry> {
  const found =
    party.type === 'group' ? undefined : findIn<AccountEntry>(own, party.type, party.name);
  if (found === undefined) {
    throw accountUnknown(party);
  }
  return found;
}

export function requireGroup(own: readonly HeldDirectory[], name: string): Found<GroupEntry> {
  const found = findIn<GroupEntry>(own, 'group', name);
  if (found === undefined) {
    throw groupUnknown({ type: 'group', name });
  }
  return found;
}

export function planGroup(
  own: readonly HeldDirectory[],
  name: string,
  asked: Omit<PutGroup, 'group'>,
): Plan {
  const { directory, before } = placeOf<GroupEntry>(own, { type: 'group', name }, asked);
  if (before === undefined && asked.expect === 'present') {
    throw groupUnknown({ type: 'group', name });
  }
  const { description: old, ...rest } = before?.value ?? emptyGroup;
  const description = asked.description ?? old;
  const value = description === undefined || description === '' ? rest : { ...rest, description };
  return { edits: [{ directory, put: { type: 'group', name, value } }], scopes: [] };
}

/** Its members first: a group that is there without them is healed by removing it again. */
export function planGroupRemoval(own: readonly HeldDirectory[], name: string): Plan {
  const { directory } = requireGroup(own, name);
  const left = changedAccounts(own, ({ value }) =>
    value.groups.includes(name)
      ? { ...value, groups: value.groups.filter((each) => each !== name) }
      : undefined,
  );
  return {
    edits: [...left, { directory: directory.name, remove: { type: 'group', name } }],
    scopes: [],
  };
}

export function planMember(
  own: readonly HeldDirectory[],
  given: { readonly group: string; readonly member: SpelledParty; readonly isIn: boolean },
): Plan {
  const { group, member, isIn } = given;
  const { entry } = requireGroup(own, group);
  const { entry: before, directory } = requireAccount(own, member);
  const { groups } = before.value;
  const after = ordered(isIn ? [...groups, group] : groups.filter((each) => each !== group));
  const put = { ...before, value: { ...before.value, groups: after } };
  return {
    edits: after.length === groups.length ? [] : [{ directory: directory.name, put }],
    scopes: isIn ? scopesOf(own, allRoles(entry.value)) : [],
  };
}

/** Names and ids of clusters, ours among them, as ids. */
export function clusterIds(
  needs: ShowingNeeds,
  named: readonly string[] | undefined,
): readonly ClusterId[] | undefined {
  return named?.map((name) => clusterId(needs, name));
}

/** A cluster that is not linked may be named by its whole id. */
export function clusterId(needs: ShowingNeeds, named: string): ClusterId {
  try {
    return homeOf(needs, named).cluster;
  } catch (error) {
    if (isHansaError(error, 'LINK_NOT_FOUND') && /^[0-9a-f]{64}$/.test(named)) {
      return named as ClusterId;
    }
    throw error;
  }
}
