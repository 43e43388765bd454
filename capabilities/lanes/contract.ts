// Shared writing without shared ownership. A lane is a resource of the cluster that writes it, made
// for one resource of another cluster; that cluster mirrors it and brings what it may into its own.
import {
  clusterIdSchema,
  errorReportSchema,
  federatedIdSchema,
  localIdSchema,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { z } from 'zod';
import type { MirrorView } from '../sync/contract.ts';

export const lanesMax = 2_000; // received: each is a mirror with a stream of its own
export const conflictsPerLaneMax = 1_000; // past that, somebody writes without reading
export const conflictKeyMax = 1_024; // a ref name, or the text of a key
export const conflictShownMax = 512; // of each side: enough to recognise it
export const conflictsListedMax = 1_000; // what a person reads in one list

/**
 * `offered` and not yet answered, `refused` by the receiver's policy, `taken`: the receiver mirrors
 * it and promotes what comes, `in-conflict`: taken, and something of it waits for a person at the
 * owner.
 */
export type LaneState = 'offered' | 'refused' | 'taken' | 'in-conflict';

export interface Lane {
  /** `<writer>:<kind>/@<owner>/<name>`. */
  readonly lane: FederatedId;
  /** What it is for. */
  readonly resource: FederatedId;
  readonly writer: ClusterId;
  readonly writerName: string;
  readonly ownerName: string;
  /** `ours`: we write and the owner promotes; `theirs`: we own the resource and promote. */
  readonly side: 'ours' | 'theirs';
  readonly state: LaneState;
  /** The last position of the lane of which everything was promoted or listed. */
  readonly promoted?: { readonly epoch: number; readonly sequence: number } | undefined;
  /** Open ones, as the owner last counted them. */
  readonly conflicts: number;
  readonly lastError?: ErrorReport | undefined;
  readonly addedMs: number;
}

/** One of the two values that could not be brought together. */
export interface ConflictSide {
  /** The cluster that wrote it, by our name for it. */
  readonly author: string;
  readonly writtenMs?: number | undefined;
  /** What it says, cut to what a person recognises. */
  readonly shown: string;
  /** Changes whenever this side does: a dismissal counts for one version only. */
  readonly version: string;
}

export interface Conflict {
  /** The same as long as lane and key are. */
  readonly id: string;
  readonly resource: LocalId;
  readonly lane: FederatedId;
  /** A ref, a key; what the kind calls the place. */
  readonly key: string;
  readonly reason: string;
  readonly ours: ConflictSide;
  readonly theirs: ConflictSide;
  readonly detectedMs: number;
}

export type Take = 'ours' | 'theirs';

/** What others write for us, what we write for others, and what needs a person. */
export interface Lanes {
  list(input: Record<string, never>, call?: Call): Promise<{ readonly lanes: readonly Lane[] }>;
  show(input: { lane: string }, call?: Call): Promise<Lane>;
  /** Makes our lane where there is none, and offers it: POLICY_DENIED names the rule. */
  push(input: { resource: string }, call?: Call): Promise<Lane>;
  /** Gives a lane up: ours with what is in it, theirs as a copy. What was promoted stays. */
  remove(input: { lane: string }, call?: Call): Promise<Lane>;
  conflicts(
    input: { resource?: string | undefined },
    call?: Call,
  ): Promise<{ readonly conflicts: readonly Conflict[] }>;
  /** Decides one conflict for good. */
  resolve(input: { id: string; take: Take }, call?: Call): Promise<Conflict>;
}

// ---- in process, for the kinds that can be written by several clusters ----

export interface FoundConflict {
  readonly key: string;
  readonly reason: string;
  readonly ours: ConflictSide;
  readonly theirs: ConflictSide;
}

export interface Promotion {
  /** Our resource, which we own. */
  readonly resource: LocalId;
  readonly lane: MirrorView;
  readonly writer: ClusterId;
  readonly signal: AbortSignal;
}

/** What a kind adds so that its resources can be written by several clusters. */
export interface LaneKind {
  readonly kind: string;
  /**
   * Brings everything of the lane that rules allow into our resource and names what it could not.
   * Asked again whenever the lane or the rules changed; what was brought before changes nothing.
   */
  promote(promotion: Promotion): Promise<{
    readonly taken: number;
    readonly conflicts: readonly FoundConflict[];
  }>;
  /** Makes the decision true: a later `promote` finds this conflict no more. */
  resolve(decision: Promotion & { readonly key: string; readonly take: Take }): Promise<void>;
}

export interface LaneWriting {
  registerKind(kind: LaneKind): void;
  /**
   * Our lane for a mirrored resource, made at its first use; MIRROR_FROZEN where its owner has
   * withdrawn it: what would be written there would be lost.
   */
  open(resource: FederatedId): Promise<LocalId>;
  find(resource: FederatedId): LocalId | undefined;
  /** Whether the owner took it when it was last heard. */
  taken(resource: FederatedId): boolean;
  /** Offers our lane now: resolves when the owner took it, or throws why not. */
  offer(resource: FederatedId, signal?: AbortSignal): Promise<void>;
}

const lane: z.ZodType<Lane> = z.object({
  lane: federatedIdSchema,
  resource: federatedIdSchema,
  writer: clusterIdSchema,
  writerName: z.string(),
  ownerName: z.string(),
  side: z.enum(['ours', 'theirs']),
  state: z.enum(['offered', 'refused', 'taken', 'in-conflict']),
  promoted: z.object({ epoch: z.number(), sequence: z.number() }).optional(),
  conflicts: z.number(),
  lastError: errorReportSchema.optional(),
  addedMs: z.number(),
});
const side: z.ZodType<ConflictSide> = z.object({
  author: z.string().max(nameLengthMax),
  writtenMs: z.number().optional(),
  shown: z.string().max(conflictShownMax),
  version: z.string().max(256),
});
export const conflictSchema: z.ZodType<Conflict> = z.object({
  id: z.string().max(32),
  resource: localIdSchema,
  lane: federatedIdSchema,
  key: z.string().max(conflictKeyMax),
  reason: z.string().max(1_024),
  ours: side,
  theirs: side,
  detectedMs: z.number(),
});
const spelled = z
  .string()
  .min(3)
  .max(nameLengthMax + 256);
const oneLane = z.strictObject({ lane: spelled });

export const lanesContract: Contract<Lanes> = {
  name: 'lanes',
  version: 1,
  methods: {
    list: {
      summary: 'Lists the lanes: what we write for others and what others write for us.',
      permission: 'lanes.read',
      route: 'GET /lanes',
      input: z.strictObject({}),
      output: z.object({ lanes: z.array(lane) }),
      errors: [],
    },
    show: {
      summary: 'Shows one lane; of ours, as the owner sees it now where it can be asked.',
      permission: 'lanes.read',
      route: 'GET /lanes/show',
      input: oneLane,
      output: lane,
      errors: ['LANE_NOT_FOUND'],
    },
    push: {
      summary: 'Makes our lane for a mirrored resource where there is none, and offers it.',
      permission: 'lanes.write',
      route: 'POST /lanes',
      input: z.strictObject({ resource: spelled }),
      output: lane,
      errors: [
        'MIRROR_NOT_FOUND',
        'RESOURCE_NOT_FOUND',
        'POLICY_DENIED',
        'LANES_UNSUPPORTED',
        'LANES_FULL',
        'MIRROR_FROZEN',
      ],
    },
    remove: {
      summary: 'Gives a lane up: ours with what is in it, another’s as our copy of it.',
      permission: 'lanes.write',
      route: 'DELETE /lanes',
      input: oneLane,
      output: lane,
      errors: ['LANE_NOT_FOUND'],
    },
    conflicts: {
      summary: 'Lists what could not be brought together, with both authors.',
      permission: 'lanes.read',
      route: 'GET /conflicts',
      input: z.strictObject({ resource: localIdSchema.optional() }),
      output: z.object({ conflicts: z.array(conflictSchema) }),
      errors: [],
    },
    resolve: {
      summary: 'Decides one conflict: our side stays, or theirs takes its place.',
      permission: 'lanes.write',
      route: 'POST /conflicts/:id',
      input: z.strictObject({ id: z.string().min(1).max(32), take: z.enum(['ours', 'theirs']) }),
      output: conflictSchema,
      errors: ['CONFLICT_NOT_FOUND'],
    },
  },
};
