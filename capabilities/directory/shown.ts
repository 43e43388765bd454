// Who is known, as people read it: what the contract answers with.
import {
  clusterIdSchema,
  federatedIdSchema,
  type ClusterId,
  type FederatedId,
  type Principal,
} from '@hansa/foundation';
import { z } from 'zod';
import type { ClusterRoles } from './entries.ts';
import type { RoleDefinition, RoleGrant } from './uses.ts';

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
  readonly sinceMs: number;
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

/** What somebody has of a role after it was given, or taken. */
export interface Assigned {
  readonly to: string;
  readonly roles: readonly string[];
  readonly clusterRoles: ClusterRoles;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const clusterRoles: z.ZodType<ClusterRoles> = z.record(z.string(), z.array(z.string()));
const shownFields = {
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
export const accountSchema: z.ZodType<ShownAccount> = z.object({
  ...shownFields,
  principal: z.string() as unknown as z.ZodType<Principal>,
  sinceMs: natural,
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
  ...shownFields,
  description: z.string().optional(),
  roles: z.array(z.string()),
  clusterRoles,
  memberCount: natural,
};
export const groupSchema: z.ZodType<ShownGroup> = z.object(groupFields);
export const groupWithMembersSchema: z.ZodType<GroupWithMembers> = z.object({
  ...groupFields,
  members: z.array(z.string() as unknown as z.ZodType<Principal>),
});
export const roleSchema: z.ZodType<ShownRole> = z.object({
  role: z.string(),
  description: z.string().optional(),
  scopes: z.array(z.string()),
  builtIn: z.boolean(),
  holders: z.array(z.string()),
});
export const directorySchema: z.ZodType<ShownDirectory> = z.object({
  ...shownFields,
  description: z.string(),
  state: z.string().optional(),
  counts: z.boolean(),
  users: natural,
  groups: natural,
  services: natural,
  roles: natural,
});
export const assignedSchema: z.ZodType<{ given: Assigned }> = z.object({
  given: z.object({ to: z.string(), roles: z.array(z.string()), clusterRoles }),
});
