// Who did what here, and what became of it: a chain of records that only this node writes, whose
// heads linked clusters countersign.
import {
  clusterIdSchema,
  errorReportSchema,
  localId,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type LocalId,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  auditAnchorFields,
  auditHeadFields,
  auditRecordFields,
  auditTextMax,
  countersignatureFields,
  type AuditAnchor,
  type AuditHead,
  type AuditPoint,
  type AuditRecord,
  type Countersignature,
} from './record.ts';

export type { Act, AuditSink } from './uses.ts';
export { auditHeadSchema, countersignatureSchema } from './record.ts';
export type { AuditAnchor, AuditHead, AuditPoint, AuditRecord, Countersignature };

export const auditKind = 'audit';
export const auditName = 'log';
export const auditId: LocalId = localId(auditKind, auditName);

export const auditPageMax = 1_000; // rows of a page, each below a kilobyte: a frame holds them
export const auditPageDefault = 50; // what a person reads at once
// Removing later ones by itself would let whoever floods the audit push the evidence out of it.
export const auditKeptMs: number = 90 * 24 * 3_600_000;
const auditCursorMax = 128; // a time, a sequence and a cluster's id

/** A record with whose it is. */
export interface AuditRow extends AuditRecord {
  readonly cluster: ClusterId;
  readonly clusterName: string;
}

/** All that are given must hold, exactly; what ends in "*" is what others begin with. */
export interface AuditFilter {
  readonly principal?: string | undefined;
  readonly act?: string | undefined;
  readonly target?: string | undefined;
  readonly outcome?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Of one cluster alone: our own by `own`, another's by its name or id. */
  readonly cluster?: string | undefined;
}

export type AuditProblemKind =
  | 'changed'
  | 'missing'
  | 'truncated'
  | 'unreadable'
  | 'anchor'
  | 'head'
  | 'countersignature';

export interface AuditProblem {
  readonly what: AuditProblemKind;
  /** Of the first record that is concerned. */
  readonly sequence?: number | undefined;
  readonly sentence: string;
}

export interface AuditReport {
  readonly cluster: ClusterId;
  readonly clusterName: string;
  readonly verified: boolean;
  readonly records: number;
  /** Removed on purpose: those up to it. */
  readonly prunedTo: number;
  readonly last: number;
  /** Who countersigned, and up to where. */
  readonly witnesses: readonly { readonly name: string; readonly sequence: number }[];
  readonly problems: readonly AuditProblem[];
}

export type AuditVerifying =
  | {
      readonly type: 'progress';
      readonly clusterName: string;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'report'; readonly report: AuditReport };

/** One line of an export: evidence as protocol/audit.md has it. */
export type AuditEvidence =
  | {
      readonly kind: 'audit';
      readonly format: 'hansa/evidence/1';
      readonly cluster: ClusterId;
      readonly name: string;
    }
  | {
      readonly kind: 'key-log';
      readonly inception: ExportedInception;
      readonly rotations: readonly ExportedRotation[];
    }
  | ({ readonly kind: 'audit-anchor' } & AuditAnchor)
  | ({ readonly kind: 'audit-head' } & AuditHead)
  | ({ readonly kind: 'audit-countersignature' } & Countersignature)
  | ({ readonly kind: 'audit-record'; readonly cluster: ClusterId } & AuditRecord);

interface ExportedInception {
  readonly cluster: ClusterId;
  readonly nextKeyHash: string;
  readonly createdMs: number;
  readonly signature: string;
}

interface ExportedRotation extends ExportedInception {
  readonly keyIndex: number;
  readonly key: string;
  readonly previousSignature?: string | undefined;
}

export interface PrunePlan {
  readonly beforeMs: number;
  readonly records: number;
  /** The last one that goes; 0 where none does. */
  readonly to: number;
  readonly kept: number;
  /** Some of them are younger than would ever be removed by itself. */
  readonly young: boolean;
}

export interface Audit {
  /** Newest first, over our own audit and every mirror of another's. */
  list(
    input: AuditFilter & { limit?: number | undefined; cursor?: string | undefined },
    call?: Call,
  ): Promise<{ readonly records: readonly AuditRow[]; readonly cursor?: string | undefined }>;
  /** What is written from now on. */
  watch(input: AuditFilter, call?: Call): AsyncIterable<AuditRow>;
  /** Walks the chain, and holds it against what was signed; reports on each audit that is here. */
  verify(input: { cluster?: string | undefined }, call?: Call): AsyncIterable<AuditVerifying>;
  export(input: { cluster?: string | undefined }, call?: Call): AsyncIterable<AuditEvidence>;
  plan(input: { beforeMs: number }, call?: Call): Promise<PrunePlan>;
  /** Removes what is older; what is left begins at a signed anchor. */
  prune(input: { beforeMs: number }, call?: Call): Promise<PrunePlan>;
  /** Heads that contradict each other are explained: what the peer shows next is believed. */
  accept(input: { peer: string }, call?: Call): Promise<{ readonly peer: ClusterId }>;
  status(input: Record<string, never>, call?: Call): Promise<AuditStatus>;
}

export interface AuditStatus {
  readonly records: number;
  readonly last: number;
  readonly problems: readonly ErrorReport[];
  readonly peers: readonly AuditPeerStatus[];
}

export interface AuditPeerStatus {
  readonly peer: ClusterId;
  readonly name: string;
  /** Up to where it has countersigned ours. */
  readonly ours?: number | undefined;
  /** Up to where we have countersigned theirs. */
  readonly theirs?: number | undefined;
  readonly forked: boolean;
}

const moment = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const spelledCluster = z.string().min(1).max(nameLengthMax);
const prefixed = z
  .string()
  .min(1)
  .max(auditTextMax)
  .describe('Exactly this; where it ends in "*", all that begin with what stands before it.');
const filterFields = {
  principal: prefixed.optional(),
  act: prefixed.optional(),
  target: prefixed.optional(),
  outcome: z.string().min(1).max(auditTextMax).optional(),
  sinceMs: moment.optional(),
  untilMs: moment.optional(),
  cluster: spelledCluster.optional(),
};
const row: z.ZodType<AuditRow> = z.object({
  ...auditRecordFields,
  cluster: clusterIdSchema,
  clusterName: z.string(),
});
const report: z.ZodType<AuditReport> = z.object({
  cluster: clusterIdSchema,
  clusterName: z.string(),
  verified: z.boolean(),
  records: z.number(),
  prunedTo: z.number(),
  last: z.number(),
  witnesses: z.array(z.object({ name: z.string(), sequence: z.number() })),
  problems: z.array(
    z.object({
      what: z.enum([
        'changed',
        'missing',
        'truncated',
        'unreadable',
        'anchor',
        'head',
        'countersignature',
      ]),
      sequence: z.number().optional(),
      sentence: z.string(),
    }),
  ),
});
const verifying: z.ZodType<AuditVerifying> = z.union([
  z.object({
    type: z.literal('progress'),
    clusterName: z.string(),
    done: z.number(),
    total: z.number(),
  }),
  z.object({ type: z.literal('report'), report }),
]);
const inception = {
  cluster: clusterIdSchema,
  nextKeyHash: z.string(),
  createdMs: moment,
  signature: z.string(),
};
const evidence: z.ZodType<AuditEvidence> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('audit'),
    format: z.literal('hansa/evidence/1'),
    cluster: clusterIdSchema,
    name: z.string(),
  }),
  z.object({
    kind: z.literal('key-log'),
    inception: z.object(inception),
    rotations: z.array(
      z.object({
        ...inception,
        keyIndex: moment,
        key: z.string(),
        previousSignature: z.string().optional(),
      }),
    ),
  }),
  z.object({ kind: z.literal('audit-anchor'), ...auditAnchorFields }),
  z.object({ kind: z.literal('audit-head'), ...auditHeadFields }),
  z.object({ kind: z.literal('audit-countersignature'), ...countersignatureFields }),
  z.object({
    kind: z.literal('audit-record'),
    cluster: clusterIdSchema,
    ...auditRecordFields,
  }),
]);
const prunePlan: z.ZodType<PrunePlan> = z.object({
  beforeMs: z.number(),
  records: z.number(),
  to: z.number(),
  kept: z.number(),
  young: z.boolean(),
});
const status: z.ZodType<AuditStatus> = z.object({
  records: z.number(),
  last: z.number(),
  problems: z.array(errorReportSchema),
  peers: z.array(
    z.object({
      peer: clusterIdSchema,
      name: z.string(),
      ours: z.number().optional(),
      theirs: z.number().optional(),
      forked: z.boolean(),
    }),
  ),
});
const ofCluster = z.strictObject({ cluster: spelledCluster.optional() });
const before = z.strictObject({ beforeMs: moment });

export const auditContract: Contract<Audit> = {
  name: 'audit',
  version: 1,
  methods: {
    list: {
      summary: 'Who did what and what became of it, newest first, here and in mirrored audits.',
      permission: 'audit.read',
      route: 'GET /audit',
      input: z.strictObject({
        ...filterFields,
        limit: z.number().int().positive().max(auditPageMax).optional(),
        cursor: z.string().min(1).max(auditCursorMax).optional(),
      }),
      output: z.object({ records: z.array(row), cursor: z.string().optional() }),
      errors: ['LINK_NOT_FOUND', 'MIRROR_NOT_FOUND'],
    },
    watch: {
      watch: true,
      summary: 'Every record that is written from now on, here and in mirrored audits.',
      permission: 'audit.read',
      route: 'GET /audit/changes',
      input: z.strictObject(filterFields),
      output: row,
      errors: ['LINK_NOT_FOUND', 'MIRROR_NOT_FOUND'],
    },
    verify: {
      watch: true,
      summary: 'Walks the chain of records and holds it against all that was signed of it.',
      permission: 'audit.read',
      route: 'GET /audit/verification',
      input: ofCluster,
      output: verifying,
      errors: ['LINK_NOT_FOUND', 'MIRROR_NOT_FOUND'],
    },
    export: {
      watch: true,
      summary: 'The records with what proves them, as evidence that needs no node to be checked.',
      permission: 'audit.read',
      route: 'GET /audit/export',
      input: ofCluster,
      output: evidence,
      errors: ['LINK_NOT_FOUND', 'MIRROR_NOT_FOUND', 'FEDERATION_OFF'],
    },
    plan: {
      summary: 'What pruning would remove.',
      permission: 'audit.read',
      route: 'GET /audit/pruning',
      input: before,
      output: prunePlan,
      errors: [],
    },
    prune: {
      summary: 'Removes records before a time; what is left begins at a signed anchor.',
      permission: 'audit.write',
      route: 'POST /audit/pruning',
      input: before,
      output: prunePlan,
      errors: ['FEDERATION_OFF', 'AUDIT_UNAVAILABLE'],
    },
    accept: {
      summary: 'Ends AUDIT_FORKED with a peer: what it shows or signs next is believed.',
      permission: 'audit.write',
      route: 'POST /audit/acceptance',
      input: z.strictObject({ peer: spelledCluster }),
      output: z.object({ peer: clusterIdSchema }),
      errors: ['LINK_NOT_FOUND'],
    },
    status: {
      summary: 'How many records there are, and up to where peers have countersigned.',
      permission: 'audit.read',
      route: 'GET /audit/status',
      input: z.strictObject({}),
      output: status,
      errors: [],
    },
  },
};
