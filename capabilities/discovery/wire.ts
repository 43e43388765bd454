// What clusters say to each other about where clusters are.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';
import { announcementSchema, type Announcement } from './contract.ts';

// A word crosses three links at most: whoever is farther away has no link to dial by it, and what a
// liar resets is stopped by the counter.
export const hopsMax = 3;

export interface DiscoveryPeer {
  /** Hands over a cluster's announcement: the caller's own (no hops), or one it passes on. */
  announce(
    input: { readonly announcement: Announcement; readonly hops: number },
    call?: Call,
  ): Promise<{ readonly taken: boolean }>;
  /** The announcement of the cluster that is asked. */
  present(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly announcement: Announcement }>;
}

export const discoveryPeerContract: Contract<DiscoveryPeer> = {
  name: 'discovery-peer',
  version: 1,
  traffic: 'state',
  methods: {
    announce: {
      summary: 'Hands over a cluster’s announcement; false where it was known already.',
      permission: 'peer',
      input: z.object({
        announcement: announcementSchema,
        hops: z
          .number()
          .int()
          .min(0)
          .max(hopsMax - 1),
      }),
      output: z.object({ taken: z.boolean() }),
      errors: ['LINK_NOT_FOUND', 'RATE_LIMITED', 'ANNOUNCEMENT_INVALID', 'ANNOUNCEMENT_STALE'],
    },
    present: {
      summary: 'The present announcement of the cluster that is asked.',
      permission: 'peer',
      input: z.object({}),
      output: z.object({ announcement: announcementSchema }),
      errors: ['DISCOVERY_OFF'],
    },
  },
};
