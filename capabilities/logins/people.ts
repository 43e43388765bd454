// Whom logins let in: users of this cluster's own directory, and nobody else. What changes there is
// done by the directory; here is only what logins need of it.
import { HansaError, principal, type Principal } from '@hansa/foundation';
import {
  ownerRole,
  type Account,
  type Directories,
  type Directory,
} from '../directory/contract.ts';

/** What logins ask a directory to do. */
export interface PeopleBook {
  /** A new user; RESOURCE_EXISTS where there is one. Resolves when the directory knows it. */
  add(user: NewUser): Promise<void>;
  /** Everywhere; nothing happens where it has the role. */
  giveRole(name: string, role: string): Promise<void>;
  /** In some groups, and no longer in some. */
  changeGroups(
    name: string,
    change: { readonly join: readonly string[]; readonly leave: readonly string[] },
  ): Promise<void>;
}

export interface NewUser {
  readonly name: string;
  readonly displayName?: string | undefined;
  readonly email?: string | undefined;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

export { ownerRole };

/** The directory's own promise, as whoever runs this node keeps it. */
export function peopleBook(
  directory: Pick<Directory, 'putUser' | 'assign'>,
  directories: Directories,
): PeopleBook {
  return {
    async add({ name, groups, roles, displayName, email }) {
      await directory.putUser({
        user: name,
        expect: 'absent',
        displayName,
        email,
        groups: [...groups],
        roles: [...roles],
      });
    },
    async giveRole(name, role) {
      await directory.assign({ role, to: name });
    },
    async changeGroups(name, { join, leave }) {
      const held = accountOf(directories, name)?.groups ?? [];
      const groups = new Set([...held.filter((group) => !leave.includes(group)), ...join]);
      await directory.putUser({ user: name, expect: 'present', groups: [...groups] });
    },
  };
}

export function principalOf(user: string): Principal {
  return principal({ kind: 'user', name: user });
}

export function accountOf(directories: Directories, user: string): Account | undefined {
  return directories.find(principalOf(user));
}

/** PRINCIPAL_UNKNOWN where the directory has no such user. */
export function requireAccount(directories: Directories, user: string): Account {
  const account = accountOf(directories, user);
  if (account === undefined) {
    throw new HansaError('PRINCIPAL_UNKNOWN', `no user ${user} is known here`, {
      fix: `add it first: hansa user add ${user}`,
    });
  }
  return account;
}

/** Only told to those who have shown that they are the one. */
export function requireEnabled({ disabled, principal: who }: Account): void {
  if (disabled) {
    throw new HansaError('PRINCIPAL_DISABLED', `${who} is let in nowhere`, {
      fix: 'ask an operator of this cluster to enable the account',
    });
  }
}

/** The one own user with this address; undefined where there is none, or more than one. */
export function ownUserByEmail(directories: Directories, email: string): string | undefined {
  const wanted = folded(email);
  const found = directories
    .accounts()
    .filter(isOwnUser)
    .filter((account) => account.email !== undefined && folded(account.email) === wanted)
    .map(({ principal: who }) => nameOf(who));
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Letters of ASCII alone: others have small letters that are somebody else's, as the sign of Kelvin
 * has "k", and whoever gets an address of those at the same host is not whom we know.
 */
function folded(email: string): string {
  return email.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isOwnUser({ principal: who }: Account): boolean {
  return who.startsWith('user:') && !who.includes('@');
}

/** `user:anna` is anna. */
export function nameOf(who: string): string {
  return who.slice(who.indexOf(':') + 1);
}
