// Git repositories of this cluster, and mirrors of others', spoken to by stock git.
import {
  federatedIdSchema,
  nameLengthMax,
  resourceNameSchema,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { labelsSchema } from '../resources/contract.ts';

export const gitKind = 'git';
export const refsInlineMax = 100; // above, the ref table is a blob of its own
// a table of about 10 MB; larger ones are not repositories but archives
export const refsMax = 100_000;
export const packBytesMax: number = 8 * 1_024 * 1_024 * 1_024; // one push
export const refsShownMax = 1_000; // what `repo show` lists

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

export interface ShownRepository extends Repository {
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
const named = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(nameLengthMax + 128),
});

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
        description: z.string().max(1_024).optional(),
        labels: labelsSchema.optional(),
      }),
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
      output: z.object({
        ...repositoryFields,
        refs: z.array(z.object({ name: z.string(), target: z.string() })),
      }),
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND'],
    },
    delete: {
      summary: 'Deletes an own repository with its history.',
      permission: 'forge.write',
      route: 'DELETE /repositories',
      input: named,
      output: repository,
      errors: ['RESOURCE_NOT_FOUND', 'RESOURCE_READ_ONLY'],
    },
  },
};
