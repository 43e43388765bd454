// People, groups, service accounts and roles: written by the cluster that vouches for them, shared
// and mirrored like any resource. Nothing of it is secret; passwords belong to logins.
import {
  clusterIdSchema,
  federatedIdSchema,
  nameLengthMax,
  resourceNameSchema,
  withoutKind,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorCode,
  type FederatedId,
  type Principal,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema } from '../resources/contract.ts';
import {
  clustersPerAccountMax,
  displayNameSchema,
  emailSchema,
  groupsPerAccountMax,
  roleDescriptionSchema,
  rolesPerHolderMax,
  scopesPerRoleMax,
  scopeSchema,
  wordSchema,
  type ClusterRoles,
} from './entries.ts';
import { spelledPartyMax } from './spelling.ts';
import type { RoleDefinition, RoleGrant } from './uses.ts';

export type { RoleGrant, Account, RoleDefinition, Directories } from './uses.ts';
export { builtInRole, builtInRoles, ownerRole } from './built-in.ts';
export { wordSchema as roleNameSchema, type ClusterRoles } from './entries.ts';
export { readParty, spellParty, type PartyType, type SpelledParty } from './spelling.ts';

export const directoryKind = 'directory';
/** Where whoever is added goes, if nothing else is said; made by its first use. */
export const defaultDirectory = 'people';

export const directoriesMax = 100; // own ones: a tenth of a second to read all at a start
// of one directory: all of them are held in memory, and read anew when it changes
export const entriesMax = 10_000;
export const directoryBytesMax: number = 8 * 1_024 * 1_024; // of the same: what one owner may cost us
export const pageMax = 1_000; // rows of a page
export const pageDefault = 100; // what a person reads at once

/** Whether something has to be there before it is written: either where it is not said. */
export type Expected = 'absent' | 'present';

interface Shown {
  readonly name: string;
  /** Read here, written where it is at home. */
  readonly role: 'own' | 'mirror';
  readonly home: ClusterId;
  readonly ownerName: string;
  readonly directory: FederatedId;
}

/** A user or service account. */
export interface ShownAccount extends Shown {
  readonly principal: Principal;
  readonly displayName?: string | undefined;
  readonly email?: string | undefined;
  readonly disabled: boolean;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly clusterRoles: ClusterRoles;
  readonly clusters: readonly ClusterId[];
  /** Own roles and those of the groups, as they stand. */
  readonly grants: readonly RoleGrant[];
}

export interface ShownGroup extends Shown {
  readonly description?: string | undefined;
  readonly roles: readonly string[];
  readonly clusterRoles: ClusterRoles;
  readonly memberCount: number;
}

export interface GroupWithMembers extends ShownGroup {
  readonly members: readonly Principal[];
}

export interface ShownRole extends RoleDefinition {
  readonly builtIn: boolean;
  /** Accounts and groups of this cluster that it was given to: `user:anna`, `group:ops`. */
  readonly holders: readonly string[];
}

export interface ShownDirectory extends Shown {
  readonly description: string;
  /** Undefined for own ones; a mirror whose owner is away is `waiting`, and counts. */
  readonly state?: string | undefined;
  /** Whether those in it may be let in: not where its owner has withdrawn it, or is blocked. */
  readonly counts: boolean;
  readonly users: number;
  readonly groups: number;
  readonly services: number;
  readonly roles: number;
}

export interface Asking {
  limit?: number | undefined;
  cursor?: string | undefined;
  /** Those of one linked cluster alone, or `own`; of all where absent. */
  home?: string | undefined;
}

interface AccountWords {
  /** Where it is made; `people` where absent. */
  directory?: string | undefined;
  expect?: Expected | undefined;
  /** Empty text takes it away. */
  displayName?: string | undefined;
  disabled?: boolean | undefined;
  /** All of them, in place of those it has. */
  groups?: readonly string[] | undefined;
  /** All that count everywhere, in place of those it has. */
  roles?: readonly string[] | undefined;
  /** Clusters that tokens may be made for, by name or id: all of them. */
  clusters?: readonly string[] | undefined;
}
export type PutUser = AccountWords & { user: string; email?: string | undefined };
export type PutService = AccountWords & { service: string };

export interface PutGroup {
  group: string;
  directory?: string | undefined;
  expect?: Expected | undefined;
  description?: string | undefined;
}

export interface Assignment {
  role: string;
  /** `anna`, `service:ci`, `group:ops`. */
  to: string;
  /** There alone, by name or id; everywhere where absent. */
  cluster?: string | undefined;
}

/**
 * What is not said stays as it is. Names are `anna`; of another cluster, to be read alone,
 * `anna@<peer>`.
 */
export interface Directory {
  putUser(input: PutUser, call?: Call): Promise<ShownAccount>;
  showUser(input: { user: string }, call?: Call): Promise<ShownAccount>;
  users(
    input: Asking,
    call?: Call,
  ): Promise<{ readonly users: readonly ShownAccount[]; readonly cursor?: string | undefined }>;
  /** LAST_OWNER where nobody would be left who owns the cluster. */
  removeUser(input: { user: string }, call?: Call): Promise<ShownAccount>;
  putService(input: PutService, call?: Call): Promise<ShownAccount>;
  showService(input: { service: string }, call?: Call): Promise<ShownAccount>;
  services(
    input: Asking,
    call?: Call,
  ): Promise<{ readonly services: readonly ShownAccount[]; readonly cursor?: string | undefined }>;
  removeService(input: { service: string }, call?: Call): Promise<ShownAccount>;
  putGroup(input: PutGroup, call?: Call): Promise<ShownGroup>;
  showGroup(input: { group: string }, call?: Call): Promise<GroupWithMembers>;
  groups(
    input: Asking,
    call?: Call,
  ): Promise<{ readonly groups: readonly ShownGroup[]; readonly cursor?: string | undefined }>;
  /** Its members are in it no more, whatever takes its name later. */
  removeGroup(input: { group: string }, call?: Call): Promise<ShownGroup>;
  addMember(input: { group: string; member: string }, call?: Call): Promise<GroupWithMembers>;
  removeMember(input: { group: string; member: string }, call?: Call): Promise<GroupWithMembers>;
  /** GRANT_WIDENED where its scopes are not all the caller's. */
  defineRole(
    input: {
      role: string;
      scopes: readonly string[];
      description?: string | undefined;
      expect?: Expected | undefined;
    },
    call?: Call,
  ): Promise<ShownRole>;
  showRole(input: { role: string }, call?: Call): Promise<ShownRole>;
  roles(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly roles: readonly ShownRole[] }>;
  /** Nobody has it afterwards, whatever takes its name later. */
  removeRole(input: { role: string }, call?: Call): Promise<ShownRole>;
  assign(input: Assignment, call?: Call): Promise<{ readonly given: Assigned }>;
  unassign(input: Assignment, call?: Call): Promise<{ readonly given: Assigned }>;
  createDirectory(
    input: { directory: string; description?: string | undefined },
    call?: Call,
  ): Promise<ShownDirectory>;
  showDirectory(input: { directory: string }, call?: Call): Promise<ShownDirectory>;
  directories(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly directories: readonly ShownDirectory[] }>;
  /** With everybody in it. */
  removeDirectory(input: { directory: string }, call?: Call): Promise<ShownDirectory>;
}

/** What somebody has of a role after it was given, or taken. */
export interface Assigned {
  readonly to: string;
  readonly roles: readonly string[];
  readonly clusterRoles: ClusterRoles;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const party = z.string().min(1).max(spelledPartyMax);
const peerName = z.string().min(1).max(nameLengthMax);
const clusterRoles: z.ZodType<ClusterRoles> = z.record(z.string(), z.array(z.string()));
const shown = {
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  home: clusterIdSchema,
  ownerName: z.string(),
  directory: federatedIdSchema,
};
const grant: z.ZodType<RoleGrant> = z.object({
  role: z.string(),
  by: z.string(),
  cluster: clusterIdSchema.optional(),
});
const account: z.ZodType<ShownAccount> = z.object({
  ...shown,
  principal: z.string() as unknown as z.ZodType<Principal>,
  displayName: z.string().optional(),
  email: z.string().optional(),
  disabled: z.boolean(),
  groups: z.array(z.string()),
  roles: z.array(z.string()),
  clusterRoles,
  clusters: z.array(clusterIdSchema),
  grants: z.array(grant),
});
const groupFields = {
  ...shown,
  description: z.string().optional(),
  roles: z.array(z.string()),
  clusterRoles,
  memberCount: natural,
};
const group: z.ZodType<ShownGroup> = z.object(groupFields);
const groupWithMembers: z.ZodType<GroupWithMembers> = z.object({
  ...groupFields,
  members: z.array(z.string() as unknown as z.ZodType<Principal>),
});
const role: z.ZodType<ShownRole> = z.object({
  role: z.string(),
  description: z.string().optional(),
  scopes: z.array(z.string()),
  builtIn: z.boolean(),
  holders: z.array(z.string()),
});
const directory: z.ZodType<ShownDirectory> = z.object({
  ...shown,
  description: z.string(),
  state: z.string().optional(),
  counts: z.boolean(),
  users: natural,
  groups: natural,
  services: natural,
  roles: natural,
});
const assigned: z.ZodType<{ given: Assigned }> = z.object({
  given: z.object({ to: z.string(), roles: z.array(z.string()), clusterRoles }),
});
const asking: z.ZodType<Asking> = z.strictObject({
  limit: z.number().int().min(1).max(pageMax).optional(),
  cursor: z.string().min(1).max(spelledPartyMax).optional(),
  home: peerName.optional(),
});
const expected = z.enum(['absent', 'present']).optional();
const accountWords = {
  directory: resourceNameSchema.optional(),
  expect: expected,
  displayName: displayNameSchema.or(z.literal('')).optional(),
  disabled: z.boolean().optional(),
  groups: z.array(wordSchema).max(groupsPerAccountMax).optional(),
  roles: z.array(wordSchema).max(rolesPerHolderMax).optional(),
  clusters: z.array(peerName).max(clustersPerAccountMax).optional(),
};
const nothing = z.strictObject({});
const assignment: z.ZodType<Assignment> = z.strictObject({
  role: wordSchema,
  to: party,
  cluster: peerName.optional(),
});
const membership = z.strictObject({ group: party, member: party });

const unfound = ['PRINCIPAL_UNKNOWN', 'LINK_NOT_FOUND'] as const;
const foreign = ['RESOURCE_READ_ONLY', 'LINK_NOT_FOUND'] as const;
const limits = ['STORE_LIMIT', 'CONFLICT'] as const;
const puttingErrors: readonly ErrorCode[] = [
  ...foreign,
  ...limits,
  'PRINCIPAL_UNKNOWN',
  'NAME_TAKEN',
  'RESOURCE_NOT_FOUND',
  'GROUP_NOT_FOUND',
  'ROLE_NOT_FOUND',
  'GRANT_WIDENED',
  'LAST_OWNER',
];

/** Of what is made or changed in a directory that was named: a role may be bound to it. */
function named({ directory: name }: { directory?: string | undefined }): string | undefined {
  return name === undefined ? undefined : `${directoryKind}/${name}`;
}

/** Of a directory as people spell it: `people`, `<peer>:people`. */
function spelled({ directory: text }: { directory: string }): string {
  const at = text.indexOf(':') + 1;
  return `${text.slice(0, at)}${directoryKind}/${withoutKind(directoryKind, text.slice(at))}`;
}

export const directoryContract: Contract<Directory> = {
  name: 'directory',
  version: 1,
  methods: {
    putUser: {
      summary: 'Makes a user, or changes what is said of one.',
      permission: 'directory.write',
      route: 'PUT /directory/users',
      input: z.strictObject({
        ...accountWords,
        user: party,
        email: emailSchema.or(z.literal('')).optional(),
      }),
      target: named,
      output: account,
      errors: puttingErrors,
    },
    showUser: {
      summary: 'Shows one user, of this cluster or of a linked one.',
      permission: 'directory.read',
      route: 'GET /directory/users/show',
      input: z.strictObject({ user: party }),
      output: account,
      errors: unfound,
    },
    users: {
      summary: 'Lists users, own ones first, page by page.',
      permission: 'directory.read',
      route: 'GET /directory/users',
      input: asking,
      output: z.object({ users: z.array(account), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    removeUser: {
      summary: 'Removes a user, with every role it has.',
      permission: 'directory.write',
      route: 'DELETE /directory/users',
      input: z.strictObject({ user: party }),
      output: account,
      errors: [...foreign, ...limits, 'PRINCIPAL_UNKNOWN', 'LAST_OWNER'],
    },
    putService: {
      summary: 'Makes a service account, or changes what is said of one.',
      permission: 'directory.write',
      route: 'PUT /directory/services',
      input: z.strictObject({ ...accountWords, service: party }),
      target: named,
      output: account,
      errors: puttingErrors,
    },
    showService: {
      summary: 'Shows one service account, of this cluster or of a linked one.',
      permission: 'directory.read',
      route: 'GET /directory/services/show',
      input: z.strictObject({ service: party }),
      output: account,
      errors: unfound,
    },
    services: {
      summary: 'Lists service accounts, own ones first, page by page.',
      permission: 'directory.read',
      route: 'GET /directory/services',
      input: asking,
      output: z.object({ services: z.array(account), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    removeService: {
      summary: 'Removes a service account, with every role it has.',
      permission: 'directory.write',
      route: 'DELETE /directory/services',
      input: z.strictObject({ service: party }),
      output: account,
      errors: [...foreign, ...limits, 'PRINCIPAL_UNKNOWN'],
    },
    putGroup: {
      summary: 'Makes a group, or changes its description.',
      permission: 'directory.write',
      route: 'PUT /directory/groups',
      input: z.strictObject({
        group: party,
        directory: resourceNameSchema.optional(),
        expect: expected,
        description: roleDescriptionSchema.or(z.literal('')).optional(),
      }),
      target: named,
      output: group,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'NAME_TAKEN', 'RESOURCE_NOT_FOUND'],
    },
    showGroup: {
      summary: 'Shows one group with its members.',
      permission: 'directory.read',
      route: 'GET /directory/groups/show',
      input: z.strictObject({ group: party }),
      output: groupWithMembers,
      errors: ['GROUP_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    groups: {
      summary: 'Lists groups, own ones first, page by page.',
      permission: 'directory.read',
      route: 'GET /directory/groups',
      input: asking,
      output: z.object({ groups: z.array(group), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    removeGroup: {
      summary: 'Removes a group; its members lose the roles that they had by it.',
      permission: 'directory.write',
      route: 'DELETE /directory/groups',
      input: z.strictObject({ group: party }),
      output: group,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'LAST_OWNER'],
    },
    addMember: {
      summary: 'Adds a user or service account to a group.',
      permission: 'directory.write',
      route: 'POST /directory/members',
      input: membership,
      output: groupWithMembers,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'PRINCIPAL_UNKNOWN', 'GRANT_WIDENED'],
    },
    removeMember: {
      summary: 'Takes a user or service account out of a group.',
      permission: 'directory.write',
      route: 'DELETE /directory/members',
      input: membership,
      output: groupWithMembers,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'PRINCIPAL_UNKNOWN', 'LAST_OWNER'],
    },
    defineRole: {
      summary: 'Defines a role by its scopes, or changes it.',
      permission: 'directory.write',
      route: 'PUT /directory/roles',
      input: z.strictObject({
        role: wordSchema,
        scopes: z.array(scopeSchema).max(scopesPerRoleMax),
        description: roleDescriptionSchema.or(z.literal('')).optional(),
        expect: expected,
      }),
      output: role,
      errors: [...limits, 'ROLE_BUILT_IN', 'ROLE_NOT_FOUND', 'NAME_TAKEN', 'GRANT_WIDENED'],
    },
    showRole: {
      summary: 'Shows one role, its scopes and who has it.',
      permission: 'directory.read',
      route: 'GET /directory/roles/show',
      input: z.strictObject({ role: wordSchema }),
      output: role,
      errors: ['ROLE_NOT_FOUND'],
    },
    roles: {
      summary: 'Lists the roles of this cluster, those that are built in among them.',
      permission: 'directory.read',
      route: 'GET /directory/roles',
      input: nothing,
      output: z.object({ roles: z.array(role) }),
      errors: [],
    },
    removeRole: {
      summary: 'Removes a role, and takes it from everybody who has it.',
      permission: 'directory.write',
      route: 'DELETE /directory/roles',
      input: z.strictObject({ role: wordSchema }),
      output: role,
      errors: [...limits, 'ROLE_BUILT_IN', 'ROLE_NOT_FOUND'],
    },
    assign: {
      summary: 'Gives a role to a user, service account or group.',
      permission: 'directory.write',
      route: 'POST /directory/assignments',
      input: assignment,
      output: assigned,
      errors: [
        ...foreign,
        ...limits,
        'ROLE_NOT_FOUND',
        'PRINCIPAL_UNKNOWN',
        'GROUP_NOT_FOUND',
        'GRANT_WIDENED',
      ],
    },
    unassign: {
      summary: 'Takes a role from a user, service account or group.',
      permission: 'directory.write',
      route: 'DELETE /directory/assignments',
      input: assignment,
      output: assigned,
      errors: [...foreign, ...limits, 'PRINCIPAL_UNKNOWN', 'GROUP_NOT_FOUND', 'LAST_OWNER'],
    },
    createDirectory: {
      summary: 'Makes an empty directory, to be shared by itself.',
      permission: 'directory.write',
      route: 'POST /directory/directories',
      input: z.strictObject({
        directory: resourceNameSchema,
        description: descriptionSchema.optional(),
      }),
      target: named,
      output: directory,
      errors: ['RESOURCE_EXISTS', 'STORE_LIMIT'],
    },
    showDirectory: {
      summary: 'Shows one directory, own or mirrored.',
      permission: 'directory.read',
      route: 'GET /directory/directories/show',
      input: z.strictObject({ directory: party }),
      target: spelled,
      output: directory,
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    directories: {
      summary: 'Lists own directories and mirrors.',
      permission: 'directory.read',
      route: 'GET /directory/directories',
      input: nothing,
      output: z.object({ directories: z.array(directory) }),
      errors: [],
    },
    removeDirectory: {
      summary: 'Removes an own directory with everybody in it.',
      permission: 'directory.write',
      route: 'DELETE /directory/directories',
      input: z.strictObject({ directory: party }),
      target: spelled,
      output: directory,
      errors: ['RESOURCE_NOT_FOUND', 'RESOURCE_READ_ONLY', 'LAST_OWNER', 'LINK_NOT_FOUND'],
    },
  },
};
