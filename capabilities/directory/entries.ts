// What a directory holds, as it is stored and as it crosses to other clusters: accounts, groups and
// role definitions. Strict, since a mirror checks by the same schemas what its owner has signed.
import {
  accountNameSchema,
  clusterIdSchema,
  readScope,
  scopeLengthMax,
  type ClusterId,
} from '@hansa/foundation';
import { z } from 'zod';

export const displayNameLengthMax = 128; // a name in a list
export const emailLengthMax = 254; // the longest that mail can deliver to (RFC 5321)
export const descriptionLengthMax = 512; // a sentence or two beside a name
export const groupsPerAccountMax = 64; // each is looked up when its member acts
export const rolesPerHolderMax = 256; // over all clusters together; more are a role of their own
export const clustersPerAccountMax = 256; // for tokens; more are not chosen one by one
export const scopesPerRoleMax = 256; // each is looked at by every decision of who has the role
export const wordLengthMax = 64; // the name of a group or role, as one types it

/** Roles by the id of the cluster that they are for. */
export type ClusterRoles = Readonly<Record<string, readonly string[]>>;

/** What may be given roles: an account or a group. */
export interface Holding {
  /** In every cluster that maps them, and here. */
  readonly roles: readonly string[];
  /** In one cluster alone. */
  readonly clusterRoles: ClusterRoles;
}

/** A user or service account. Lists are ascending, and name each once. */
export interface StoredAccount extends Holding {
  /** When it was made: whoever had the name before is somebody else. */
  readonly sinceMs: number;
  readonly displayName?: string | undefined;
  /** Of users alone. */
  readonly email?: string | undefined;
  readonly disabled: boolean;
  readonly groups: readonly string[];
  readonly clusters: readonly ClusterId[];
}

export interface StoredGroup extends Holding {
  readonly description?: string | undefined;
}

export interface StoredRole {
  readonly description?: string | undefined;
  readonly scopes: readonly string[];
}

export const wordSchema: z.ZodType<string> = z
  .string()
  .max(wordLengthMax)
  .regex(
    /^[a-z0-9_][a-z0-9_.-]*$/,
    'a group or role is named with lower-case letters, digits, ".", "-" and "_"',
  );

// What one person writes appears on another's terminal: nothing in it moves a cursor or turns the
// direction of the text.
const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

function line(lengthMax: number): z.ZodType<string> {
  return z
    .string()
    .min(1)
    .max(lengthMax)
    .refine((text) => !unprintable.test(text), 'a name or description is one line of plain text');
}

export const displayNameSchema: z.ZodType<string> = line(displayNameLengthMax);
export const roleDescriptionSchema: z.ZodType<string> = line(descriptionLengthMax);
export const emailSchema: z.ZodType<string> = line(emailLengthMax).refine(
  (text) => /^[^\s@"(),:;<>[\\\]]+@[A-Za-z0-9.-]+$/.test(text),
  'a mail address is written name@host',
);
export const scopeSchema: z.ZodType<string> = z
  .string()
  .max(scopeLengthMax)
  .refine(
    (text) => readScope(text) !== undefined,
    'a scope is verb:kind:name ("pull:git:team-a/*"), api:permission ("api:kv.read") or app:id',
  );

/** Ascending, and each once: so equal lists are equal bytes. */
function ascending<T extends string>(
  item: z.ZodType<T>,
  countMax: number,
): z.ZodType<readonly T[]> {
  return z
    .array(item)
    .max(countMax)
    .refine(
      (list) => list.every((each, at) => at === 0 || (list[at - 1] ?? '') < each),
      'a list is ascending, and names each once',
    );
}

const rolesSchema = ascending(wordSchema, rolesPerHolderMax);
const holding = {
  roles: rolesSchema,
  clusterRoles: z
    .record(z.string().regex(/^[0-9a-f]{64}$/), rolesSchema)
    .refine((roles) => Object.values(roles).every((list) => list.length > 0), 'no roles there'),
};

function countRoles({ roles, clusterRoles }: Holding): number {
  return Object.values(clusterRoles).reduce((sum, list) => sum + list.length, roles.length);
}

const fewRoles = [
  (held: Holding) => countRoles(held) <= rolesPerHolderMax,
  `at most ${rolesPerHolderMax} roles, over all clusters`,
] as const;

const accountFields = {
  ...holding,
  sinceMs: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  displayName: displayNameSchema.optional(),
  disabled: z.boolean(),
  groups: ascending(wordSchema, groupsPerAccountMax),
  clusters: ascending(clusterIdSchema, clustersPerAccountMax),
};
export const storedUserSchema: z.ZodType<StoredAccount> = z
  .strictObject({ ...accountFields, email: emailSchema.optional() })
  .refine(...fewRoles);
export const storedServiceSchema: z.ZodType<StoredAccount> = z
  .strictObject(accountFields)
  .refine(...fewRoles);
export const storedGroupSchema: z.ZodType<StoredGroup> = z
  .strictObject({ ...holding, description: roleDescriptionSchema.optional() })
  .refine(...fewRoles);
export const storedRoleSchema: z.ZodType<StoredRole> = z.strictObject({
  description: roleDescriptionSchema.optional(),
  scopes: ascending(scopeSchema, scopesPerRoleMax),
});

export const emptyAccount: StoredAccount = {
  sinceMs: 0,
  disabled: false,
  groups: [],
  roles: [],
  clusterRoles: {},
  clusters: [],
};
export const emptyGroup: StoredGroup = { roles: [], clusterRoles: {} };

/** One thing that a directory holds, under `<type>/<name>`. */
export type DirectoryEntry =
  | { readonly type: 'user' | 'service'; readonly name: string; readonly value: StoredAccount }
  | { readonly type: 'group'; readonly name: string; readonly value: StoredGroup }
  | { readonly type: 'role'; readonly name: string; readonly value: StoredRole };

export type EntryType = DirectoryEntry['type'];
export type AccountEntry = Extract<DirectoryEntry, { value: StoredAccount }>;
export type AccountType = AccountEntry['type'];
export type GroupEntry = Extract<DirectoryEntry, { type: 'group' }>;
export type RoleEntry = Extract<DirectoryEntry, { type: 'role' }>;

export const nameSchemas: Readonly<Record<EntryType, z.ZodType<string>>> = {
  user: accountNameSchema,
  service: accountNameSchema,
  group: wordSchema,
  role: wordSchema,
};

/** Ascending and each once, as a directory keeps its lists. */
export function ordered<T extends string>(list: Iterable<T>): readonly T[] {
  return [...new Set(list)].toSorted((one, other) => (one < other ? -1 : 1));
}

/** Every role that is held, wherever it counts. */
export function allRoles({ roles, clusterRoles }: Holding): readonly string[] {
  return ordered([...roles, ...Object.values(clusterRoles).flat()]);
}
