// The audits that a person means: all that are here, or one by the name of its cluster.
import { HansaError, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { allChains, mirroredChain, ownChain, type AuditChain, type ChainNeeds } from './chain.ts';

export interface ChoosingNeeds extends ChainNeeds {
  readonly peers: Pick<Peers, 'resolve'>;
}

/** MIRROR_NOT_FOUND where that audit is not here; LINK_NOT_FOUND where nobody is so called. */
export async function chosenChains(
  needs: ChoosingNeeds,
  cluster: string | undefined,
): Promise<readonly AuditChain[]> {
  return cluster === undefined ? allChains(needs) : [await oneChain(needs, cluster)];
}

/** Our own where none is named. */
export async function oneChain(
  needs: ChoosingNeeds,
  cluster: string | undefined,
): Promise<AuditChain> {
  const { signer } = needs;
  const own = [undefined, 'own', signer.name, signer.cluster];
  if (own.includes(cluster) || cluster === undefined) {
    return ownChain(needs);
  }
  const found = await mirroredChain(needs, idOf(needs, cluster));
  if (found === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', `the audit of ${cluster} is not mirrored here`, {
      fix: `hansa mirror add ${cluster}:audit/log`,
    });
  }
  return found;
}

/** A mirror may outlive its link: then only the mirror knows the name. */
function idOf({ mirrors, peers }: ChoosingNeeds, cluster: string): ClusterId {
  const known = mirrors.all().find(({ owner, ownerName }) => {
    return owner === cluster || ownerName === cluster;
  });
  return known?.owner ?? peers.resolve(cluster).cluster;
}
