// Where lanes are kept: those we write by the resource they are for, those we received by their own
// id, and what needs a person.
import {
  errorReportSchema,
  federatedIdSchema,
  localIdSchema,
  table,
  type Codec,
  type ErrorReport,
  type FederatedId,
  type KeyValueStore,
  type LocalId,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { conflictSchema, type Conflict, type LaneState } from './contract.ts';

/** What follows from the number of conflicts is not stored. */
export type StoredLaneState = Exclude<LaneState, 'in-conflict'>;

export interface WrittenLane {
  readonly resource: FederatedId;
  readonly state: StoredLaneState;
  /** Open ones, as the owner last counted them. */
  readonly conflicts?: number | undefined;
  readonly lastError?: ErrorReport | undefined;
  readonly addedMs: number;
}

export interface ReceivedLane {
  readonly lane: FederatedId;
  readonly resource: LocalId;
  readonly promoted?: { readonly epoch: number; readonly sequence: number } | undefined;
  readonly lastError?: ErrorReport | undefined;
  readonly addedMs: number;
}

export interface StoredConflict {
  readonly conflict: Conflict;
  /** Our side stays, as long as theirs is this version. */
  readonly dismissed?: string | undefined;
}

export interface LaneTables {
  /** By the resource's federated id. */
  readonly written: Table<WrittenLane>;
  /** By the lane's federated id. */
  readonly received: Table<ReceivedLane>;
  /** By the lane's federated id, conflict id. */
  readonly conflicts: Table<StoredConflict>;
}

const written: z.ZodType<WrittenLane> = z.object({
  resource: federatedIdSchema,
  state: z.enum(['offered', 'refused', 'taken']),
  conflicts: z.number().optional(),
  lastError: errorReportSchema.optional(),
  addedMs: z.number(),
});
const received: z.ZodType<ReceivedLane> = z.object({
  lane: federatedIdSchema,
  resource: localIdSchema,
  promoted: z.object({ epoch: z.number(), sequence: z.number() }).optional(),
  lastError: errorReportSchema.optional(),
  addedMs: z.number(),
});
const conflict: z.ZodType<StoredConflict> = z.object({
  conflict: conflictSchema,
  dismissed: z.string().optional(),
});

export function laneTables(store: KeyValueStore, codec: Codec): LaneTables {
  return {
    written: table({ store, codec, name: 'written', schema: written }),
    received: table({ store, codec, name: 'received', schema: received }),
    conflicts: table({ store, codec, name: 'conflict', schema: conflict }),
  };
}
