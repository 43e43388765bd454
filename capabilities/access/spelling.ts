// A principal as people spell it: `anna`, `service:ci`, `anna@lubeck`; and `cluster:lubeck`, for
// whoever comes with a token of that cluster that speaks for nobody.
import {
  HansaError,
  isPrincipal,
  nameLengthMax,
  principal,
  type ClusterId,
  type Principal,
  type PrincipalKind,
} from '@hansa/foundation';
import type { TargetNeeds } from './target.ts';

const clusterForm = /^cluster:(\S+)$/;
const form = /^(?:(user|service|workload):)?([^:@\s]+)(?:@(\S+))?$/;

/** INPUT_INVALID on what names nobody; LINK_NOT_FOUND on an unknown peer behind the "@". */
export function readPrincipal({ cluster, name: own, peers }: TargetNeeds, text: string): Principal {
  const [, spelled] = clusterForm.exec(text) ?? [];
  if (spelled !== undefined) {
    const id = spelled === own ? cluster : homeOf(spelled, cluster, peers);
    return principal({ kind: 'cluster', name: id });
  }
  const [, kind = 'user', name = '', peer] = form.exec(text) ?? [];
  const home = peer === undefined || peer === own ? cluster : homeOf(peer, cluster, peers);
  const away = home === cluster ? {} : { home };
  const read = principal({ kind: kind as PrincipalKind, name, ...away });
  if (!isPrincipal(read)) {
    throw new HansaError('INPUT_INVALID', `"${text.slice(0, nameLengthMax)}" names nobody`, {
      fix: 'write anna, service:ci or workload:web; of others anna@<peer>, or cluster:<peer>',
    });
  }
  return read;
}

function homeOf(peer: string, cluster: ClusterId, peers: TargetNeeds['peers']): ClusterId {
  if (peer === cluster || /^[0-9a-f]{64}$/.test(peer)) {
    return peer as ClusterId;
  }
  return peers.resolve(peer).cluster;
}
