// What there is to see: this cluster's own resources, and what linked clusters share with it.
import {
  clusterIdSchema,
  errorReportSchema,
  federatedIdSchema,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema, labelsSchema } from '../resources/contract.ts';
import { verbs, type Verb } from '../policies/contract.ts';

export const catalogPageMax = 500; // about 700 bytes a row; a page stays far below a frame
export const catalogPagesMax = 200; // 100,000 rows: past that, filter

export interface CatalogItem {
  readonly resource: FederatedId;
  readonly kind: string;
  readonly type: string;
  readonly name: string;
  readonly owner: ClusterId;
  readonly ownerName: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly epoch: number;
  readonly sequence: number;
  /** What the asking cluster may do with it; all three for its owner. */
  readonly verbs: readonly Verb[];
}

export interface UnansweredPeer {
  readonly peer: string;
  readonly problem: ErrorReport;
}

/** What there is to see. */
export interface Catalog {
  /** Of one peer, or of this cluster and all connected peers. */
  list(
    input: { peer?: string | undefined; kind?: string | undefined; own?: boolean | undefined },
    call?: Call,
  ): Promise<{
    readonly items: readonly CatalogItem[];
    /** Peers that could not be asked: their things are missing from the list. */
    readonly unanswered: readonly UnansweredPeer[];
  }>;
}

// ---- in process, for the capabilities that pull ----

/** Word from linked clusters that what we may see or do there has changed. */
export interface CatalogNews {
  /** Called with the cluster, also when it is heard again after a silence. */
  subscribe(told: (peer: ClusterId) => void): () => void;
}

export const itemSchema: z.ZodType<CatalogItem> = z.object({
  resource: federatedIdSchema,
  kind: z.string().max(32),
  type: z.string().max(nameLengthMax),
  name: z.string().max(nameLengthMax),
  owner: clusterIdSchema,
  ownerName: z.string().max(nameLengthMax),
  description: descriptionSchema,
  labels: labelsSchema,
  epoch: z.number().int().nonnegative(),
  sequence: z.number().int().nonnegative(),
  verbs: z.array(z.enum(verbs)).max(3),
});

export const catalogContract: Contract<Catalog> = {
  name: 'catalog',
  version: 1,
  methods: {
    list: {
      summary: 'Lists what this cluster owns and what its peers share with it.',
      permission: 'catalog.read',
      route: 'GET /catalog',
      input: z.strictObject({
        peer: z.string().max(nameLengthMax).optional(),
        kind: z.string().max(32).optional(),
        own: z.boolean().optional(),
      }),
      output: z.object({
        items: z.array(itemSchema),
        unanswered: z.array(z.object({ peer: z.string(), problem: errorReportSchema })),
      }),
      errors: ['LINK_NOT_FOUND', 'LINK_DOWN', 'LINK_PENDING', 'LINK_NOT_OURS'],
    },
  },
};
