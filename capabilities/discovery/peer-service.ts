// What other clusters may say and ask here about where clusters are.
import { callingCluster, HansaError, isHansaError, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Announcing } from './announcing.ts';
import type { Gossip } from './gossip.ts';
import type { Hearing } from './hearing.ts';
import type { DiscoveryPeer } from './wire.ts';

export interface DiscoveryPeerNeeds {
  readonly peers: Peers;
  readonly announcing: Announcing;
  readonly hearing: Hearing;
  readonly gossip: Gossip;
  readonly counts: { taken: number; refused: number };
  isBlocked(cluster: ClusterId): boolean;
}

export function createDiscoveryPeer(needs: DiscoveryPeerNeeds): DiscoveryPeer {
  const { peers, announcing, hearing, gossip, counts, isBlocked } = needs;
  return {
    async announce({ announcement, hops }, call) {
      const from = callingCluster(call);
      if (!peers.standing(from).active || isBlocked(from)) {
        throw new HansaError('LINK_NOT_FOUND', 'only linked clusters announce here');
      }
      try {
        const told = { source: 'gossip', from, hops } as const;
        const taken = await hearing.announced(announcement, told);
        if (taken) {
          counts.taken += 1;
          gossip.forward(announcement, { from, hops });
        }
        return { taken };
      } catch (error) {
        counts.refused += isHansaError(error) ? 1 : 0;
        throw error;
      }
    },
    async present(_input, call) {
      const announcement = announcing.present();
      if (announcement === undefined || isBlocked(callingCluster(call))) {
        throw new HansaError('DISCOVERY_OFF', 'this cluster tells nobody where it is');
      }
      return { announcement };
    },
  };
}
