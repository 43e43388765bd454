// Removing blobs that nothing names any more: of repositories that were deleted, of mirrors that
// were removed, of what an entry named before it changed. The one place that knows all who name
// blobs.
import type { BlobId, Blobs, Clock, Log } from '@hansa/foundation';
import type { ResourceLog } from '../resources/contract.ts';
import type { Copies } from './copies.ts';

// an hour: a disk gets its space back the same day, and a pass over all entries costs nothing
export const collectIntervalMs = 3_600_000;

export interface CollectingNeeds {
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly resources: Pick<ResourceLog, 'all' | 'blobs'>;
  readonly copies: Pick<Copies, 'blobs'>;
}

/**
 * The first round is an interval after the start: a batch that a crash cut off has been taken up
 * again by then, and holds what had arrived of it.
 */
export async function keepCollecting(needs: CollectingNeeds, signal: AbortSignal): Promise<void> {
  let unused: ReadonlySet<BlobId> = new Set();
  while (!signal.aborted) {
    await needs.clock.sleep(collectIntervalMs, signal);
    unused = await collectRound(needs, unused);
  }
}

/** Deletes what was unused in the round before and still is; answers with what is unused now. */
export async function collectRound(
  needs: CollectingNeeds,
  unusedBefore: ReadonlySet<BlobId>,
): Promise<ReadonlySet<BlobId>> {
  const { blobs, log } = needs;
  const unused = new Set<BlobId>();
  let named: Promise<ReadonlySet<BlobId>> | undefined;
  const { deleted, freedBytes } = await blobs.collect(async (id) => {
    // Read after the collection began: what was recorded before is in it, and what comes later is
    // spared by its writer's protection.
    named ??= namedBlobs(needs);
    if ((await named).has(id)) {
      return true;
    }
    unused.add(id);
    return !unusedBefore.has(id);
  });
  if (deleted > 0) {
    log.event('blobs.collected', { deleted, freedBytes });
  }
  return unused;
}

/** What is ours, and what we mirror. */
export async function namedBlobs({
  resources,
  copies,
}: Pick<CollectingNeeds, 'resources' | 'copies'>): Promise<ReadonlySet<BlobId>> {
  const named = new Set<BlobId>();
  for (const { id } of resources.all()) {
    for await (const blob of resources.blobs(id)) {
      named.add(blob.id);
    }
  }
  for await (const blob of copies.blobs()) {
    named.add(blob.id);
  }
  return named;
}
