// Git repositories of this cluster, and mirrors of others', spoken to by stock git.
import {
  federatedIdSchema,
  localId,
  nameLengthMax,
  resourceNameSchema,
  targetSpelled,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema, labelsSchema } from '../resources/contract.ts';

export const gitKind = 'git';
export const refsInlineMax = 100; // above, the ref table is a blob of its own
// a table of about 10 MB; larger ones are not repositories but archives
export const refsMax = 100_000;
export const packBytesMax: number = 8 * 1_024 * 1_024 * 1_024; // one push
export const refsShownMax = 1_000; // what `repo show` lists
export const protectionsMax = 64; // every moved ref is held against each
export const delegatesMax = 32; // of one protection: people who know each other

export interface Repository {
  readonly resource: FederatedId;
  readonly name: string;
  /** `own`, or `mirror` of another cluster's. */
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Below the API's address: `/git/hansa.git`, `/git/@lubeck/hansa.git`. */
  readonly path: string;
  /** The whole address for stock git, as this node serves it. */
  readonly url: string;
  readonly head: string;
  readonly refCount: number;
  readonly packCount: number;
  readonly sizeBytes: number;
  readonly epoch: number;
  readonly sequence: number;
}

export interface ShownRef {
  readonly name: string;
  readonly target: string;
}

/** Refs that move only when enough delegates have signed the move. */
export interface Protection {
  /** `refs/heads/main`, or a beginning that ends in `*`: `refs/heads/release/*`. */
  readonly pattern: string;
  /** How many of the delegates must sign. */
  readonly threshold: number;
  /** Ed25519 public keys, hex; a cluster's present key is one. */
  readonly delegates: readonly string[];
}

export interface ShownRepository extends Repository {
  readonly protections: readonly Protection[];
  /** The first 1,000, by name. */
  readonly refs: readonly ShownRef[];
}

/** Repositories that stock git clones, fetches and pushes. */
export interface Forge {
  create(
    input: {
      name: string;
      description?: string | undefined;
      labels?: Readonly<Record<string, string>> | undefined;
    },
    call?: Call,
  ): Promise<Repository>;
  /** Own repositories and mirrors. */
  list(input: Record<string, never>, call?: Call): Promise<{ repositories: readonly Repository[] }>;
  /** `hansa`, or `lubeck:hansa` for a mirror. */
  show(input: { name: string }, call?: Call): Promise<ShownRepository>;
  /** Deletes an own repository with its history; mirrors elsewhere keep what they have. */
  delete(input: { name: string }, call?: Call): Promise<Repository>;
  /**
   * Sets which refs only delegates may move; those that stand are changed by their delegates alone.
   */
  protect(
    input: { name: string; protections: readonly Protection[] },
    call?: Call,
  ): Promise<{ readonly name: string; readonly protections: readonly Protection[] }>;
  /**
   * Records a delegate's word that a ref may move from where it is now; of this cluster's own key,
   * unless a delegate and its signature are given. For a mirror it goes into our lane.
   */
  sign(
    input: {
      name: string;
      ref: string;
      to: string;
      delegate?: string | undefined;
      signature?: string | undefined;
    },
    call?: Call,
  ): Promise<SignedRef>;
}

/** What was signed, and by whom. */
export interface SignedRef {
  readonly ref: string;
  readonly from: string;
  readonly to: string;
  readonly delegate: string;
}

const repositoryFields = {
  resource: federatedIdSchema,
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  ownerName: z.string(),
  description: z.string(),
  labels: labelsSchema,
  path: z.string(),
  url: z.string(),
  head: z.string(),
  refCount: z.number(),
  packCount: z.number(),
  sizeBytes: z.number(),
  epoch: z.number(),
  sequence: z.number(),
};
const repository: z.ZodType<Repository> = z.object(repositoryFields);
const publicKey = z.string().regex(/^[0-9a-f]{64}$/, 'a public key is 64 lower-case hex digits');
const object = z
  .string()
  .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})?$/, 'an object id is 40 or 64 lower-case hex digits');
export const protectionSchema: z.ZodType<Protection> = z
  .strictObject({
    pattern: z
      .string()
      .max(1_024)
      .regex(/^refs\/[^*\s]+\*?$/, 'a pattern is a full ref name, or its beginning and "*"'),
    threshold: z.number().int().min(1).max(delegatesMax),
    delegates: z.array(publicKey).min(1).max(delegatesMax),
  })
  .refine(
    ({ threshold, delegates }) => threshold <= new Set(delegates).size,
    'more signatures are asked for than there are delegates',
  );
const protections = z.array(protectionSchema).max(protectionsMax);
const named = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(nameLengthMax + 128),
});

/** Own ones are named without their kind, and whoever begins a name with it means what it says. */
function repositoryTarget({ name }: { readonly name: string }): string {
  return name.includes(':') ? targetSpelled(gitKind, name) : localId(gitKind, name);
}

export const forgeContract: Contract<Forge> = {
  name: 'forge',
  version: 1,
  methods: {
    create: {
      summary: 'Makes an empty repository.',
      permission: 'forge.write',
      route: 'POST /repositories',
      input: z.strictObject({
        name: resourceNameSchema,
        description: descriptionSchema.optional(),
        labels: labelsSchema.optional(),
      }),
      target: repositoryTarget,
      output: repository,
      errors: ['RESOURCE_EXISTS', 'GIT_MISSING'],
    },
    list: {
      summary: 'Lists own repositories and mirrors.',
      permission: 'forge.read',
      route: 'GET /repositories',
      input: z.strictObject({}),
      output: z.object({ repositories: z.array(repository) }),
      errors: [],
    },
    show: {
      summary: 'Shows a repository with its refs.',
      permission: 'forge.read',
      route: 'GET /repositories/show',
      input: named,
      target: repositoryTarget,
      output: z.object({
        ...repositoryFields,
        refs: z.array(z.object({ name: z.string(), target: z.string() })),
        protections,
      }),
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND'],
    },
    protect: {
      summary: 'Sets which refs move only when enough delegates have signed.',
      permission: 'forge.write',
      route: 'PUT /repositories/protections',
      input: z.strictObject({ name: resourceNameSchema, protections }),
      target: repositoryTarget,
      output: z.object({ name: z.string(), protections }),
      errors: ['RESOURCE_NOT_FOUND', 'REF_UNSIGNED', 'CONFLICT'],
    },
    sign: {
      summary: 'Records a delegate’s signature that a ref may move from where it is now.',
      permission: 'forge.write',
      route: 'POST /repositories/signatures',
      input: z.strictObject({
        name: z
          .string()
          .min(1)
          .max(nameLengthMax + 128),
        ref: z.string().min(1).max(1_024),
        to: object,
        delegate: publicKey.optional(),
        signature: z
          .string()
          .regex(/^[0-9a-f]{128}$/, 'a signature is 128 lower-case hex digits')
          .optional(),
      }),
      target: repositoryTarget,
      output: z.object({
        ref: z.string(),
        from: z.string(),
        to: z.string(),
        delegate: z.string(),
      }),
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'SIGNATURE_INVALID', 'CONFLICT'],
    },
    delete: {
      summary: 'Deletes an own repository with its history.',
      permission: 'forge.write',
      route: 'DELETE /repositories',
      input: named,
      target: repositoryTarget,
      output: repository,
      errors: ['RESOURCE_NOT_FOUND', 'RESOURCE_READ_ONLY'],
    },
  },
};
