// What a writer says to the owner of a resource: that it has a lane for it, and how it fares there.
import {
  errorReportSchema,
  federatedIdSchema,
  type Call,
  type Contract,
  type ErrorReport,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';

export interface LaneAnswer {
  readonly promoted?: { readonly epoch: number; readonly sequence: number } | undefined;
  /** Open ones of this lane. */
  readonly conflicts: number;
  readonly lastError?: ErrorReport | undefined;
}

/**
 * The lane's own id is never sent: it follows from the resource and from who asks, so that nobody
 * can offer what is not his.
 */
export interface LanePeer {
  /**
   * The asking cluster's lane for a resource of the asked one. RESOURCE_NOT_FOUND for what it may
   * not see, POLICY_DENIED with the rule; once taken, the asked cluster mirrors the lane.
   */
  offer(input: { readonly resource: FederatedId }, call?: Call): Promise<LaneAnswer>;
  /** How a lane that was taken fares; LANE_NOT_FOUND where it was not, or is no more. */
  status(input: { readonly resource: FederatedId }, call?: Call): Promise<LaneAnswer>;
}

const answer: z.ZodType<LaneAnswer> = z.object({
  promoted: z
    .object({ epoch: z.number().int().positive(), sequence: z.number().int().positive() })
    .optional(),
  conflicts: z.number().int().nonnegative(),
  lastError: errorReportSchema.optional(),
});
const input = z.object({ resource: federatedIdSchema });

export const lanePeerContract: Contract<LanePeer> = {
  name: 'lane-peer',
  version: 1,
  traffic: 'state',
  methods: {
    offer: {
      summary: 'Offers the asking cluster’s lane for a resource.',
      permission: 'peer',
      input,
      output: answer,
      errors: ['RESOURCE_NOT_FOUND', 'POLICY_DENIED', 'LANES_UNSUPPORTED', 'LANES_FULL'],
    },
    status: {
      summary: 'How the asking cluster’s lane fares.',
      permission: 'peer',
      input,
      output: answer,
      errors: ['LANE_NOT_FOUND'],
    },
  },
};
