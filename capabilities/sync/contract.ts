// Mirrors: verified read-only copies of what other clusters own, and how far each has come.
import {
  clusterIdSchema,
  errorReportSchema,
  federatedIdSchema,
  nameLengthMax,
  type Call,
  type Carrier,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type FederatedId,
  type HansaError,
} from '@hansa/foundation';
import { z } from 'zod';
import type {
  BlobReference,
  EntriesAt,
  Head,
  InspectionOrder,
  ResourceEntry,
  SequencedChange,
} from '../resources/contract.ts';
import type { AppliedBatch, MirrorDifference } from './traced.ts';

export type { AppliedBatch, MirrorDifference };

export const mirrorsMax = 10_000; // each holds a stream while its owner is connected
export const syncIntervalMs = 30_000; // the anti-entropy round; changes arrive as they happen
export const retryMinMs = 500; // an owner that hiccups is followed again within a second
export const retryMaxMs = 30_000; // at worst one interval late

/**
 * `waiting` for the link, `absent` at the owner (not shared, or not there), `pulling`, `current`,
 * `refused` (what came did not verify; tried again), `halted` (two histories, or our own disk is in
 * doubt: a person has to decide), `frozen` (withdrawn by its owner: read here, follows no more).
 */
export type MirrorState =
  | 'waiting'
  | 'absent'
  | 'pulling'
  | 'current'
  | 'refused'
  | 'halted'
  | 'frozen';

/** Why and until when a copy that its owner has withdrawn is still here. */
export interface MirrorFreeze {
  readonly sinceMs: number;
  /** When it is deleted; absent where a person here keeps it. */
  readonly purgeAtMs?: number | undefined;
  /** Why it is kept. */
  readonly retained?: string | undefined;
}

export interface AppliedPosition {
  readonly epoch: number;
  readonly sequence: number;
  /** Hex; unknown while a batch is being applied. */
  readonly digest?: string | undefined;
  readonly appliedMs: number;
}

export interface Mirror {
  readonly resource: FederatedId;
  readonly owner: ClusterId;
  readonly ownerName: string;
  readonly kind: string;
  readonly name: string;
  readonly state: MirrorState;
  /** How far our copy is; absent before the first head was applied. */
  readonly applied?: AppliedPosition | undefined;
  /** The newest signed head seen. */
  readonly headSequence?: number | undefined;
  /** When the owner signed it: the age of our knowledge. */
  readonly headAsOfMs?: number | undefined;
  /** Since the process started. */
  readonly fetchedBlobs: number;
  readonly fetchedBytes: number;
  readonly lastError?: ErrorReport | undefined;
  readonly frozen?: MirrorFreeze | undefined;
  /** Two heads that their owner signed and that cannot both be true: evidence. */
  readonly fork?: Fork | undefined;
  readonly addedMs: number;
}

export interface Fork {
  /** The one that we hold. */
  readonly held: ShownHead;
  readonly other: ShownHead;
  readonly seenMs: number;
}

/** What a head says and who signed it, for people; digest, chain and signature in hex. */
export interface ShownHead {
  readonly epoch: number;
  readonly sequence: number;
  readonly digest: string;
  readonly chain: string;
  readonly signedMs: number;
  readonly keyIndex: number;
  readonly signature: string;
}

/** Copies of others' resources. */
export interface Sync {
  /** `<peer>:<name>` or `<peer>:<kind>/<name>`, or a federated id; starts pulling at once. */
  add(input: { resource: string }, call?: Call): Promise<Mirror>;
  list(input: { peer?: string | undefined }, call?: Call): Promise<{ mirrors: readonly Mirror[] }>;
  show(input: { resource: string }, call?: Call): Promise<Mirror>;
  /** Deletes the copy with everything that only it needed. */
  remove(input: { resource: string }, call?: Call): Promise<Mirror>;
  /** An extra round now; answers when it is done or after `waitMs`. */
  now(
    input: { resource?: string | undefined; waitMs?: number | undefined },
    call?: Call,
  ): Promise<{ mirrors: readonly Mirror[] }>;
  changes(input: Record<string, never>, call?: Call): AsyncIterable<Mirror>;
}

// ---- in process ----

/** A mirror as its kind sees it. */
export interface MirrorView {
  readonly resource: FederatedId;
  readonly epoch: number;
  entry(key: Uint8Array): Promise<ResourceEntry | undefined>;
  entries(): AsyncIterable<ResourceEntry>;
}

/** What a kind prepared for a batch. Nothing of it is visible before `commit`. */
export interface StagedBatch {
  /** The store has moved: bring caches after it. Called again after a crash by way of `settle`. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** What sync lets a kind do that comes and goes: one that a program outside serves. */
export interface KindHost {
  /** Tries a mirror of the kind again at once. */
  retry(resource: FederatedId): void;
  /** Nothing of the kind can be mirrored any more. */
  unregister(): void;
}

/** What a kind adds to the log that all kinds share. */
export interface FederatedKind {
  readonly kind: string;
  /** Called when it is registered. */
  attached?(host: KindHost): void;
  /**
   * Checks what only the kind understands, its blobs being here already; throws the reason.
   * `before` is the mirror as it stands, without the changes.
   */
  stage(
    before: MirrorView,
    changes: readonly SequencedChange[],
    signal: AbortSignal,
  ): Promise<StagedBatch>;
  /** Makes caches equal to the stored entries, whatever a crash left. */
  settle(mirror: MirrorView, signal: AbortSignal): Promise<void>;
  purge(mirror: { readonly resource: FederatedId; readonly epoch: number }): Promise<void>;
}

/** Where a peer's copy stands. */
export interface HeldPosition {
  readonly resource: FederatedId;
  readonly epoch: number;
  readonly sequence: number;
  readonly digest: Uint8Array;
}

export interface BlobOrder {
  /** Who delivers, and its name in errors. */
  readonly from: ClusterId;
  readonly source: string;
  readonly carrier: Carrier;
  readonly resource: FederatedId;
  readonly wanted: readonly BlobReference[];
  readonly signal: AbortSignal;
}

/** What keeps a mirror from following, and how it is shown meanwhile. */
export interface MirrorPause {
  readonly state: Extract<MirrorState, 'frozen' | 'waiting' | 'halted'>;
  readonly error: HansaError;
  /** By itself it ends then; absent: when `wake` is called. */
  readonly untilMs?: number | undefined;
  readonly frozen?: MirrorFreeze | undefined;
}

/** What was read of a copy, and what is wrong with it. */
export interface MirrorInspection {
  readonly entries: number;
  readonly bytes: number;
  /** A sentence; absent where all is as it was applied. */
  readonly problem?: string | undefined;
}

/** Something bad that arrived, and who answers for it. */
export interface MirrorBlame {
  /** Whoever delivered bytes that are not what was asked for, or the owner that signed nonsense. */
  readonly peer: ClusterId;
  readonly answersAs: 'deliverer' | 'owner';
  readonly resource: FederatedId;
  readonly error: HansaError;
}

/** Whoever decides from outside what may be followed. All of it is asked again at every turn. */
export interface MirrorOverseer {
  pause?(resource: FederatedId): MirrorPause | undefined;
  /** Nothing is fetched from such a peer that somebody else may have. */
  avoid?(peer: ClusterId): boolean;
  blamed?(blame: MirrorBlame): void;
}

export interface Mirrors {
  /** By `<peer>:<name>` or federated id; MIRROR_NOT_FOUND. */
  resolve(spelled: string): FederatedId;
  find(resource: FederatedId): Mirror | undefined;
  view(resource: FederatedId): Promise<MirrorView | undefined>;
  /**
   * Its entries as they were at a revision of our store, the present one where none is given;
   * undefined where nothing had arrived. STORE_COMPACTED where it is no longer kept.
   */
  at(resource: FederatedId, revision?: number): Promise<EntriesAt | undefined>;
  all(): readonly Mirror[];
  /** Called after every change of a mirror. */
  subscribe(changed: (resource: FederatedId) => void): () => void;
  /**
   * Mirrors a resource without being asked by a person: a lane, which needs no half-link of ours.
   * Held already, nothing changes.
   */
  hold(resource: FederatedId): Promise<void>;
  /** Gives such a mirror up, with its copy. */
  release(resource: FederatedId): Promise<void>;
  /** Deletes mirrors with every blob that only they named, before it resolves. */
  purge(resources: readonly FederatedId[]): Promise<void>;
  oversee(overseer: MirrorOverseer): void;
  /** What an overseer says of the mirror has changed: looks at it again, at once. */
  wake(resource: FederatedId): void;
  registerKind(kind: FederatedKind): void;
  /** What was applied since the process began, the oldest first, as far as it is remembered. */
  batches(resource: FederatedId): readonly AppliedBatch[];
  /** What it lacks against its owner, who is asked; nothing is applied. */
  difference(resource: FederatedId, signal?: AbortSignal): Promise<MirrorDifference>;
  /** Of one owner's resources, those it serves us now; rejects where it does not answer. */
  served(asked: {
    readonly owner: ClusterId;
    readonly resources: readonly FederatedId[];
    readonly signal: AbortSignal;
  }): Promise<readonly FederatedId[]>;
  /**
   * Reads all of a copy, and holds it against the digest that it was applied with; undefined where
   * there is nothing to read, or it moved on meanwhile.
   */
  inspect(resource: FederatedId, order: InspectionOrder): Promise<MirrorInspection | undefined>;
  /** What an inspection found wrong is asked of the owner again, as soon as it is there. */
  mend(resource: FederatedId): void;
  /** The newest signed head of a mirror that verified. */
  head(resource: FederatedId): Head | undefined;
  /** Called with every beat of a peer: what it holds of ours, by its own account. */
  onHeld(heard: (peer: ClusterId, rows: readonly HeldPosition[]) => void): void;
  /** Brings blobs here by the blob-peer calls of a carrier; verified against their references. */
  fetch(order: BlobOrder): Promise<number>;
}

const shownHead: z.ZodType<ShownHead> = z.object({
  epoch: z.number(),
  sequence: z.number(),
  digest: z.string(),
  chain: z.string(),
  signedMs: z.number(),
  keyIndex: z.number(),
  signature: z.string(),
});
const mirror: z.ZodType<Mirror> = z.object({
  resource: federatedIdSchema,
  owner: clusterIdSchema,
  ownerName: z.string(),
  kind: z.string(),
  name: z.string(),
  state: z.enum(['waiting', 'absent', 'pulling', 'current', 'refused', 'halted', 'frozen']),
  applied: z
    .object({
      epoch: z.number(),
      sequence: z.number(),
      digest: z.string().optional(),
      appliedMs: z.number(),
    })
    .optional(),
  headSequence: z.number().optional(),
  headAsOfMs: z.number().optional(),
  fetchedBlobs: z.number(),
  fetchedBytes: z.number(),
  lastError: errorReportSchema.optional(),
  frozen: z
    .object({
      sinceMs: z.number(),
      purgeAtMs: z.number().optional(),
      retained: z.string().optional(),
    })
    .optional(),
  fork: z.object({ held: shownHead, other: shownHead, seenMs: z.number() }).optional(),
  addedMs: z.number(),
});
const spelled = z
  .string()
  .min(3)
  .max(nameLengthMax + 128);
const oneMirror = z.strictObject({ resource: spelled });

export const syncContract: Contract<Sync> = {
  name: 'sync',
  version: 1,
  methods: {
    add: {
      summary: 'Mirrors a resource of a linked cluster.',
      permission: 'sync.write',
      route: 'POST /mirrors',
      input: oneMirror,
      about: ({ resource }) => resource,
      output: mirror,
      errors: ['LINK_NOT_FOUND', 'LINK_NOT_OURS', 'MIRROR_EXISTS', 'KIND_UNKNOWN'],
    },
    list: {
      summary: 'Lists the mirrors and how far each has come.',
      permission: 'sync.read',
      route: 'GET /mirrors',
      input: z.strictObject({ peer: z.string().max(nameLengthMax).optional() }),
      output: z.object({ mirrors: z.array(mirror) }),
      errors: ['LINK_NOT_FOUND'],
    },
    show: {
      summary: 'Shows one mirror.',
      permission: 'sync.read',
      route: 'GET /mirrors/show',
      input: oneMirror,
      output: mirror,
      errors: ['MIRROR_NOT_FOUND'],
    },
    remove: {
      summary: 'Deletes a mirror with everything that only it needed.',
      permission: 'sync.write',
      route: 'DELETE /mirrors',
      input: oneMirror,
      about: ({ resource }) => resource,
      output: mirror,
      errors: ['MIRROR_NOT_FOUND'],
    },
    now: {
      summary: 'Runs a sync round now and waits for it.',
      permission: 'sync.write',
      route: 'POST /mirrors/now',
      input: z.strictObject({
        resource: spelled.optional(),
        waitMs: z.number().int().min(0).max(600_000).optional(),
      }),
      about: ({ resource }) => resource,
      output: z.object({ mirrors: z.array(mirror) }),
      errors: ['MIRROR_NOT_FOUND'],
    },
    changes: {
      watch: true,
      summary: 'Every change of a mirror, from now on.',
      permission: 'sync.read',
      route: 'GET /mirrors/changes',
      input: z.strictObject({}),
      output: mirror,
      errors: [],
    },
  },
};
