// Directories for people: each method names what it changes, and `writing.ts` does it.
import { HansaError, splitFederatedId, type Call } from '@hansa/foundation';
import type { FederatedKind } from '../sync/contract.ts';
import { createDirectories } from './accounts.ts';
import {
  readParty,
  spellParty,
  type Assigned,
  type Assignment,
  type Directory,
  type ShownAccount,
} from './contract.ts';
import type { AccountType } from './entries.ts';
import { createFollowed, type Followed, type FollowedNeeds } from './followed.ts';
import { createDirectoryKind } from './mirrored.ts';
import {
  clusterId,
  clusterIds,
  ownParty,
  planAccount,
  planGroup,
  planGroupRemoval,
  planMember,
  planRemoval,
  type AccountWords,
} from './people.ts';
import {
  planAssignment,
  planRole,
  planRoleRemoval,
  planUnassignment,
  type Giving,
} from './roles.ts';
import {
  listAccounts,
  listGroups,
  listRoles,
  showAccount,
  showGroup,
  showRole,
  withoutMembers,
  type ShowingNeeds,
} from './showing.ts';
import type { Directories } from './uses.ts';
import { listDirectories, resolveDirectory, showDirectory } from './placing.ts';
import { createWriting, type Writing, type WritingNeeds } from './writing.ts';

export type DirectoryNeeds = FollowedNeeds &
  Pick<WritingNeeds, 'requireChanges' | 'requireGrantable'>;

export interface DirectoryService {
  readonly directory: Directory;
  readonly directories: Directories;
  readonly kind: FederatedKind;
  readonly followed: Followed;
}

interface Parts extends ShowingNeeds {
  readonly writing: Writing;
}

export function createDirectory(needs: DirectoryNeeds): DirectoryService {
  const followed = createFollowed(needs);
  const parts: Parts = { ...needs, followed, writing: createWriting({ ...needs, followed }) };
  return {
    directory: { ...people(parts), ...grouping(parts), ...ruling(parts), ...placing(parts) },
    directories: createDirectories(followed, needs.signer.cluster),
    kind: createDirectoryKind({ codec: needs.codec, followed }),
    followed,
  };
}

type People = Pick<
  Directory,
  | 'putUser'
  | 'showUser'
  | 'users'
  | 'removeUser'
  | 'putService'
  | 'showService'
  | 'services'
  | 'removeService'
>;

function people(parts: Parts): People {
  const put = async (
    type: AccountType,
    { spelled, words }: { spelled: string; words: AccountWords },
    call: Call | undefined,
  ): Promise<ShownAccount> => {
    const { name } = ownParty(parts, spelled, type);
    const given = {
      ...words,
      tokensFor: clusterIds(parts, words.clusters),
      nowMs: parts.clock.now(),
    };
    await parts.writing.run((own) => planAccount(own, { type, name }, given), call);
    return showAccount(parts, name, type);
  };
  const remove = async (
    type: AccountType,
    spelled: string,
    call: Call | undefined,
  ): Promise<ShownAccount> => {
    const { name } = ownParty(parts, spelled, type);
    const shown = showAccount(parts, name, type);
    await parts.writing.run((own) => planRemoval(own, { type, name }), call);
    return shown;
  };
  return {
    putUser: ({ user, ...words }, call) => put('user', { spelled: user, words }, call),
    showUser: async ({ user }) => showAccount(parts, user, 'user'),
    async users(asked) {
      const { page, ...rest } = listAccounts(parts, asked, 'user');
      return { users: page, ...rest };
    },
    removeUser: ({ user }, call) => remove('user', user, call),
    putService: ({ service, ...words }, call) => put('service', { spelled: service, words }, call),
    showService: async ({ service }) => showAccount(parts, service, 'service'),
    async services(asked) {
      const { page, ...rest } = listAccounts(parts, asked, 'service');
      return { services: page, ...rest };
    },
    removeService: ({ service }, call) => remove('service', service, call),
  };
}

type Grouping = Pick<
  Directory,
  'putGroup' | 'showGroup' | 'groups' | 'removeGroup' | 'addMember' | 'removeMember'
>;

function grouping(parts: Parts): Grouping {
  const { writing } = parts;
  const place = async (
    { group, member, isIn }: { group: string; member: string; isIn: boolean },
    call: Call | undefined,
  ): ReturnType<Directory['addMember']> => {
    const { name } = ownParty(parts, group, 'group');
    const given = { group: name, member: holderOf(parts, member), isIn };
    await writing.run((own) => planMember(own, given), call);
    return showGroup(parts, name);
  };
  return {
    async putGroup({ group, ...asked }, call) {
      const { name } = ownParty(parts, group, 'group');
      await writing.run((own) => planGroup(own, name, asked), call);
      return withoutMembers(showGroup(parts, name));
    },
    showGroup: async ({ group }) => showGroup(parts, group),
    async groups(asked) {
      const { page, ...rest } = listGroups(parts, asked);
      return { groups: page, ...rest };
    },
    async removeGroup({ group }, call) {
      const { name } = ownParty(parts, group, 'group');
      const shown = withoutMembers(showGroup(parts, name));
      await writing.run((own) => planGroupRemoval(own, name), call);
      return shown;
    },
    addMember: (input, call) => place({ ...input, isIn: true }, call),
    removeMember: (input, call) => place({ ...input, isIn: false }, call),
  };
}

/** A user where nothing else is said. */
function holderOf(parts: Parts, spelled: string): Giving['to'] {
  return ownParty(parts, spelled, readParty(spelled).type);
}

type Ruling = Pick<
  Directory,
  'defineRole' | 'showRole' | 'roles' | 'removeRole' | 'assign' | 'unassign'
>;

function ruling(parts: Parts): Ruling {
  const { writing } = parts;
  const givingOf = ({ role, to, cluster }: Assignment): Giving => ({
    role,
    to: holderOf(parts, to),
    cluster: cluster === undefined ? undefined : clusterId(parts, cluster),
  });
  return {
    async defineRole(input, call) {
      await writing.run((own) => planRole(own, input), call);
      return showRole(parts, input.role);
    },
    showRole: async ({ role }) => showRole(parts, role),
    roles: async () => ({ roles: listRoles(parts) }),
    async removeRole({ role }, call) {
      const shown = showRole(parts, role);
      await writing.run((own) => planRoleRemoval(own, role), call);
      return shown;
    },
    async assign(input, call) {
      const giving = givingOf(input);
      await writing.run((own) => planAssignment(own, giving), call);
      return { given: assignedOf(parts, giving) };
    },
    async unassign(input, call) {
      const giving = givingOf(input);
      await writing.run((own) => planUnassignment(own, giving), call);
      return { given: assignedOf(parts, giving) };
    },
  };
}

function assignedOf(parts: Parts, { to }: Giving): Assigned {
  const { roles, clusterRoles } =
    to.type === 'group' ? showGroup(parts, to.name) : showAccount(parts, to.name, to.type);
  return { to: spellParty(to), roles, clusterRoles };
}

type Placing = Pick<
  Directory,
  'createDirectory' | 'showDirectory' | 'directories' | 'removeDirectory'
>;

function placing(parts: Parts): Placing {
  const { writing, signer } = parts;
  return {
    async createDirectory({ directory, description }) {
      await writing.create(directory, description);
      return showDirectory(parts, resolveDirectory(parts, directory));
    },
    showDirectory: async ({ directory }) =>
      showDirectory(parts, resolveDirectory(parts, directory)),
    directories: async () => ({ directories: listDirectories(parts) }),
    async removeDirectory({ directory }) {
      const resource = resolveDirectory(parts, directory);
      const shown = showDirectory(parts, resource);
      const { owner, name } = splitFederatedId(resource);
      if (owner !== signer.cluster) {
        throw new HansaError(
          'RESOURCE_READ_ONLY',
          `${shown.ownerName} owns the directory ${name}: this is its mirror`,
          { fix: `to give the copy up: hansa mirror remove ${shown.ownerName}:directory/${name}` },
        );
      }
      await writing.remove(name);
      return shown;
    },
  };
}
