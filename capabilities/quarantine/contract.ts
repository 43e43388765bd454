// Who is kept at a distance because of what came from them, with the evidence; and whether it is we
// who are in doubt.
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

// one bad resource may be an accident, three are none
export const badResourcesMax = 3;
export const decayMs = 3_600_000; // an hour: whoever was broken and is mended is let in by itself
export const suspectWindowMs = 60_000; // sources that fail within a minute fail for one reason
export const evidenceMax = 32; // pieces kept of each peer: ten of each resource that counts
export const evidenceBytesMax = 4_096; // of one piece: ids and positions, never content
export const peersRememberedMax = 2_048; // twice the links there may be

/** One piece of evidence. */
export interface Incident {
  readonly resource: FederatedId;
  /** It answers as the one who delivered, or as the owner that signed. */
  readonly answersAs: 'deliverer' | 'owner';
  readonly error: ErrorReport;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly times: number;
}

/** `suspected`: something bad came, of fewer than three resources within the hour. */
export interface Quarantine {
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly state: 'suspected' | 'quarantined' | 'over';
  readonly untilMs?: number | undefined;
  readonly liftedMs?: number | undefined;
  /** The newest first. */
  readonly incidents: readonly Incident[];
}

/** A mirror that stands still because sources that do not know each other failed alike. */
export interface SelfSuspicion {
  readonly resource: FederatedId;
  readonly sources: readonly ClusterId[];
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly errors: readonly ErrorReport[];
}

/** Quarantines. */
export interface Quarantines {
  /** With `all`, also what is over and kept as evidence. */
  list(
    input: { all?: boolean | undefined },
    call?: Call,
  ): Promise<{ peers: readonly Quarantine[]; ourselves: readonly SelfSuspicion[] }>;
  /** What there is against a peer. */
  show(input: { peer: string }, call?: Call): Promise<Quarantine>;
  /** Ends it, of a peer or of a mirror of ours; the evidence stays. */
  lift(
    input: { peerOrMirror: string },
    call?: Call,
  ): Promise<{ peer?: Quarantine | undefined; mirror?: FederatedId | undefined }>;
}

export const incidentSchema: z.ZodType<Incident> = z.object({
  resource: federatedIdSchema,
  answersAs: z.enum(['deliverer', 'owner']),
  error: errorReportSchema,
  firstMs: z.number(),
  lastMs: z.number(),
  times: z.number(),
});
const quarantine: z.ZodType<Quarantine> = z.object({
  peer: clusterIdSchema,
  peerName: z.string(),
  state: z.enum(['suspected', 'quarantined', 'over']),
  untilMs: z.number().optional(),
  liftedMs: z.number().optional(),
  incidents: z.array(incidentSchema).max(evidenceMax),
});
export const suspicionSchema: z.ZodType<SelfSuspicion> = z.object({
  resource: federatedIdSchema,
  sources: z.array(clusterIdSchema),
  sinceMs: z.number(),
  untilMs: z.number(),
  errors: z.array(errorReportSchema),
});

export const quarantinesContract: Contract<Quarantines> = {
  name: 'quarantine',
  version: 1,
  methods: {
    list: {
      summary: 'Lists from whom nothing is pulled, and which of our mirrors stand still.',
      permission: 'quarantine.read',
      route: 'GET /quarantines',
      input: z.strictObject({ all: z.boolean().optional() }),
      output: z.object({
        peers: z.array(quarantine).max(peersRememberedMax),
        ourselves: z.array(suspicionSchema),
      }),
      errors: [],
    },
    show: {
      summary: 'Shows what there is against a peer, with the evidence.',
      permission: 'quarantine.read',
      route: 'GET /quarantines/:peer',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax) }),
      output: quarantine,
      errors: ['LINK_NOT_FOUND', 'QUARANTINE_NOT_FOUND'],
    },
    lift: {
      summary: 'Ends a quarantine of a peer, or lets a mirror of ours follow again.',
      permission: 'quarantine.write',
      route: 'POST /quarantines/lift',
      input: z.strictObject({
        peerOrMirror: z
          .string()
          .min(1)
          .max(nameLengthMax + 128),
      }),
      output: z.object({ peer: quarantine.optional(), mirror: federatedIdSchema.optional() }),
      errors: ['LINK_NOT_FOUND', 'MIRROR_NOT_FOUND', 'QUARANTINE_NOT_FOUND'],
    },
  },
};
