// Deleting copies for good: with every blob that nothing else names, before anybody is told.
import type { BlobId, Blobs, FederatedId } from '@hansa/foundation';
import type { ResourceLog } from '../resources/contract.ts';
import { namedBlobs } from './collecting.ts';
import type { Copies } from './copies.ts';

export interface PurgingNeeds {
  readonly blobs: Blobs;
  readonly resources: Pick<ResourceLog, 'all' | 'blobs'>;
  readonly copies: Pick<Copies, 'mirrors' | 'blobs'>;
}

/**
 * Whatever nothing names goes with them: what an entry named before it changed, and what a crash
 * left of an earlier purge. A blob that is just being received is protected by whoever receives it.
 */
export async function purgeMirrors(
  { blobs, resources, copies }: PurgingNeeds,
  purged: readonly FederatedId[],
  remove: (resource: FederatedId) => Promise<void>,
): Promise<void> {
  for (const resource of purged) {
    if (copies.mirrors.find(resource) !== undefined) {
      await remove(resource);
    }
  }
  let named: Promise<ReadonlySet<BlobId>> | undefined;
  await blobs.collect(async (id) => {
    // Read after the collection began, as every collection does.
    named ??= namedBlobs({ resources, copies });
    return (await named).has(id);
  });
}
