// What changes role definitions and who has them, worked out as plans.
import { HansaError, type ClusterId } from '@hansa/foundation';
import { findIn, listIn, rolesIn } from './accounts.ts';
import { builtInRole } from './built-in.ts';
import { defaultDirectory, type Directory, type SpelledParty } from './contract.ts';
import {
  allRoles,
  ordered,
  type AccountEntry,
  type GroupEntry,
  type RoleEntry,
} from './entries.ts';
import type { HeldDirectory } from './reading.ts';
import { requireAccount, requireGroup } from './people.ts';
import {
  changedAccounts,
  scopesOf,
  withoutRole,
  withoutRoleAnywhere,
  withRole,
  type Edit,
  type Plan,
} from './planning.ts';
import { roleUnknown } from './showing.ts';

function requireOwnRole(role: string): void {
  if (builtInRole(role) !== undefined) {
    throw new HansaError('ROLE_BUILT_IN', `${role} is built in, and means the same everywhere`);
  }
}

export function planRole(
  own: readonly HeldDirectory[],
  { role, scopes, description, expect }: Parameters<Directory['defineRole']>[0],
): Plan {
  requireOwnRole(role);
  const found = findIn<RoleEntry>(own, 'role', role);
  if (found !== undefined && expect === 'absent') {
    throw new HansaError('NAME_TAKEN', `there is a role ${role} already`, {
      fix: `hansa role show ${role}`,
    });
  }
  if (found === undefined && expect === 'present') {
    throw roleUnknown(role);
  }
  const text = description ?? found?.entry.value.description;
  const value = {
    ...(text === undefined || text === '' ? {} : { description: text }),
    scopes: ordered(scopes),
  };
  return {
    edits: [
      {
        directory: found?.directory.name ?? defaultDirectory,
        put: { type: 'role', name: role, value },
      },
    ],
    scopes: value.scopes,
  };
}

/** From its holders first: a role that is there without them is healed by removing it again. */
export function planRoleRemoval(own: readonly HeldDirectory[], role: string): Plan {
  requireOwnRole(role);
  const found = findIn<RoleEntry>(own, 'role', role);
  if (found === undefined) {
    throw roleUnknown(role);
  }
  const fromAccounts = changedAccounts(own, ({ value }) =>
    allRoles(value).includes(role) ? withoutRoleAnywhere(value, role) : undefined,
  );
  const fromGroups = own.flatMap((directory) =>
    listIn<GroupEntry>([directory], 'group')
      .filter(({ entry }) => allRoles(entry.value).includes(role))
      .map(({ entry }): Edit => ({
        directory: directory.name,
        put: { ...entry, value: withoutRoleAnywhere(entry.value, role) },
      })),
  );
  const last: Edit = { directory: found.directory.name, remove: { type: 'role', name: role } };
  return { edits: [...fromAccounts, ...fromGroups, last], scopes: [] };
}

export interface Giving {
  readonly role: string;
  readonly to: SpelledParty;
  readonly cluster: ClusterId | undefined;
}

export function planAssignment(own: readonly HeldDirectory[], given: Giving): Plan {
  const { role, cluster } = given;
  if (!rolesIn(own).has(role)) {
    throw roleUnknown(role);
  }
  return {
    edits: [changedHolder(own, given, (held) => withRole(held, role, cluster))],
    scopes: scopesOf(own, [role]),
  };
}

export function planUnassignment(own: readonly HeldDirectory[], given: Giving): Plan {
  const { role, cluster } = given;
  return {
    edits: [changedHolder(own, given, (held) => withoutRole(held, role, cluster))],
    scopes: [],
  };
}

function changedHolder(
  own: readonly HeldDirectory[],
  { to }: Giving,
  change: <H extends (AccountEntry | GroupEntry)['value']>(held: H) => H,
): Edit {
  if (to.type === 'group') {
    const { entry, directory } = requireGroup(own, to.name);
    return { directory: directory.name, put: { ...entry, value: change(entry.value) } };
  }
  const { entry, directory } = requireAccount(own, to);
  return { directory: directory.name, put: { ...entry, value: change(entry.value) } };
}
