// What an owner says to whoever holds copies of its resources: that they are not shared any more,
// and that they are again.
import { federatedIdSchema, type Call, type Contract, type FederatedId } from '@hansa/foundation';
import { z } from 'zod';
import { receiptSchema, withdrawalIdSchema, type Receipt } from './contract.ts';

export const copiesPerRequestMax = 100; // receipts of 2 KiB at most: 200 KiB in an answer
export const purgeAfterMaxMs: number = 30 * 24 * 3_600_000; // later is no withdrawal

export interface WithdrawnCopy {
  readonly resource: FederatedId;
  /** The owner's name for the withdrawal: 64 hex digits by chance. */
  readonly withdrawal: string;
  /** From when the mirror first hears of it, by its own clock. */
  readonly purgeAfterMs: number;
}

export type WithdrawalAnswer =
  | { readonly state: 'frozen'; readonly purgeInMs: number }
  | { readonly state: 'purged' | 'retained'; readonly receipt: Receipt };

export interface ReceiptsPeer {
  /** INPUT_INVALID where one of them is not the caller's; LINK_NOT_FOUND without a link. */
  withdraw(
    input: { readonly withdrawn: readonly WithdrawnCopy[] },
    call?: Call,
  ): Promise<{ readonly answers: readonly WithdrawalAnswer[] }>;
  /** They are shared again: whatever is frozen of them follows again. */
  restore(
    input: { readonly resources: readonly FederatedId[] },
    call?: Call,
  ): Promise<{ readonly thawed: number }>;
}

const natural = z.number().int().nonnegative();
const answer: z.ZodType<WithdrawalAnswer> = z.union([
  z.object({ state: z.literal('frozen'), purgeInMs: natural }),
  z.object({ state: z.enum(['purged', 'retained']), receipt: receiptSchema }),
]);

export const receiptsPeerContract: Contract<ReceiptsPeer> = {
  name: 'receipts-peer',
  version: 1,
  // On one stream, whatever happens to planes: a withdrawal must never come after its restoring.
  traffic: 'control',
  methods: {
    withdraw: {
      summary: 'Says that copies of the caller’s are not shared any more.',
      permission: 'peer',
      input: z.object({
        withdrawn: z
          .array(
            z.object({
              resource: federatedIdSchema,
              withdrawal: withdrawalIdSchema,
              purgeAfterMs: natural.max(purgeAfterMaxMs),
            }),
          )
          .max(copiesPerRequestMax),
      }),
      output: z.object({ answers: z.array(answer).max(copiesPerRequestMax) }),
      errors: ['INPUT_INVALID', 'LINK_NOT_FOUND', 'FEDERATION_OFF'],
    },
    restore: {
      summary: 'Says that copies of the caller’s are shared again.',
      permission: 'peer',
      input: z.object({ resources: z.array(federatedIdSchema).max(copiesPerRequestMax) }),
      output: z.object({ thawed: natural }),
      errors: ['INPUT_INVALID', 'LINK_NOT_FOUND'],
    },
  },
};
