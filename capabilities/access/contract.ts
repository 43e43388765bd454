// Who may what, and why: decisions explained, roles of other clusters mapped to ours, and policies
// that operators write beside the roles.
import {
  clusterIdSchema,
  nameLengthMax,
  scopeLengthMax,
  type Call,
  type ClusterId,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';
import type { Decision } from './uses.ts';

export type { AccessControl, AccountChange, Decision } from './uses.ts';

/** Whoever has it may everything; that it is so stands here, and not in its scopes. */
export const ownerRoleName = 'owner';

// as many as there may be links; a decision reads those of one cluster
export const mapsMax = 1_024;
export const accessPoliciesMax = 256; // every decision that is not kept asks all of them
export const policyTextLengthMax: number = 8 * 1_024; // pages; who needs more needs two policies
// each some hundred bytes: a few MiB for what people do again and again
export const decisionsKeptMax = 16_384;
export const whoCanMax = 1_000; // rows of one answer; every one of them is a decision
export const planChangesMax = 256; // what a person reads before saying yes
// a second of work or two; a plan for more people looks at the first of them, and says so
export const planDecisionsMax = 4_096;
export const planTargetsMax = 16; // resources that a plan looks at besides all of them at once
export const assumedScopesMax = 32; // as many as a token has
export const spelledPrincipalMax: number = 3 * nameLengthMax; // a kind, a name and a peer
export const spelledTargetMax: number = 3 * nameLengthMax; // a peer, a kind and a name

/** A decision for one principal, as if it asked now. */
export interface Explained extends Decision {
  readonly principal: string;
  readonly displayName?: string | undefined;
  readonly permission: string;
  readonly target?: string | undefined;
  /** Whether the account is there and let in. */
  readonly known: boolean;
  /** Whether the given scopes of a token would let it through; absent where none were given. */
  readonly withinScopes?: boolean | undefined;
}

export interface Able {
  readonly principal: string;
  readonly displayName?: string | undefined;
  /** Roles and policies that let it. */
  readonly policies: readonly string[];
}

/** Who a caller is, as this cluster sees it now. */
export interface Myself {
  readonly kind: 'owner' | 'anonymous' | 'cluster' | 'principal' | 'token';
  readonly principal?: string | undefined;
  readonly displayName?: string | undefined;
  /** What it came with: a session, a certificate, a token's id. */
  readonly proof?: string | undefined;
  readonly roles: readonly { readonly role: string; readonly because: string }[];
  /** Everything, for the owner; otherwise what the scopes say. */
  readonly all: boolean;
  readonly scopes: readonly string[];
  /** When what it came with ends. */
  readonly expiresMs?: number | undefined;
}

/** A permission with all that needs it. */
export interface PermissionRow {
  readonly permission: string;
  readonly uses: readonly { readonly call: string; readonly summary: string }[];
}

/** Whoever has the left side in its own cluster has the role here. */
export interface RoleMap {
  readonly cluster: ClusterId;
  readonly name?: string | undefined;
  /** `role:admin`, `group:ops`, `user:anna` or `service:ci`. */
  readonly from: string;
  readonly role: string;
}

export interface AccessPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** By its head alone; its conditions can only make it narrower. */
  readonly permissions: readonly string[];
  readonly text: string;
  readonly writtenMs: number;
}

/** Whose decision would be another. */
export interface PolicyPlan {
  readonly effect: 'permit' | 'forbid';
  readonly permissions: readonly string[];
  readonly changes: readonly {
    readonly principal: string;
    readonly permission: string;
    readonly target?: string | undefined;
    readonly before: boolean;
    readonly after: boolean;
  }[];
  /** There are more changes, or more people, than were looked at. */
  readonly truncated: boolean;
}

export interface Access {
  /** Whether somebody may, and what decides it. */
  why(
    input: {
      principal: string;
      permission: string;
      target?: string | undefined;
      /** As if through a token of these scopes. */
      scopes?: readonly string[] | undefined;
    },
    call?: Call,
  ): Promise<Explained>;
  /** The same about the caller itself, whoever that is: nobody needs a right to be told. */
  whyMe(
    input: { permission: string; target?: string | undefined },
    call?: Call,
  ): Promise<Explained>;
  whoCan(
    input: { permission: string; target?: string | undefined },
    call?: Call,
  ): Promise<{ readonly principals: readonly Able[]; readonly truncated: boolean }>;
  whoami(input: Record<string, never>, call?: Call): Promise<Myself>;
  permissions(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly permissions: readonly PermissionRow[] }>;
  /** Nobody maps to a role that says more than they may themselves. */
  map(input: { peer: string; from: string; role: string }, call?: Call): Promise<RoleMap>;
  unmap(
    input: { peer: string; from: string; role?: string | undefined },
    call?: Call,
  ): Promise<{ readonly removed: readonly RoleMap[] }>;
  maps(
    input: { peer?: string | undefined },
    call?: Call,
  ): Promise<{ readonly maps: readonly RoleMap[] }>;
  /** Nobody permits, nor stops forbidding, what they may not themselves. */
  putPolicy(input: { id: string; text: string }, call?: Call): Promise<AccessPolicy>;
  /** What putting this text would change; without a text, what removing the policy would. */
  planPolicy(
    input: {
      id: string;
      text?: string | undefined;
      targets?: readonly string[] | undefined;
    },
    call?: Call,
  ): Promise<PolicyPlan>;
  policies(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly policies: readonly AccessPolicy[] }>;
  policy(input: { id: string }, call?: Call): Promise<AccessPolicy>;
  removePolicy(input: { id: string }, call?: Call): Promise<AccessPolicy>;
}

const policyId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, 'a policy id is a word of lower-case letters, digits and "-"');
const policyText = z.string().min(1).max(policyTextLengthMax);
const from = z
  .string()
  .max(nameLengthMax)
  .regex(
    /^(?:role|group|user|service):[a-z0-9_][a-z0-9_./-]*$/,
    'what is mapped is role:<name>, group:<name>, user:<name> or service:<name> of that cluster',
  );
const peer = z.string().min(1).max(nameLengthMax);
const role = z.string().min(1).max(nameLengthMax);
const principal = z.string().min(1).max(spelledPrincipalMax);
const permission = z.string().min(1).max(nameLengthMax);
const target = z.string().min(1).max(spelledTargetMax);
const nothing = z.strictObject({});

/** What is stored fits the same schemas. */
export const accessFields: {
  readonly from: z.ZodType<string>;
  readonly policyId: z.ZodType<string>;
  readonly policyText: z.ZodType<string>;
} = { from, policyId, policyText };

const countingRoles = z.array(z.object({ role: z.string(), because: z.string() }));
const explained: z.ZodType<Explained> = z.object({
  principal: z.string(),
  displayName: z.string().optional(),
  permission: z.string(),
  target: z.string().optional(),
  known: z.boolean(),
  withinScopes: z.boolean().optional(),
  allowed: z.boolean(),
  reason: z.string(),
  policies: z.array(z.string()),
  roles: countingRoles,
});
const effect = z.enum(['permit', 'forbid']);
const map: z.ZodType<RoleMap> = z.object({
  cluster: clusterIdSchema,
  name: z.string().optional(),
  from: z.string(),
  role: z.string(),
});
const policy: z.ZodType<AccessPolicy> = z.object({
  id: z.string(),
  effect,
  permissions: z.array(z.string()),
  text: z.string(),
  writtenMs: z.number(),
});

export const accessContract: Contract<Access> = {
  name: 'access',
  version: 1,
  methods: {
    why: {
      summary: 'Explains whether somebody may use a permission, and what decides it.',
      permission: 'access.read',
      route: 'POST /access/why',
      input: z.strictObject({
        principal,
        permission,
        target: target.optional(),
        scopes: z.array(z.string().min(1).max(scopeLengthMax)).max(assumedScopesMax).optional(),
      }),
      output: explained,
      errors: ['LINK_NOT_FOUND'],
    },
    whyMe: {
      summary: 'Explains to callers whether they may use a permission themselves.',
      permission: 'open',
      route: 'POST /whoami/why',
      input: z.strictObject({ permission, target: target.optional() }),
      output: explained,
      errors: [],
    },
    whoCan: {
      summary: 'Lists who may use a permission, and what lets them.',
      permission: 'access.read',
      route: 'POST /access/who-can',
      input: z.strictObject({ permission, target: target.optional() }),
      output: z.object({
        principals: z
          .array(
            z.object({
              principal: z.string(),
              displayName: z.string().optional(),
              policies: z.array(z.string()),
            }),
          )
          .max(whoCanMax),
        truncated: z.boolean(),
      }),
      errors: [],
    },
    whoami: {
      summary: 'Tells callers who they are here, what they may, and until when.',
      permission: 'open',
      route: 'GET /whoami',
      input: nothing,
      output: z.object({
        kind: z.enum(['owner', 'anonymous', 'cluster', 'principal', 'token']),
        principal: z.string().optional(),
        displayName: z.string().optional(),
        proof: z.string().optional(),
        roles: countingRoles,
        all: z.boolean(),
        scopes: z.array(z.string()),
        expiresMs: z.number().optional(),
      }),
      errors: [],
    },
    permissions: {
      summary: 'Lists every permission with the calls that need it.',
      permission: 'access.read',
      route: 'GET /access/permissions',
      input: nothing,
      output: z.object({
        permissions: z.array(
          z.object({
            permission: z.string(),
            uses: z.array(z.object({ call: z.string(), summary: z.string() })),
          }),
        ),
      }),
      errors: [],
    },
    map: {
      summary: 'Lets a role, group or account of another cluster have a role here.',
      permission: 'access.write',
      route: 'PUT /access/maps',
      input: z.strictObject({ peer, from, role }),
      about: ({ from: theirs, peer: of }) => `${theirs} of ${of}`,
      output: map,
      errors: ['GRANT_WIDENED', 'LINK_NOT_FOUND', 'ROLE_NOT_FOUND', 'STORE_LIMIT'],
    },
    unmap: {
      summary: 'Lets it have that role no more; without a role, none.',
      permission: 'access.write',
      route: 'DELETE /access/maps',
      input: z.strictObject({ peer, from, role: role.optional() }),
      about: ({ from: theirs, peer: of }) => `${theirs} of ${of}`,
      output: z.object({ removed: z.array(map) }),
      errors: ['LINK_NOT_FOUND', 'ROLE_MAP_NOT_FOUND'],
    },
    maps: {
      summary: 'Lists what roles, groups and accounts of other clusters are here.',
      permission: 'access.read',
      route: 'GET /access/maps',
      input: z.strictObject({ peer: peer.optional() }),
      output: z.object({ maps: z.array(map).max(mapsMax) }),
      errors: ['LINK_NOT_FOUND'],
    },
    putPolicy: {
      summary: 'Writes an access policy beside the roles; what forbids wins.',
      permission: 'access.write',
      route: 'PUT /access/policies/:id',
      input: z.strictObject({ id: policyId, text: policyText }),
      about: ({ id }) => `policy:${id}`,
      output: policy,
      errors: ['GRANT_WIDENED', 'STORE_LIMIT'],
    },
    planPolicy: {
      summary: 'Tells whose decisions a policy, or its removal, would change.',
      permission: 'access.read',
      route: 'POST /access/policies/:id/plan',
      input: z.strictObject({
        id: policyId,
        text: policyText.optional(),
        targets: z.array(target).max(planTargetsMax).optional(),
      }),
      output: z.object({
        effect,
        permissions: z.array(z.string()),
        changes: z
          .array(
            z.object({
              principal: z.string(),
              permission: z.string(),
              target: z.string().optional(),
              before: z.boolean(),
              after: z.boolean(),
            }),
          )
          .max(planChangesMax),
        truncated: z.boolean(),
      }),
      errors: ['ACCESS_POLICY_NOT_FOUND'],
    },
    policies: {
      summary: 'Lists the access policies that operators wrote.',
      permission: 'access.read',
      route: 'GET /access/policies',
      input: nothing,
      output: z.object({ policies: z.array(policy).max(accessPoliciesMax) }),
      errors: [],
    },
    policy: {
      summary: 'Shows one access policy with its text.',
      permission: 'access.read',
      route: 'GET /access/policies/:id',
      input: z.strictObject({ id: policyId }),
      output: policy,
      errors: ['ACCESS_POLICY_NOT_FOUND'],
    },
    removePolicy: {
      summary: 'Removes an access policy.',
      permission: 'access.write',
      route: 'DELETE /access/policies/:id',
      input: z.strictObject({ id: policyId }),
      about: ({ id }) => `policy:${id}`,
      output: policy,
      errors: ['ACCESS_POLICY_NOT_FOUND', 'GRANT_WIDENED'],
    },
  },
};
