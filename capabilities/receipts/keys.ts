// Where withdrawals are kept: at the owner, who holds what and what was withdrawn from whom; at the
// mirror, what is frozen and until when.
import {
  clusterIdSchema,
  errorReportSchema,
  federatedIdSchema,
  table,
  type ClusterId,
  type Codec,
  type ErrorReport,
  type FederatedId,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  lastHeadFields,
  receiptSchema,
  withdrawalIdSchema,
  type LastHead,
  type Receipt,
} from './receipt.ts';

/** A peer has said with a beat that it holds a copy of ours. */
export interface HolderRecord {
  readonly peer: ClusterId;
  readonly resource: FederatedId;
  readonly sinceMs: number;
  /** A capability token opened it: gone after every connection until it is shown again. */
  readonly byToken: boolean;
}

export interface WithdrawalRecord {
  readonly peer: ClusterId;
  readonly resource: FederatedId;
  readonly withdrawal: string;
  readonly openedMs: number;
  readonly purgeAfterMs: number;
  /** Of the copy, as it was last heard of. */
  readonly epoch?: number | undefined;
  readonly sequence?: number | undefined;
  /** When the mirror first answered that it knows. */
  readonly toldMs?: number | undefined;
  readonly purgeAtMs?: number | undefined;
  /** Shared again: the mirror is still to be told. */
  readonly restoring?: boolean | undefined;
  readonly receipt?: Receipt | undefined;
  readonly problem?: ErrorReport | undefined;
}

/** A copy of another's that its owner has withdrawn. */
export interface FrozenRecord {
  readonly resource: FederatedId;
  readonly withdrawal: string;
  readonly heardMs: number;
  readonly purgeAtMs: number;
  readonly retained?: string | undefined;
  /** Where the copy stands; written before it is deleted, since afterwards nobody knows. */
  readonly last?: LastHead | undefined;
  readonly receipt?: Receipt | undefined;
}

const holder: z.ZodType<HolderRecord> = z.object({
  peer: clusterIdSchema,
  resource: federatedIdSchema,
  sinceMs: z.number(),
  byToken: z.boolean(),
});
const withdrawal: z.ZodType<WithdrawalRecord> = z.object({
  peer: clusterIdSchema,
  resource: federatedIdSchema,
  withdrawal: withdrawalIdSchema,
  openedMs: z.number(),
  purgeAfterMs: z.number(),
  epoch: z.number().optional(),
  sequence: z.number().optional(),
  toldMs: z.number().optional(),
  purgeAtMs: z.number().optional(),
  restoring: z.boolean().optional(),
  receipt: receiptSchema.optional(),
  problem: errorReportSchema.optional(),
});
const frozen: z.ZodType<FrozenRecord> = z.object({
  resource: federatedIdSchema,
  withdrawal: withdrawalIdSchema,
  heardMs: z.number(),
  purgeAtMs: z.number(),
  retained: z.string().optional(),
  last: z.object(lastHeadFields).optional(),
  receipt: receiptSchema.optional(),
});

/** By peer and federated id. */
export function holderTable(store: KeyValueStore, codec: Codec): Table<HolderRecord> {
  return table({ store, codec, name: 'holder', schema: holder });
}

/** By peer and federated id. */
export function withdrawalTable(store: KeyValueStore, codec: Codec): Table<WithdrawalRecord> {
  return table({ store, codec, name: 'withdrawal', schema: withdrawal });
}

/** By federated id. */
export function frozenTable(store: KeyValueStore, codec: Codec): Table<FrozenRecord> {
  return table({ store, codec, name: 'frozen', schema: frozen });
}
