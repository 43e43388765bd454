// People, groups, service accounts and roles: written by the cluster that vouches for them, shared
// and mirrored like any resource. Nothing of it is secret; passwords belong to logins.
import {
  resourceNameSchema,
  withoutKind,
  type Call,
  type Contract,
  type ErrorCode,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema } from '../resources/contract.ts';
import { about } from './about.ts';
import {
  askingSchema,
  assignmentSchema,
  definitionSchema,
  membershipSchema,
  partySchema,
  putGroupSchema,
  putServiceSchema,
  putUserSchema,
  type Asking,
  type Assignment,
  type Membership,
  type PutGroup,
  type PutService,
  type PutUser,
  type RoleWords,
} from './asked.ts';
import { wordSchema } from './entries.ts';
import {
  accountSchema,
  assignedSchema,
  directorySchema,
  groupSchema,
  groupWithMembersSchema,
  roleSchema,
  type Assigned,
  type GroupWithMembers,
  type ShownAccount,
  type ShownDirectory,
  type ShownGroup,
  type ShownRole,
} from './shown.ts';

export {
  pageDefault,
  pageMax,
  type Asking,
  type Assignment,
  type Expected,
  type PutGroup,
  type PutService,
  type PutUser,
} from './asked.ts';
export type { RoleGrant, Account, RoleDefinition, Directories } from './uses.ts';
export { builtInRole, builtInRoles, ownerRole } from './built-in.ts';
export { wordSchema as roleNameSchema, type ClusterRoles } from './entries.ts';
export type {
  Assigned,
  GroupWithMembers,
  ShownAccount,
  ShownDirectory,
  ShownGroup,
  ShownRole,
} from './shown.ts';
export { readParty, spellParty, type PartyType, type SpelledParty } from './spelling.ts';

export const directoryKind = 'directory';
/** Where whoever is added goes, if nothing else is said; made by its first use. */
export const defaultDirectory = 'people';

export const directoriesMax = 100; // own ones: a tenth of a second to read all at a start
// of one directory: all of them are held in memory, and read anew when it changes
export const entriesMax = 10_000;
// of the same: what one owner may cost us in memory
export const directoryBytesMax: number = 8 * 1_024 * 1_024;
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
  addMember(input: Membership, call?: Call): Promise<GroupWithMembers>;
  removeMember(input: Membership, call?: Call): Promise<GroupWithMembers>;
  /** GRANT_WIDENED where its scopes are not all the caller's. */
  defineRole(input: RoleWords, call?: Call): Promise<ShownRole>;
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
      input: putUserSchema,
      target: named,
      about: about.user,
      output: accountSchema,
      errors: puttingErrors,
    },
    showUser: {
      summary: 'Shows one user, of this cluster or of a linked one.',
      permission: 'directory.read',
      route: 'GET /directory/users/show',
      input: z.strictObject({ user: partySchema }),
      output: accountSchema,
      errors: unfound,
    },
    users: {
      summary: 'Lists users, own ones first, page by page.',
      permission: 'directory.read',
      route: 'GET /directory/users',
      input: askingSchema,
      output: z.object({ users: z.array(accountSchema), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    removeUser: {
      summary: 'Removes a user, with every role it has.',
      permission: 'directory.write',
      route: 'DELETE /directory/users',
      input: z.strictObject({ user: partySchema }),
      about: about.user,
      output: accountSchema,
      errors: [...foreign, ...limits, 'PRINCIPAL_UNKNOWN', 'LAST_OWNER'],
    },
    putService: {
      summary: 'Makes a service account, or changes what is said of one.',
      permission: 'directory.write',
      route: 'PUT /directory/services',
      input: putServiceSchema,
      target: named,
      about: about.service,
      output: accountSchema,
      errors: puttingErrors,
    },
    showService: {
      summary: 'Shows one service account, of this cluster or of a linked one.',
      permission: 'directory.read',
      route: 'GET /directory/services/show',
      input: z.strictObject({ service: partySchema }),
      output: accountSchema,
      errors: unfound,
    },
    services: {
      summary: 'Lists service accounts, own ones first, page by page.',
      permission: 'directory.read',
      route: 'GET /directory/services',
      input: askingSchema,
      output: z.object({ services: z.array(accountSchema), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    removeService: {
      summary: 'Removes a service account, with every role it has.',
      permission: 'directory.write',
      route: 'DELETE /directory/services',
      input: z.strictObject({ service: partySchema }),
      about: about.service,
      output: accountSchema,
      errors: [...foreign, ...limits, 'PRINCIPAL_UNKNOWN'],
    },
    putGroup: {
      summary: 'Makes a group, or changes its description.',
      permission: 'directory.write',
      route: 'PUT /directory/groups',
      input: putGroupSchema,
      target: named,
      about: about.group,
      output: groupSchema,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'NAME_TAKEN', 'RESOURCE_NOT_FOUND'],
    },
    showGroup: {
      summary: 'Shows one group with its members.',
      permission: 'directory.read',
      route: 'GET /directory/groups/show',
      input: z.strictObject({ group: partySchema }),
      output: groupWithMembersSchema,
      errors: ['GROUP_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    groups: {
      summary: 'Lists groups, own ones first, page by page.',
      permission: 'directory.read',
      route: 'GET /directory/groups',
      input: askingSchema,
      output: z.object({ groups: z.array(groupSchema), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    removeGroup: {
      summary: 'Removes a group; its members lose the roles that they had by it.',
      permission: 'directory.write',
      route: 'DELETE /directory/groups',
      input: z.strictObject({ group: partySchema }),
      about: about.group,
      output: groupSchema,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'LAST_OWNER', 'GRANT_WIDENED'],
    },
    addMember: {
      summary: 'Adds a user or service account to a group.',
      permission: 'directory.write',
      route: 'POST /directory/members',
      input: membershipSchema,
      about: about.membership,
      output: groupWithMembersSchema,
      errors: [...foreign, ...limits, 'GROUP_NOT_FOUND', 'PRINCIPAL_UNKNOWN', 'GRANT_WIDENED'],
    },
    removeMember: {
      summary: 'Takes a user or service account out of a group.',
      permission: 'directory.write',
      route: 'DELETE /directory/members',
      input: membershipSchema,
      about: about.membership,
      output: groupWithMembersSchema,
      errors: [
        ...foreign,
        ...limits,
        'GROUP_NOT_FOUND',
        'PRINCIPAL_UNKNOWN',
        'LAST_OWNER',
        'GRANT_WIDENED',
      ],
    },
    defineRole: {
      summary: 'Defines a role by its scopes, or changes it.',
      permission: 'directory.write',
      route: 'PUT /directory/roles',
      input: definitionSchema,
      about: about.role,
      output: roleSchema,
      errors: [...limits, 'ROLE_BUILT_IN', 'ROLE_NOT_FOUND', 'NAME_TAKEN', 'GRANT_WIDENED'],
    },
    showRole: {
      summary: 'Shows one role, its scopes and who has it.',
      permission: 'directory.read',
      route: 'GET /directory/roles/show',
      input: z.strictObject({ role: wordSchema }),
      output: roleSchema,
      errors: ['ROLE_NOT_FOUND'],
    },
    roles: {
      summary: 'Lists the roles of this cluster, those that are built in among them.',
      permission: 'directory.read',
      route: 'GET /directory/roles',
      input: z.strictObject({}),
      output: z.object({ roles: z.array(roleSchema) }),
      errors: [],
    },
    removeRole: {
      summary: 'Removes a role, and takes it from everybody who has it.',
      permission: 'directory.write',
      route: 'DELETE /directory/roles',
      input: z.strictObject({ role: wordSchema }),
      about: about.role,
      output: roleSchema,
      errors: [...limits, 'ROLE_BUILT_IN', 'ROLE_NOT_FOUND', 'GRANT_WIDENED'],
    },
    assign: {
      summary: 'Gives a role to a user, service account or group.',
      permission: 'directory.write',
      route: 'POST /directory/assignments',
      input: assignmentSchema,
      about: about.assignment,
      output: assignedSchema,
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
      input: assignmentSchema,
      about: about.assignment,
      output: assignedSchema,
      errors: [
        ...foreign,
        ...limits,
        'PRINCIPAL_UNKNOWN',
        'GROUP_NOT_FOUND',
        'LAST_OWNER',
        'GRANT_WIDENED',
      ],
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
      output: directorySchema,
      errors: ['RESOURCE_EXISTS', 'STORE_LIMIT'],
    },
    showDirectory: {
      summary: 'Shows one directory, own or mirrored.',
      permission: 'directory.read',
      route: 'GET /directory/directories/show',
      input: z.strictObject({ directory: partySchema }),
      target: spelled,
      output: directorySchema,
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    directories: {
      summary: 'Lists own directories and mirrors.',
      permission: 'directory.read',
      route: 'GET /directory/directories',
      input: z.strictObject({}),
      output: z.object({ directories: z.array(directorySchema) }),
      errors: [],
    },
    removeDirectory: {
      summary: 'Removes an own directory with everybody in it.',
      permission: 'directory.write',
      route: 'DELETE /directory/directories',
      input: z.strictObject({ directory: partySchema }),
      target: spelled,
      output: directorySchema,
      errors: ['RESOURCE_NOT_FOUND', 'RESOURCE_READ_ONLY', 'LAST_OWNER', 'LINK_NOT_FOUND'],
    },
  },
};
