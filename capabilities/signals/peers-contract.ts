// How it stands with the routers of linked clusters.
import { clusterIdSchema, type Call, type ClusterId, type Contract } from '@hansa/foundation';
import { z } from 'zod';
import { linksMax } from '../links/contract.ts';

export const signalPeerStates = [
  'connecting',
  'handshaking',
  'syncing',
  'active',
  'disconnected',
  'failed',
] as const;
export type SignalPeerState = (typeof signalPeerStates)[number];

export interface SignalPeer {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly state: SignalPeerState;
  /** Why it is not better, where that is known here. */
  readonly reason?: string | undefined;
  /** Whether it is our router that dials theirs. */
  readonly dials: boolean;
  /** What of ours it is told, and what its people may write here. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** What we hold to be its own. */
  readonly owns: readonly string[];
}

export interface SignalPeers {
  /** The clusters that this one is linked to. */
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly peers: readonly SignalPeer[] }>;
}

const patterns = z.array(z.string());

export const signalPeersContract: Contract<SignalPeers> = {
  name: 'signal-peers',
  version: 1,
  methods: {
    list: {
      summary: 'Lists linked clusters: how it stands with their routers, and what may cross.',
      permission: 'signal-peers.read',
      route: 'GET /signals/peers',
      input: z.strictObject({}),
      output: z.object({
        peers: z
          .array(
            z.object({
              cluster: clusterIdSchema,
              name: z.string(),
              state: z.enum(signalPeerStates),
              reason: z.string().optional(),
              dials: z.boolean(),
              reads: patterns,
              writes: patterns,
              owns: patterns,
            }),
          )
          .max(linksMax),
      }),
      errors: [],
    },
  },
};
