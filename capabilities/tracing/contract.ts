// What became of one change, hop by hop; what a mirror lacks and why; and evidence for whoever
// would rather check than believe.
import {
  clusterIdSchema,
  errorReportSchema,
  federatedIdSchema,
  nameLengthMax,
  type BlobId,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { evidenceItemSchema, type EvidenceItem } from './evidence-item.ts';
import { hopSchema, type Hop } from './hop.ts';

export { evidenceFormat, type EvidenceItem } from './evidence-item.ts';
export { hopSchema, hopsMax, type Hop, type HopStep } from './hop.ts';

/** A hop, and where it was. */
export interface TracedHop extends Hop {
  readonly cluster: ClusterId;
  /** Our name for it. */
  readonly where: string;
}

/** The way of one change, as far as it is known. */
export interface Trace {
  /** `<federated id>#<epoch>/<sequence>`. */
  readonly id: string;
  readonly resource: FederatedId;
  readonly owner: ClusterId;
  readonly ownerName: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly hops: readonly TracedHop[];
  /** What is not known, or not any more, and why. */
  readonly unknown: readonly string[];
}

/**
 * What happens when both sides are here: nothing, changes are pulled, another epoch is built, the
 * copy stays as it is, it waits, or a person has to decide.
 */
export type DiffStep = 'current' | 'pull' | 'rebuild' | 'keep' | 'wait' | 'decide';

export interface DiffPlace {
  readonly epoch: number;
  readonly sequence: number;
  /** Hex; of a copy in the middle of a batch, unknown. */
  readonly digest?: string | undefined;
  /** When the owner signed it; of a copy, when it was applied. */
  readonly atMs?: number | undefined;
}

export interface DiffChange {
  readonly id: string;
  readonly author: string;
  readonly writtenMs: number;
  readonly ops: number;
}

/** One copy against its owner. Nothing was done about it. */
export interface DiffRow {
  readonly resource: FederatedId;
  readonly name: string;
  /** `theirs`: our mirror. `ours`: the peer's copy of what we own, by its own account. */
  readonly side: 'theirs' | 'ours' | 'lane';
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly state: string;
  readonly step: DiffStep;
  readonly held?: DiffPlace | undefined;
  readonly head?: DiffPlace | undefined;
  /** Not applied, the oldest first; at most 200. */
  readonly changes: readonly DiffChange[];
  /** There are more of them. */
  readonly more: boolean;
  readonly blobs: readonly { readonly id: BlobId; readonly sizeBytes: number }[];
  readonly missingBytes: number;
  /** Why it is not applied. */
  readonly reason?: string | undefined;
  readonly problem?: ErrorReport | undefined;
}

/** Where changes are, and what proves it. */
export interface Tracing {
  /** By `<resource>#<epoch>/<sequence>`; without a place, its latest change. */
  trace(input: { change: string }, call?: Call): Promise<Trace>;
  /** What is not applied and why: of one mirror, of a peer, or of all. */
  diff(input: { of?: string | undefined }, call?: Call): Promise<{ rows: readonly DiffRow[] }>;
  /** Who the owner is, its signed head, and all entries; with `since`, the changes after it. */
  evidence(
    input: { resource: string; since?: number | undefined },
    call?: Call,
  ): AsyncIterable<EvidenceItem>;
}

const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 256);
const tracedHop: z.ZodType<TracedHop> = hopSchema.and(
  z.object({ cluster: clusterIdSchema, where: z.string() }),
);
const trace: z.ZodType<Trace> = z.object({
  id: z.string(),
  resource: federatedIdSchema,
  owner: clusterIdSchema,
  ownerName: z.string(),
  epoch: z.number(),
  sequence: z.number(),
  hops: z.array(tracedHop),
  unknown: z.array(z.string()),
});
const place: z.ZodType<DiffPlace> = z.object({
  epoch: z.number(),
  sequence: z.number(),
  digest: z.string().optional(),
  atMs: z.number().optional(),
});
const row: z.ZodType<DiffRow> = z.object({
  resource: federatedIdSchema,
  name: z.string(),
  side: z.enum(['theirs', 'ours', 'lane']),
  peer: clusterIdSchema,
  peerName: z.string(),
  state: z.string(),
  step: z.enum(['current', 'pull', 'rebuild', 'keep', 'wait', 'decide']),
  held: place.optional(),
  head: place.optional(),
  changes: z.array(
    z.object({ id: z.string(), author: z.string(), writtenMs: z.number(), ops: z.number() }),
  ),
  more: z.boolean(),
  blobs: z.array(
    z.object({ id: z.string() as unknown as z.ZodType<BlobId>, sizeBytes: z.number() }),
  ),
  missingBytes: z.number(),
  reason: z.string().optional(),
  problem: errorReportSchema.optional(),
});

export const tracingContract: Contract<Tracing> = {
  name: 'tracing',
  version: 1,
  methods: {
    trace: {
      summary: 'Shows one change hop by hop, and what is not known of its way.',
      permission: 'tracing.read',
      route: 'GET /trace',
      input: z.strictObject({ change: spelled }),
      output: trace,
      errors: ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND', 'CHANGE_NOT_FOUND'],
    },
    diff: {
      summary: 'Names what is not applied and why; nothing is done about it.',
      permission: 'tracing.read',
      route: 'GET /mirrors/diff',
      input: z.strictObject({ of: spelled.optional() }),
      output: z.object({ rows: z.array(row) }),
      errors: ['MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    evidence: {
      watch: true,
      summary: 'Evidence of one resource, for a program that checks it without a node.',
      permission: 'tracing.read',
      route: 'GET /evidence',
      input: z.strictObject({
        resource: spelled,
        since: z.number().int().nonnegative().optional(),
      }),
      output: evidenceItemSchema,
      errors: [
        'RESOURCE_NOT_FOUND',
        'MIRROR_NOT_FOUND',
        'LINK_NOT_FOUND',
        'INPUT_INVALID',
        'INPUT_TOO_LARGE',
        'RESOURCE_REWOUND',
      ],
    },
  },
};
