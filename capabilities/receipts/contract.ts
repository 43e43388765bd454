// What became of copies that are not shared any more: who holds what of ours, who has given it up,
// and what of others' is kept here all the same.
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
import { reasonLengthMax, receiptSchema, type Receipt } from './receipt.ts';

export { receiptSchema, withdrawalIdSchema, type LastHead, type Receipt } from './receipt.ts';

export const purgeAfterMs: number = 24 * 3_600_000; // a day: a typo is noticed, and wipes nobody
export const holdingsShownMax = 1_000; // read by a person

/**
 * `holds` what is shared with it; `untold` as long as it has not answered that it knows; `frozen`
 * until it purges; `silent` past that moment without a receipt; `restoring` until it has answered
 * that it is shared again.
 */
export type HoldingState =
  | 'holds'
  | 'untold'
  | 'frozen'
  | 'silent'
  | 'purged'
  | 'retained'
  | 'restoring';

/** One peer's copy of one resource of ours, by its own word. */
export interface Holding {
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly resource: FederatedId;
  /** `<kind>/<name>`. */
  readonly id: string;
  readonly state: HoldingState;
  /** Where the copy stood when it was last heard of. */
  readonly epoch?: number | undefined;
  readonly sequence?: number | undefined;
  readonly withdrawnMs?: number | undefined;
  /** By our clock; the mirror's own decides. */
  readonly purgeAtMs?: number | undefined;
  readonly silentSinceMs?: number | undefined;
  /** The mirror's signed word, no more and no less. */
  readonly receipt?: Receipt | undefined;
  /** What came instead of an answer. */
  readonly problem?: ErrorReport | undefined;
}

export interface CopyName {
  readonly peer: string;
  /** Ours: `<kind>/<name>`, or the name where it is the only one. */
  readonly resource: string;
}

/** Receipts. */
export interface Receipts {
  /** What was withdrawn; with `all`, also what peers hold that is shared with them. */
  list(
    input: {
      peer?: string | undefined;
      resource?: string | undefined;
      all?: boolean | undefined;
    },
    call?: Call,
  ): Promise<{ holdings: readonly Holding[]; truncated: boolean }>;
  show(input: CopyName, call?: Call): Promise<Holding>;
  /** Which of these copies exist: what withdrawing them would freeze. */
  holders(
    input: { copies: readonly CopyName[] },
    call?: Call,
  ): Promise<{ holdings: readonly Holding[] }>;
  /**
   * Does not wait a day: what is withdrawn of these is to be deleted now. Answers with what it came
   * to, or after a few seconds; what is shared still `holds`, and is left alone.
   */
  hurry(
    input: { copies: readonly CopyName[] },
    call?: Call,
  ): Promise<{ holdings: readonly Holding[] }>;
  /** Keeps a mirror that its owner has withdrawn; the owner is told why. */
  retain(input: { resource: string; reason: string }, call?: Call): Promise<Receipt>;
}

const holding: z.ZodType<Holding> = z.object({
  peer: clusterIdSchema,
  peerName: z.string(),
  resource: federatedIdSchema,
  id: z.string(),
  state: z.enum(['holds', 'untold', 'frozen', 'silent', 'purged', 'retained', 'restoring']),
  epoch: z.number().optional(),
  sequence: z.number().optional(),
  withdrawnMs: z.number().optional(),
  purgeAtMs: z.number().optional(),
  silentSinceMs: z.number().optional(),
  receipt: receiptSchema.optional(),
  problem: errorReportSchema.optional(),
});
const spelledPeer = z.string().min(1).max(nameLengthMax);
const spelledResource = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const copyName = z.strictObject({ peer: spelledPeer, resource: spelledResource });
const someCopies = z.strictObject({ copies: z.array(copyName).max(holdingsShownMax) });
const someHoldings = z.object({ holdings: z.array(holding).max(holdingsShownMax) });

export const receiptsContract: Contract<Receipts> = {
  name: 'receipts',
  version: 1,
  methods: {
    list: {
      summary: 'Lists what was withdrawn from whom, and what became of it.',
      permission: 'receipts.read',
      route: 'GET /receipts',
      input: z.strictObject({
        peer: spelledPeer.optional(),
        resource: spelledResource.optional(),
        all: z.boolean().optional(),
      }),
      output: z.object({
        holdings: z.array(holding).max(holdingsShownMax),
        truncated: z.boolean(),
      }),
      errors: ['LINK_NOT_FOUND'],
    },
    show: {
      summary: 'Shows one copy, with the mirror’s receipt.',
      permission: 'receipts.read',
      route: 'GET /receipts/show',
      input: copyName,
      output: holding,
      errors: ['LINK_NOT_FOUND', 'RECEIPT_NOT_FOUND'],
    },
    holders: {
      summary: 'Tells which of these copies exist.',
      permission: 'receipts.read',
      route: 'POST /receipts/holders',
      input: someCopies,
      output: someHoldings,
      errors: [],
    },
    hurry: {
      summary: 'Asks for withdrawn copies to be deleted now instead of after a day.',
      permission: 'receipts.write',
      route: 'POST /receipts/hurry',
      input: someCopies,
      output: someHoldings,
      errors: ['RECEIPT_NOT_FOUND'],
    },
    retain: {
      summary: 'Keeps a mirror that its owner has withdrawn, and tells the owner why.',
      permission: 'receipts.write',
      route: 'POST /mirrors/retain',
      input: z.strictObject({
        resource: spelledResource,
        reason: z.string().min(1).max(reasonLengthMax),
      }),
      output: receiptSchema,
      errors: ['MIRROR_NOT_FOUND', 'MIRROR_NOT_FROZEN', 'FEDERATION_OFF'],
    },
  },
};
