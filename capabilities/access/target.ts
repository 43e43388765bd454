// A resource as somebody spelled it in a request, as policies know it. Pure.
import { isHansaError, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { PolicyTarget } from './engine.ts';

export interface TargetNeeds {
  readonly cluster: ClusterId;
  /** As this cluster calls itself, which people write before their own resources too. */
  readonly name: string;
  readonly peers: Pick<Peers, 'resolve'>;
}

const clusterId = /^[0-9a-f]{64}$/;

/** `<kind>/<name>` or `<peer>:<kind>/<name>`; undefined where no resource can be meant. */
export function readTarget(needs: TargetNeeds, spelled: string): PolicyTarget | undefined {
  const colon = spelled.indexOf(':');
  const local = spelled.slice(colon + 1);
  const slash = local.indexOf('/');
  const owner = colon < 0 ? needs.cluster : ownerOf(needs, spelled.slice(0, colon));
  if (owner === undefined || slash <= 0 || slash === local.length - 1) {
    return undefined;
  }
  const kind = local.slice(0, slash);
  const name = local.slice(slash + 1);
  // Where this cluster keeps what it writes for another's resource, that resource is meant.
  const [, laneOwner, laneName] = /^@([0-9a-f]{64})\/(.+)$/.exec(name) ?? [];
  return laneOwner !== undefined && laneName !== undefined
    ? { kind, name: laneName, own: false, owner: laneOwner }
    : { kind, name, own: owner === needs.cluster, owner };
}

function ownerOf({ cluster, name, peers }: TargetNeeds, spelled: string): string | undefined {
  if (spelled === name || spelled === cluster) {
    return cluster;
  }
  if (clusterId.test(spelled)) {
    return spelled;
  }
  try {
    return peers.resolve(spelled).cluster;
  } catch (error) {
    if (isHansaError(error, 'LINK_NOT_FOUND')) {
      return undefined;
    }
    throw error;
  }
}

/** The same for every spelling of it. */
export function targetKey({ owner, kind, name }: PolicyTarget): string {
  return `${owner}:${kind}/${name}`;
}
