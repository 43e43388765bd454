// Namespaces: which addresses of signals belong together, whose they are, and under what name they
// are shared. A router of signals carries over links what namespaces say, and nothing else.
import {
  federatedIdSchema,
  nameLengthMax,
  resourceNameSchema,
  targetSpelled,
  type Call,
  type ClusterId,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema, labelsSchema } from '../resources/contract.ts';

export const namespaceKind = 'namespace';

export const namespacesMax = 1_000; // own ones: each is a resource with heads of its own
export const patternsMax = 64; // of one namespace: sites of a venue; more is another namespace
export const patternLengthMax = 1_024; // as long as an address may be: what is longer matches none

export interface Namespace {
  readonly resource: FederatedId;
  readonly name: string;
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  readonly patterns: readonly string[];
  /** The cluster whose addresses they are: writes are judged there. */
  readonly cluster: ClusterId;
  readonly clusterName: string;
  /** Patterns that count for nothing, because another namespace has them for another cluster. */
  readonly outdone: readonly string[];
}

/** Own namespaces, and mirrors of others': `<name>`, `<peer>:<name>` or a federated id. */
export interface Namespaces {
  add(
    input: {
      readonly name: string;
      readonly patterns: readonly string[];
      /** A linked cluster, by its name or id; absent: ours. */
      readonly of?: string | undefined;
      readonly description?: string | undefined;
      readonly labels?: Readonly<Record<string, string>> | undefined;
    },
    call?: Call,
  ): Promise<Namespace>;
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly namespaces: readonly Namespace[] }>;
  show(input: { readonly namespace: string }, call?: Call): Promise<Namespace>;
  /** What it said holds no more from then on. */
  remove(input: { readonly namespace: string }, call?: Call): Promise<Namespace>;
}

// ---- in process, for the router ----

/** A namespace as it counts here. */
export interface StatedNamespace {
  readonly resource: FederatedId;
  readonly role: Namespace['role'];
  /** Those that count. */
  readonly patterns: readonly string[];
  readonly outdone: readonly string[];
  readonly cluster: ClusterId;
}

export interface NamespaceBook {
  all(): readonly StatedNamespace[];
  /** Rises with every change. */
  readonly generation: number;
  subscribe(changed: () => void): () => void;
}

const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const oneNamespace = z.strictObject({ namespace: spelled });
const patternList = z.array(z.string().min(1).max(patternLengthMax)).min(1).max(patternsMax);
const namespace: z.ZodType<Namespace> = z.object({
  resource: federatedIdSchema,
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  ownerName: z.string(),
  patterns: z.array(z.string()),
  cluster: z.string() as unknown as z.ZodType<ClusterId>,
  clusterName: z.string(),
  outdone: z.array(z.string()),
});
const targetOf = (input: { readonly namespace: string }): string =>
  targetSpelled(namespaceKind, input.namespace);

export const namespacesContract: Contract<Namespaces> = {
  name: 'namespaces',
  version: 1,
  methods: {
    add: {
      summary: 'Says which addresses of signals belong together, and whose they are.',
      permission: 'namespaces.write',
      route: 'POST /namespaces',
      input: z.strictObject({
        name: resourceNameSchema,
        patterns: patternList,
        of: z.string().min(1).max(nameLengthMax).optional(),
        description: descriptionSchema.optional(),
        labels: labelsSchema.optional(),
      }),
      target: ({ name }) => targetSpelled(namespaceKind, name),
      output: namespace,
      errors: ['LINK_NOT_FOUND', 'NAMESPACE_TAKEN', 'RESOURCE_EXISTS', 'STORE_LIMIT'],
    },
    list: {
      summary: 'Lists own namespaces and mirrors.',
      permission: 'namespaces.read',
      route: 'GET /namespaces',
      input: z.strictObject({}),
      output: z.object({ namespaces: z.array(namespace) }),
      errors: [],
    },
    show: {
      summary: 'Shows one namespace.',
      permission: 'namespaces.read',
      route: 'GET /namespaces/show',
      input: oneNamespace,
      target: targetOf,
      output: namespace,
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    remove: {
      summary: 'Removes an own namespace; what it said holds no more.',
      permission: 'namespaces.write',
      route: 'DELETE /namespaces',
      input: oneNamespace,
      target: targetOf,
      output: namespace,
      errors: ['RESOURCE_NOT_FOUND', 'RESOURCE_READ_ONLY', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
  },
};
