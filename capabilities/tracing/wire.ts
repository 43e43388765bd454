// What a cluster may ask another one about a change: only of what it may pull, or what it owns.
import { federatedIdSchema, type Call, type Contract, type FederatedId } from '@hansa/foundation';
import { z } from 'zod';
import { hopSchema, hopsMax, type Hop } from './contract.ts';

export interface TracingPeer {
  /** RESOURCE_NOT_FOUND for what is unknown and for what the asker may not pull alike. */
  hops(
    input: {
      readonly resource: FederatedId;
      readonly epoch: number;
      readonly sequence: number;
    },
    call?: Call,
  ): Promise<{ readonly hops: readonly Hop[] }>;
}

const place = z.number().int().nonnegative();

export const tracingPeerContract: Contract<TracingPeer> = {
  name: 'tracing-peer',
  version: 1,
  traffic: 'state',
  methods: {
    hops: {
      summary: 'What became of a change at the asked cluster.',
      permission: 'peer',
      input: z.object({ resource: federatedIdSchema, epoch: place, sequence: place }),
      output: z.object({ hops: z.array(hopSchema).max(hopsMax) }),
      errors: ['RESOURCE_NOT_FOUND'],
    },
  },
};
