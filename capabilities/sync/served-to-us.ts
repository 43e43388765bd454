// What an owner gives us, found out by asking for it: a head that it signs for us over the link is
// proof that we may read the resource; silence, and a word that it is absent, prove nothing.
import { remote, type ClusterId, type FederatedId, type Log } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Head, History } from '../resources/contract.ts';
import { headsPerRequestMax, syncPeerContract } from './wire.ts';

export interface ServedNeeds {
  readonly peers: Peers;
  readonly history: Pick<History, 'verify'>;
  readonly log: Log;
}

/** Of one owner's resources, those that it serves us now; rejects where it does not answer. */
export async function servedToUs(
  needs: ServedNeeds,
  asked: {
    readonly owner: ClusterId;
    readonly resources: readonly FederatedId[];
    readonly signal: AbortSignal;
  },
): Promise<readonly FederatedId[]> {
  const { owner, resources, signal } = asked;
  const wire = remote(syncPeerContract, needs.peers.observer(owner));
  const served: FederatedId[] = [];
  for (let at = 0; at < resources.length; at += headsPerRequestMax) {
    const page = resources.slice(at, at + headsPerRequestMax);
    const { heads } = await wire.heads({ resources: page }, { signal });
    served.push(...page.filter((each, index) => isProof(needs, each, heads[index] ?? null)));
  }
  return served;
}

function isProof({ history, log }: ServedNeeds, resource: FederatedId, head: Head | null): boolean {
  if (head?.resource !== resource) {
    return false;
  }
  try {
    history.verify(head);
    return true;
  } catch (error) {
    log.problem('mirror.head-unproven', error, { resource });
    return false;
  }
}
