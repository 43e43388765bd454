// What is asked of a directory: the inputs of its contract, and their bounds.
import { nameLengthMax, resourceNameSchema } from '@hansa/foundation';
import { z } from 'zod';
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
} from './entries.ts';
import { spelledPartyMax } from './spelling.ts';

export const pageMax = 1_000; // rows of a page
export const pageDefault = 100; // what a person reads at once

/** Whether something has to be there before it is written: either where it is not said. */
export type Expected = 'absent' | 'present';

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

export interface Membership {
  group: string;
  member: string;
}

export interface RoleWords {
  role: string;
  /** All of them. */
  scopes: readonly string[];
  description?: string | undefined;
  expect?: Expected | undefined;
}

export interface Assignment {
  role: string;
  /** `anna`, `service:ci`, `group:ops`. */
  to: string;
  /** There alone, by name or id; everywhere where absent. */
  cluster?: string | undefined;
}

export const partySchema: z.ZodType<string> = z.string().min(1).max(spelledPartyMax);
const peerName = z.string().min(1).max(nameLengthMax);
export const askingSchema: z.ZodType<Asking> = z.strictObject({
  limit: z.number().int().min(1).max(pageMax).optional(),
  cursor: z.string().min(1).max(spelledPartyMax).optional(),
  home: peerName.optional(),
});
export const expectedSchema: z.ZodType<Expected | undefined> = z
  .enum(['absent', 'present'])
  .optional();
const accountWords = {
  directory: resourceNameSchema.optional(),
  expect: expectedSchema,
  displayName: displayNameSchema.or(z.literal('')).optional(),
  disabled: z.boolean().optional(),
  groups: z.array(wordSchema).max(groupsPerAccountMax).optional(),
  roles: z.array(wordSchema).max(rolesPerHolderMax).optional(),
  clusters: z.array(peerName).max(clustersPerAccountMax).optional(),
};
export const putUserSchema: z.ZodType<PutUser> = z.strictObject({
  ...accountWords,
  user: partySchema,
  email: emailSchema.or(z.literal('')).optional(),
});
export const putServiceSchema: z.ZodType<PutService> = z.strictObject({
  ...accountWords,
  service: partySchema,
});
export const putGroupSchema: z.ZodType<PutGroup> = z.strictObject({
  group: partySchema,
  directory: resourceNameSchema.optional(),
  expect: expectedSchema,
  description: roleDescriptionSchema.or(z.literal('')).optional(),
});
export const membershipSchema: z.ZodType<Membership> = z.strictObject({
  group: partySchema,
  member: partySchema,
});
export const definitionSchema: z.ZodType<RoleWords> = z.strictObject({
  role: wordSchema,
  scopes: z.array(scopeSchema).max(scopesPerRoleMax),
  description: roleDescriptionSchema.or(z.literal('')).optional(),
  expect: expectedSchema,
});
export const assignmentSchema: z.ZodType<Assignment> = z.strictObject({
  role: wordSchema,
  to: partySchema,
  cluster: peerName.optional(),
});
