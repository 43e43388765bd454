// Keeps every mirror with its owner: one loop per mirror that follows, and tries again; one round
// per interval that repairs what a stream may have missed.
import { HansaError, splitFederatedId, type ClusterId, type FederatedId } from '@hansa/foundation';
import { catchUp } from './catching-up.ts';
import { retryMaxMs, retryMinMs, syncIntervalMs, type Mirror } from './contract.ts';
import type { FollowReport } from './follow-parts.ts';
import { followOwner } from './following.ts';
import {
  fail,
  freshProgress,
  mirrorView,
  type MirroringNeeds,
  type MirroringParts,
  type MirrorProgress,
} from './mirror-progress.ts';
import { repairRound } from './repairing.ts';

const pausedMaxMs = 3_600_000; // a wall clock that was set meanwhile is noticed within an hour

export interface Mirroring {
  mirror(resource: FederatedId): Mirror | undefined;
  subscribe(changed: (resource: FederatedId) => void): () => void;
  /**
   * Asks the owner where it stands and starts the stream anew, at once; resolves when that position
   * is applied, or the round has ended badly; false where the signal ended it first.
   */
  renew(resource: FederatedId, signal: AbortSignal): Promise<boolean>;
  /** Looks again whether the mirror may follow. */
  wake(resource: FederatedId): void;
  /** Our entries are not what we verified: they are compared with the owner's, and made good. */
  mend(resource: FederatedId): void;
  /** Before a mirror is removed: resolves when nothing of it is being applied any more. */
  stop(resource: FederatedId): Promise<void>;
  /** After it was removed: a mirror of the same resource begins anew. */
  forget(resource: FederatedId): void;
  run(signal: AbortSignal): Promise<void>;
}

export function createMirroring(needs: MirroringNeeds): Mirroring {
  const { copies, clock, peers } = needs;
  const table = new Map<FederatedId, MirrorProgress>();
  const loops = new Map<FederatedId, Promise<void>>();
  const listeners = new Set<(resource: FederatedId) => void>();
  const changed = (resource: FederatedId): void => {
    listeners.forEach((listener) => listener(resource));
  };
  const progressOf = (resource: FederatedId): MirrorProgress => {
    const held = table.get(resource) ?? freshProgress();
    table.set(resource, held);
    return held;
  };
  const parts: MirroringParts = { ...needs, progressOf, changed };

  const subscribe: Mirroring['subscribe'] = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  return {
    mirror: (resource) => mirrorView(parts, resource),
    subscribe,
    renew: (resource, signal) => catchUp({ ...parts, subscribe }, resource, signal),
    wake(resource) {
      progressOf(resource).restart.abort();
      changed(resource);
    },
    mend: (resource) => mend(parts, resource),
    async stop(resource) {
      const progress = progressOf(resource);
      progress.stop.abort();
      await loops.get(resource);
      progress.rounds += 1; // no other round comes: nobody waits for it
      changed(resource);
    },
    forget(resource) {
      table.delete(resource);
      needs.witness.forget(resource);
    },
    async run(signal) {
      const begin = (): void => beginLoops(parts, loops, signal);
      const stops = [
        copies.mirrors.subscribe(begin),
        // A link that comes back, or a rule that opens a door, is no reason to wait for a timer.
        peers.subscribe(wakerOf(parts, table)),
        needs.news.subscribe((owner) => wakeAbsent(table, owner)),
      ];
      begin();
      while (!signal.aborted) {
        await clock.sleep(needs.intervalMs ?? syncIntervalMs, signal).catch(() => undefined);
        await repairRound(parts, signal);
      }
      stops.forEach((stop) => stop());
      await Promise.allSettled(loops.values());
    },
  };
}

/** What is stored is not what was applied: the next round compares it with the owner's. */
function mend(parts: MirroringParts, resource: FederatedId): void {
  const { copies, log, progressOf } = parts;
  const applied = copies.applied.find(resource)?.value;
  if (applied === undefined) {
    return;
  }
  const problem = new HansaError('STORE_DAMAGED', `entries of ${resource} changed by themselves`);
  log.problem('mirror.damaged', problem, { resource });
  copies.tries
    .doubt(resource, applied.copy)
    .then(() => progressOf(resource).restart.abort())
    .catch((error: unknown) => log.problem('mirror.unmended', error, { resource }));
}

/** One loop for every mirror that has none. */
function beginLoops(
  parts: MirroringParts,
  loops: Map<FederatedId, Promise<void>>,
  signal: AbortSignal,
): void {
  for (const { value } of parts.copies.mirrors.rows.values()) {
    const { resource } = value;
    if (loops.has(resource)) {
      continue;
    }
    const stop = AbortSignal.any([signal, parts.progressOf(resource).stop.signal]);
    const loop = keepFollowing(parts, resource, stop)
      .catch((error: unknown) => parts.log.problem('mirror.loop-failed', error, { resource }))
      .finally(() => loops.delete(resource));
    loops.set(resource, loop);
  }
}

/**
 * A mirror that waits is woken by any sign of its owner. One that was absent is asked for again
 * only where a standing has changed: the owner may have confirmed the link meanwhile.
 */
function wakerOf(
  { peers }: MirroringParts,
  table: ReadonlyMap<FederatedId, MirrorProgress>,
): (cluster: ClusterId) => void {
  const generations = new Map<ClusterId, number>();
  return (cluster) => {
    const moved = generations.get(cluster) !== peers.generation;
    generations.set(cluster, peers.generation);
    for (const [resource, progress] of table) {
      const { state, resting } = progress;
      const hopes = state === 'waiting' || (state === 'absent' && moved);
      const { owner } = splitFederatedId(resource);
      if (owner === cluster && resting && hopes && peers.connected(owner)) {
        progress.restart.abort();
      }
    }
  };
}

/** What a mirror may not see may have been shared with us now. */
function wakeAbsent(table: ReadonlyMap<FederatedId, MirrorProgress>, owner: ClusterId): void {
  for (const [resource, progress] of table) {
    const { state, resting } = progress;
    if (splitFederatedId(resource).owner !== owner || !['absent', 'waiting'].includes(state)) {
      continue;
    }
    if (resting) {
      progress.restart.abort();
    } else {
      progress.again = true;
    }
  }
}

async function keepFollowing(
  parts: MirroringParts,
  resource: FederatedId,
  signal: AbortSignal,
): Promise<void> {
  const progress = parts.progressOf(resource);
  let waitMs = retryMinMs;
  while (!signal.aborted) {
    progress.silentRounds = undefined;
    progress.restart = new AbortController();
    const attempt = AbortSignal.any([signal, progress.restart.signal]);
    if (await paused(parts, resource, attempt)) {
      waitMs = retryMinMs;
      continue;
    }
    const roundsBefore = progress.rounds;
    try {
      const report = parts.witness.watch(resource, reportTo(parts, resource, attempt));
      await followOwner(parts, resource, { report, signal: attempt });
    } catch (error) {
      if (!attempt.aborted) {
        fail(parts, resource, error);
      }
    }
    const { again } = progress;
    progress.again = false;
    if (again || signal.aborted || progress.restart.signal.aborted) {
      continue;
    }
    waitMs = progress.rounds - roundsBefore > 1 ? retryMinMs : Math.min(waitMs * 2, retryMaxMs);
    const jittered = waitMs * (0.5 + parts.random.fraction() / 2);
    progress.resting = true;
    await parts.clock.sleep(jittered, attempt).catch(() => undefined);
    progress.resting = false;
  }
}

/** False where nothing keeps the mirror; otherwise resolves when it is to be looked at again. */
async function paused(
  { pauseOf, progressOf, changed, clock }: MirroringParts,
  resource: FederatedId,
  attempt: AbortSignal,
): Promise<boolean> {
  const pause = pauseOf?.(resource);
  if (pause === undefined) {
    return false;
  }
  const progress = progressOf(resource);
  progress.state = 'waiting'; // afterwards: what it was before tells nothing any more
  progress.lastError = undefined;
  progress.rounds += 1;
  changed(resource);
  const leftMs = pause.untilMs === undefined ? pausedMaxMs : pause.untilMs - clock.now();
  const sleepMs = Math.min(Math.max(leftMs, retryMinMs), pausedMaxMs);
  await clock.sleep(sleepMs, attempt).catch(() => undefined);
  return true;
}

function reportTo(
  parts: MirroringParts,
  resource: FederatedId,
  attempt: AbortSignal,
): FollowReport {
  const progress = parts.progressOf(resource);
  const { owner } = splitFederatedId(resource);
  return {
    head(head) {
      progress.head = head;
    },
    pulling() {
      progress.silentRounds = 0;
      if (progress.state !== 'pulling') {
        progress.state = 'pulling';
        parts.changed(resource);
      }
    },
    arrived(bytes) {
      progress.silentRounds = 0;
      progress.fetchedBytes += bytes;
      parts.changed(resource);
    },
    fetched(blobs) {
      progress.silentRounds = undefined;
      progress.fetchedBlobs += blobs;
    },
    applied(head, more) {
      progress.state = more ? 'pulling' : 'current';
      progress.lastError = undefined;
      // What ends after it was told to end is not the round that somebody asked for.
      progress.rounds += attempt.aborted ? 0 : 1;
      parts.log.event('mirror.applied', { resource, sequence: head.sequence, epoch: head.epoch });
      parts.peers.hurry(owner);
      parts.changed(resource);
    },
  };
}
