// Whether a peer may pull: asked before anything is looked up, by everything that serves peers.
import {
  HansaError,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Enforcement } from '../policies/contract.ts';

export interface PullRights {
  readonly cluster: ClusterId;
  readonly enforcement: Enforcement;
}

/** One answer for unknown, unshared and not ours: nobody learns which. */
export function absent(resource: FederatedId): HansaError {
  return new HansaError('RESOURCE_NOT_FOUND', `there is no ${resource} here for you`);
}

/** Of our own resources. */
export function requirePull(
  { cluster, enforcement }: PullRights,
  resource: FederatedId,
  peer: ClusterId,
): LocalId {
  const { owner, local } = splitFederatedId(resource);
  const readable = enforcement.visible(peer, 'pull');
  if (owner !== cluster || !readable.has(local)) {
    throw absent(resource);
  }
  return local;
}
