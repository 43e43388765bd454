// What a peer is told of a change here: of what it may pull, and of what it owns itself. Everything
// else is answered alike.
import {
  callingCluster,
  HansaError,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Enforcement, MirrorEnforcement } from '../policies/contract.ts';
import { ownHops, type HopsNeeds } from './hops.ts';
import type { TracingPeer } from './wire.ts';

export interface TracingPeerNeeds extends HopsNeeds {
  readonly enforcement: Enforcement & Partial<Pick<MirrorEnforcement, 'visibleMirrored'>>;
}

export function createTracingPeer(needs: TracingPeerNeeds): TracingPeer {
  return {
    async hops({ resource, epoch, sequence }, call) {
      const peer = callingCluster(call);
      if (!mayKnow(needs, resource, peer)) {
        throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${resource} here for you`);
      }
      return { hops: await ownHops(needs, resource, { epoch, sequence }) };
    },
  };
}

function mayKnow(needs: TracingPeerNeeds, resource: FederatedId, peer: ClusterId): boolean {
  const { signer, enforcement, mirrors } = needs;
  const { owner, local } = splitFederatedId(resource);
  if (owner === signer.cluster) {
    return enforcement.visible(peer, 'pull').has(local);
  }
  if (mirrors.find(resource) === undefined) {
    return false;
  }
  return owner === peer || enforcement.visibleMirrored?.(peer, 'pull').has(resource) === true;
}
