// Directories as people read them: own ones and mirrors, with what is in each.
import { HansaError, resolveSpelled, splitFederatedId, type FederatedId } from '@hansa/foundation';
import { directoryKind, type ShownDirectory } from './contract.ts';
import type { DirectoryEntry } from './entries.ts';
import type { ShowingNeeds } from './showing.ts';

/** RESOURCE_NOT_FOUND, MIRROR_NOT_FOUND. */
export function resolveDirectory(needs: ShowingNeeds, spelled: string): FederatedId {
  return resolveSpelled(needs, directoryKind, spelled);
}

export function showDirectory(needs: ShowingNeeds, resource: FederatedId): ShownDirectory {
  const { owner, name, kind } = splitFederatedId(resource);
  const standing = kind === directoryKind ? standingOf(needs, resource) : undefined;
  if (standing === undefined) {
    throw directoryUnknown(name);
  }
  const entries = [...(needs.followed.find(resource)?.entries.values() ?? [])];
  const count = (type: DirectoryEntry['type']): number =>
    entries.filter(({ entry }) => entry.type === type).length;
  return {
    name,
    home: owner,
    directory: resource,
    ...standing,
    users: count('user'),
    groups: count('group'),
    services: count('service'),
    roles: count('role'),
  };
}

type Standing = Pick<ShownDirectory, 'role' | 'ownerName' | 'description' | 'state' | 'counts'>;

function standingOf(needs: ShowingNeeds, resource: FederatedId): Standing | undefined {
  const { followed, signer, resources, mirrors } = needs;
  const { owner, local } = splitFederatedId(resource);
  if (owner === signer.cluster) {
    const own = resources.find(local);
    const { description = '' } = own ?? {};
    return own && { role: 'own', ownerName: signer.name, description, counts: true };
  }
  const mirror = mirrors.find(resource);
  const counts = followed.counts(resource);
  return (
    mirror && {
      role: 'mirror',
      ownerName: mirror.ownerName,
      description: '',
      state: mirror.state,
      counts,
    }
  );
}

export function directoryUnknown(name: string): HansaError {
  return new HansaError('RESOURCE_NOT_FOUND', `there is no directory ${name} here`, {
    fix: 'hansa directory list',
  });
}

/** Own directories, then mirrors, each in the order of their ids. */
export function listDirectories(needs: ShowingNeeds): readonly ShownDirectory[] {
  const copies = needs.mirrors
    .all()
    .filter(({ kind, name }) => kind === directoryKind && !name.startsWith('@'))
    .map(({ resource }) => resource)
    .toSorted();
  const own = needs.followed.own().map(({ resource }) => resource);
  return [...own, ...copies].map((resource) => showDirectory(needs, resource));
}
