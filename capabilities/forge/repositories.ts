// Which repositories there are: this cluster's own, mirrors of others', and lanes, which are shown
// as such and not as repositories.
import {
  federatedId,
  HansaError,
  laneTarget,
  splitFederatedId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { LaneWriting } from '../lanes/contract.ts';
import type { Resource, ResourceLog } from '../resources/contract.ts';
import type { ScrubParts } from '../scrub/contract.ts';
import type { Mirror, Mirrors } from '../sync/contract.ts';
import type { CacheNeeds, Caches, StoredRepository } from './caches.ts';
import { gitKind } from './contract.ts';

export interface ForgeNeeds extends CacheNeeds {
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly lanes: LaneWriting;
  /** Who looks at repositories as well, when it looks at everything. */
  readonly scrubs?: ScrubParts | undefined;
  /** Where the API listens, without a slash at the end; known once it does. */
  apiUrl(): string;
}

export interface Parts extends ForgeNeeds {
  readonly caches: Caches;
}

/** RESOURCE_NOT_FOUND where this cluster owns none by that id. */
export function ownRepository(
  { resources, signer }: Pick<Parts, 'resources' | 'signer'>,
  id: LocalId,
): StoredRepository {
  const resource = resources.find(id);
  if (resource === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no repository ${id.slice(4)} here`, {
      fix: 'hansa repo list',
    });
  }
  return {
    resource: federatedId(signer.cluster, id),
    epoch: resource.epoch,
    entry: (key) => resources.entry(id, key),
    entries: () => resources.entries(id),
  };
}

export function ownedRepositories({ resources }: Pick<Parts, 'resources'>): readonly Resource[] {
  return resources.all().filter(({ id, kind }) => kind === gitKind && laneTarget(id) === undefined);
}

export function mirroredRepositories({ mirrors }: Pick<Parts, 'mirrors'>): readonly Mirror[] {
  return mirrors.all().filter(({ resource, kind }) => kind === gitKind && !isLane(resource));
}

function isLane(resource: FederatedId): boolean {
  return laneTarget(splitFederatedId(resource).local) !== undefined;
}

/** What a lane is for, as this cluster holds it: nothing of that is sent again in the lane. */
export async function lenderOf(
  needs: Pick<Parts, 'resources' | 'signer' | 'mirrors'>,
  resource: FederatedId,
): Promise<StoredRepository | undefined> {
  const target = laneTarget(splitFederatedId(resource).local);
  if (target === undefined) {
    return undefined;
  }
  const { owner, local } = splitFederatedId(target);
  if (owner !== needs.signer.cluster) {
    return needs.mirrors.view(target);
  }
  return needs.resources.find(local) === undefined ? undefined : ownRepository(needs, local);
}
