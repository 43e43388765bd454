// What this cluster owns and is behind of, against its own signature; and what a long absence will
// do to its mirrors when the peer is back.
import {
  clusterIdSchema,
  federatedIdSchema,
  localIdSchema,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { z } from 'zod';
import type { ResourceEntry } from '../resources/contract.ts';

export interface Standing {
  readonly epoch: number;
  readonly sequence: number;
}

/**
 * `behind`: the peer holds a later head of ours. `forked`: it holds one that our history never had.
 * `missing`: it holds one of a resource that was never here.
 */
export type RewindCause = 'behind' | 'forked' | 'missing';

/** A resource of ours that a peer holds further than we do, by our own signature. */
export interface Rewound {
  readonly id: LocalId;
  readonly cause: RewindCause;
  /** Where our history stands; absent where there is none. */
  readonly here?: Standing | undefined;
  /** Where the peer's copy stands, and when we signed that. */
  readonly held: Standing & { readonly asOfMs: number };
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly foundMs: number;
}

/** `adopt` goes on with what the peer holds, `new-epoch` with what is here. */
export type RecoveryWay = 'adopt' | 'new-epoch';

export interface RecoveryPlan {
  readonly id: LocalId;
  readonly way: RecoveryWay;
  /** The epoch that begins. */
  readonly epoch: number;
  readonly peerName: string;
  /** Entries that are here now. */
  readonly entriesHere: number;
  /** What becomes of them, and of the mirrors. */
  readonly sentences: readonly string[];
}

export interface Recovered {
  readonly id: LocalId;
  readonly way: RecoveryWay;
  /** Absent where nothing is left but a tombstone. */
  readonly epoch?: number | undefined;
  readonly entries: number;
}

/**
 * `current`: nothing to do. `pull`: changes are fetched. `rebuild`: another epoch is built beside
 * the present one. `keep`: the owner does not share it now; the copy stays as it is. `decide`: two
 * histories; nothing moves until a person has decided. `wait`: cannot be asked now.
 */
export type ReturnStep = 'current' | 'pull' | 'rebuild' | 'keep' | 'decide' | 'wait';

export interface ReturnRow {
  readonly resource: FederatedId;
  readonly name: string;
  /** Whose it is. */
  readonly side: 'ours' | 'theirs';
  readonly step: ReturnStep;
  /** Of the copy. */
  readonly held?: Standing | undefined;
  /** Of the owner. */
  readonly owner?: Standing | undefined;
  /** Why, where the step alone does not say it. */
  readonly reason?: string | undefined;
}

export interface ReturnPlan {
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly connected: boolean;
  readonly rows: readonly ReturnRow[];
}

/** A backup was restored: who is waited for before anything is signed. */
export interface AwaitedPeers {
  readonly restoredMs: number;
  /** When the backup was written. */
  readonly backupMs: number;
  /** Names of linked peers that have not said yet what they hold of ours. */
  readonly peers: readonly string[];
}

/** Ways back: after a restored backup, and after a long absence. */
export interface Recovery {
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ rewound: readonly Rewound[]; awaited?: AwaitedPeers | undefined }>;
  /** After a restored backup: without the peers that have not spoken. RECOVERY_NOT_FOUND. */
  goOn(input: Record<string, never>, call?: Call): Promise<AwaitedPeers>;
  plan(input: { id: string; way: RecoveryWay }, call?: Call): Promise<RecoveryPlan>;
  /** Goes on with what is here, in a new epoch; mirrors build themselves anew. */
  begin(input: { id: string }, call?: Call): Promise<Recovered>;
  /** Goes on with what the peer holds, verified against the head that we had signed. */
  adopt(input: { id: string }, call?: Call): Promise<Recovered>;
  /** What happens between us and a peer once both are here: nothing is ever wiped by absence. */
  returning(input: { peer: string }, call?: Call): Promise<ReturnPlan>;
}

// ---- in process ----

/** What peers hold of ours, for whoever has lost it here. */
export interface HeldCopies {
  /** Peers that said with their last beat that they hold the resource, and are connected. */
  holders(id: LocalId): readonly ClusterId[];
  /**
   * Its entries as a peer holds them. None of it is proven: whoever asks holds it against a digest.
   */
  entries(from: ClusterId, id: LocalId, signal: AbortSignal): AsyncIterable<ResourceEntry>;
}

const standing = z.object({ epoch: z.number(), sequence: z.number() });
const way = z.enum(['adopt', 'new-epoch']);
// `<kind>/<name>`, or a name where it is the only one of that name
const one = z
  .string()
  .min(1)
  .max(nameLengthMax + 64);
const rewound: z.ZodType<Rewound> = z.object({
  id: localIdSchema,
  cause: z.enum(['behind', 'forked', 'missing']),
  here: standing.optional(),
  held: z.object({ epoch: z.number(), sequence: z.number(), asOfMs: z.number() }),
  peer: clusterIdSchema,
  peerName: z.string(),
  foundMs: z.number(),
});
const recovered: z.ZodType<Recovered> = z.object({
  id: localIdSchema,
  way,
  epoch: z.number().optional(),
  entries: z.number(),
});
const row: z.ZodType<ReturnRow> = z.object({
  resource: federatedIdSchema,
  name: z.string(),
  side: z.enum(['ours', 'theirs']),
  step: z.enum(['current', 'pull', 'rebuild', 'keep', 'decide', 'wait']),
  held: standing.optional(),
  owner: standing.optional(),
  reason: z.string().optional(),
});

const awaited: z.ZodType<AwaitedPeers> = z.object({
  restoredMs: z.number(),
  backupMs: z.number(),
  peers: z.array(z.string()),
});

export const recoveryContract: Contract<Recovery> = {
  name: 'recovery',
  version: 2,
  methods: {
    list: {
      summary: 'Lists resources of ours that a peer holds further than we do.',
      permission: 'recovery.read',
      route: 'GET /recovery',
      input: z.strictObject({}),
      output: z.object({ rewound: z.array(rewound), awaited: awaited.optional() }),
      errors: [],
    },
    goOn: {
      summary: 'Goes on after a restored backup, without the peers that have not spoken.',
      permission: 'recovery.write',
      route: 'POST /recovery/go-on',
      input: z.strictObject({}),
      output: awaited,
      errors: ['RECOVERY_NOT_FOUND'],
      since: 2,
    },
    plan: {
      summary: 'What a way of recovery would do, without doing it.',
      permission: 'recovery.read',
      route: 'GET /recovery/plan',
      input: z.strictObject({ id: one, way }),
      output: z.object({
        id: localIdSchema,
        way,
        epoch: z.number(),
        peerName: z.string(),
        entriesHere: z.number(),
        sentences: z.array(z.string()),
      }),
      errors: ['RECOVERY_NOT_FOUND'],
    },
    begin: {
      summary: 'Goes on with what is here, in a new epoch.',
      permission: 'recovery.write',
      route: 'POST /recovery/new-epoch',
      input: z.strictObject({ id: one }),
      output: recovered,
      errors: ['RECOVERY_NOT_FOUND', 'CONFLICT'],
    },
    adopt: {
      summary: 'Goes on with what the peer holds of us, in a new epoch.',
      permission: 'recovery.write',
      route: 'POST /recovery/adopt',
      input: z.strictObject({ id: one }),
      output: recovered,
      errors: [
        'RECOVERY_NOT_FOUND',
        'LINK_DOWN',
        'LINK_PENDING',
        'MIRROR_NOT_FOUND',
        'DIGEST_MISMATCH',
        'HEAD_INVALID',
        'BLOB_CORRUPT',
        'CONFLICT',
      ],
    },
    returning: {
      summary: 'What happens between us and a peer once both are here.',
      permission: 'recovery.read',
      route: 'GET /recovery/returning',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax) }),
      output: z.object({
        peer: clusterIdSchema,
        peerName: z.string(),
        connected: z.boolean(),
        rows: z.array(row),
      }),
      errors: ['LINK_NOT_FOUND'],
    },
  },
};
