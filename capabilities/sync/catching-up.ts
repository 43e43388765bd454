// One round that somebody asked for: over when the mirror is where its owner stood after the
// question, or when it cannot get there.
import { changedKeys, remote, splitFederatedId, type FederatedId } from '@hansa/foundation';
import { carrierFor } from './following.ts';
import { mirrorView, type MirroringParts } from './mirror-progress.ts';
import { isSigned } from './repairing.ts';
import { syncPeerContract } from './wire.ts';

export interface CatchingUp extends MirroringParts {
  subscribe(changed: (resource: FederatedId) => void): () => void;
}

/** False where the signal ended it before anything was known. */
export async function catchUp(
  parts: CatchingUp,
  resource: FederatedId,
  signal: AbortSignal,
): Promise<boolean> {
  const progress = parts.progressOf(resource);
  const { rounds } = progress;
  const changes = changedKeys<FederatedId>(parts.subscribe, signal);
  progress.restart.abort();
  await askNewest(parts, resource, signal).catch((error: unknown) =>
    // Whatever the reason is, the stream that begins meanwhile meets it too and tells of it.
    parts.log.problem('sync.newest-unknown', error, { resource }),
  );
  const isOver = (): boolean =>
    progress.stop.signal.aborted ||
    (progress.rounds > rounds && mirrorView(parts, resource)?.state !== 'pulling');
  if (isOver()) {
    await changes.return?.();
    return true;
  }
  for await (const each of changes) {
    if (each === resource && isOver()) {
      return true;
    }
  }
  return false;
}

/** Until the mirror has applied what its owner says now, it is not shown as current. */
async function askNewest(
  parts: CatchingUp,
  resource: FederatedId,
  signal: AbortSignal,
): Promise<void> {
  const { owner } = splitFederatedId(resource);
  if (parts.pauseOf?.(resource) !== undefined || !parts.peers.connected(owner)) {
    return;
  }
  const peer = remote(syncPeerContract, carrierFor(parts, resource));
  const { heads } = await peer.heads({ resources: [resource] }, { signal });
  const [head] = heads;
  if (head?.resource === resource && isSigned(parts, head)) {
    parts.progressOf(resource).asked = head;
  }
}
