// Identity providers as people describe them: who they are, and which of those whom they vouch for
// are let in as whom.
import { accountNameSchema } from '@hansa/foundation';
import { z } from 'zod';
import { loginFields } from './fields.ts';

export const providersMax = 16; // of one cluster: a company, its mother and a few forges
export const bindingsMax = 20_000; // two for each user who may have a password
export const groupsMappedMax = 64; // groups of a provider that mean something here

/** What is kept of a provider; its secret is never shown again. */
export interface Provider {
  readonly provider: string;
  /** The address of its discovery; what it signs must name the same. */
  readonly issuer: string;
  /** What this cluster is called there. */
  readonly client: string;
  readonly hasSecret: boolean;
  /** Asked for besides `openid`. */
  readonly scopes: readonly string[];
  /** Where browsers reach this cluster, if not at its own address: `https://hansa.example`. */
  readonly at?: string | undefined;
  /** What it says about groups stands in this claim. */
  readonly groupsClaim: string;
  /** A group of the provider, and the group here that its people are in. */
  readonly groups: Readonly<Record<string, string>>;
  /** Users whom it knows and nobody here does are made, with this role where it is given. */
  readonly create: boolean;
  readonly role?: string | undefined;
}

export interface ProviderWish {
  readonly provider: string;
  readonly issuer: string;
  readonly client: string;
  /** Kept as it was where absent; none where empty. */
  readonly secret?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly at?: string | undefined;
  readonly groupsClaim?: string | undefined;
  readonly groups?: Readonly<Record<string, string>> | undefined;
  readonly create?: boolean | undefined;
  readonly role?: string | undefined;
}

export interface Binding {
  readonly provider: string;
  readonly subject: string;
  readonly user: string;
  /** `operator`, `e-mail` or `creation`. */
  readonly by: string;
  readonly atMs: number;
}

const word = z
  .string()
  .min(1)
  .max(128)
  .regex(/^\P{C}*$/u);
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/, 'a scope has no spaces');
const groups = z
  .record(word, accountNameSchema)
  .refine((map) => Object.keys(map).length <= groupsMappedMax, 'too many groups are mapped');
const address = z.url({ protocol: /^https?$/ }).max(512);
const role = z.string().min(1).max(64);

const shown = {
  provider: loginFields.provider,
  issuer: address,
  client: word,
  scopes: z.array(scope).max(16),
  at: address.optional(),
  groupsClaim: word,
  groups,
  create: z.boolean(),
  role: role.optional(),
};

export const providerSchema: z.ZodType<Provider> = z.object({ ...shown, hasSecret: z.boolean() });

export const providerInput: z.ZodType<ProviderWish> = z.strictObject({
  ...shown,
  secret: z.string().max(512).optional(),
  scopes: shown.scopes.optional(),
  groupsClaim: shown.groupsClaim.optional(),
  groups: groups.optional(),
  create: z.boolean().optional(),
});

export const bindingSchema: z.ZodType<Binding> = z.object({
  provider: loginFields.provider,
  subject: loginFields.subject,
  user: accountNameSchema,
  by: z.string(),
  atMs: z.number(),
});
