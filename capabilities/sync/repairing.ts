// One round per interval that repairs what a stream may have missed: fresh heads are asked for,
// checked, and compared with what is held.
import {
  HansaError,
  isHansaError,
  laneTarget,
  remote,
  splitFederatedId,
  equalBytes,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Head } from '../resources/contract.ts';
import { fail, type MirroringParts, type MirrorProgress } from './mirror-progress.ts';
import type { AppliedRecord } from './keys.ts';
import { headsPerRequestMax, syncPeerContract, type RenewedHeads, type SyncPeer } from './wire.ts';

// Two minutes in which nothing of a batch comes: a chunk of 1 MiB takes that long at 9 kB/s.
const silentRoundsMax = 4;

/** Asks owners for fresh heads and restarts the streams that fell behind without noticing. */
export async function repairRound(parts: MirroringParts, signal: AbortSignal): Promise<void> {
  const { copies, peers, log } = parts;
  const owners = new Set(
    [...copies.mirrors.rows.values()].map(({ value }) => splitFederatedId(value.resource).owner),
  );
  for (const owner of owners) {
    if (!signal.aborted && peers.standing(owner).active && peers.connected(owner)) {
      // One owner that does not answer must not keep the others from being asked.
      await askOwner(parts, owner, signal).catch((error: unknown) =>
        log.problem('sync.round-failed', error, { owner }),
      );
    }
  }
}

async function askOwner(
  parts: MirroringParts,
  owner: ClusterId,
  signal: AbortSignal,
): Promise<void> {
  const { mine } = parts.peers.standing(owner);
  // Of whom we only serve we mirror nothing but the lanes that it writes for us.
  const resources = parts.copies
    .of(owner)
    .filter((resource) => parts.pauseOf?.(resource) === undefined)
    .filter((resource) => mine || laneTarget(splitFederatedId(resource).local) !== undefined);
  const peer = remote(syncPeerContract, parts.peers.observer(owner));
  for (let at = 0; at < resources.length; at += headsPerRequestMax) {
    const page = resources.slice(at, at + headsPerRequestMax);
    const renewed = await renewHeads(parts, { peer, page, signal });
    const others = page.filter((resource) => !renewed.has(resource));
    if (others.length > 0) {
      const { heads } = await peer.heads({ resources: others }, { signal });
      others.forEach((resource, index) => compareHead(parts, resource, heads[index] ?? null));
    }
  }
}

/**
 * Those of which the owner has signed anew that they stand where we hold them. Of all others the
 * whole head is asked for, also where a signature is none: what it says instead is evidence.
 */
async function renewHeads(
  parts: MirroringParts,
  asked: {
    readonly peer: SyncPeer;
    readonly page: readonly FederatedId[];
    readonly signal: AbortSignal;
  },
): Promise<ReadonlySet<FederatedId>> {
  const { copies, progressOf } = parts;
  const { peer, page, signal } = asked;
  const known = page.flatMap((resource) => {
    const applied = copies.applied.find(resource)?.value;
    return applied !== undefined && isAtHead(applied) ? [applied.head] : [];
  });
  const held = known.map(({ resource, epoch, sequence }) => ({ resource, epoch, sequence }));
  const { ticks, proofs } = await peer.renew({ held }, { signal }).catch(orNone);
  const renewed = new Set<FederatedId>();
  known.forEach((before, index) => {
    const proof = proofs[index];
    const tick = ticks[proof?.tick ?? ticks.length];
    if (!proof || tick === undefined) {
      return;
    }
    const head: Head = { ...before, tick, salt: proof.salt, path: proof.path };
    if (!isSigned(parts, head)) {
      return;
    }
    noteProven(progressOf(before.resource), head);
    renewed.add(before.resource);
  });
  return renewed;
}

/** What is not signed says nothing, and is not shown to anybody. */
export function isSigned({ history }: Pick<MirroringParts, 'history'>, head: Head): boolean {
  try {
    history.verify(head);
    return true;
  } catch {
    return false;
  }
}

/** Between two transactions of a batch, and after a repair that was not ended, it is not. */
function isAtHead({ head, epoch, sequence, digest, repairing }: AppliedRecord): boolean {
  return (
    repairing !== true &&
    digest !== undefined &&
    head.epoch === epoch &&
    head.sequence === sequence &&
    equalBytes(head.digest, digest)
  );
}

/** A release that does not know the method yet says so. */
function orNone(error: unknown): RenewedHeads {
  if (isHansaError(error, 'METHOD_UNKNOWN')) {
    return { ticks: [], proofs: [] };
  }
  throw error;
}

function compareHead(parts: MirroringParts, resource: FederatedId, head: Head | null): void {
  const progress = parts.progressOf(resource);
  const applied = parts.copies.applied.find(resource)?.value;
  if (head !== null && applied?.epoch === head.epoch && applied.sequence === head.sequence) {
    compareAtOnePosition(parts, { resource, applied, head });
    return;
  }
  if (head !== null && head.resource === resource && isSigned(parts, head)) {
    progress.asked = head;
    parts.changed(resource);
  }
  if (progress.state === 'current' || progress.state === 'absent' || isStuck(progress)) {
    progress.restart.abort();
  }
}

function compareAtOnePosition(
  parts: MirroringParts,
  given: {
    readonly resource: FederatedId;
    readonly applied: AppliedRecord;
    readonly head: Head;
  },
): void {
  const { resource, applied, head } = given;
  try {
    if (head.resource !== resource) {
      throw new HansaError('HEAD_INVALID', `the owner sent a head of ${head.resource} instead`);
    }
    // Whoever could make a mirror halt by an unsigned head would need no key to stop it.
    parts.history.verify(head);
  } catch (error) {
    fail(parts, resource, error);
    return;
  }
  // In the middle of a batch the digest is not known, the chain always is.
  const { chain, digest = head.digest } = applied;
  if (equalBytes(head.chain, chain) && equalBytes(head.digest, digest)) {
    noteProven(parts.progressOf(resource), head);
    return;
  }
  Object.assign(parts.progressOf(resource), { head, asked: head });
  const { clock, log } = parts;
  parts.copies
    .setFork(resource, { held: applied.head, other: head, seenMs: clock.now() })
    .catch((error: unknown) => log.problem('mirror.fork-unseen', error, { resource }));
  const fork = new HansaError('HEAD_FORKED', `${resource} has two states at one sequence`);
  fail(parts, resource, fork);
}

/**
 * The owner has signed that it stands where we hold it. What was refused before, of an answer that
 * was spoiled on its way, has to be followed anew: a stream on which nothing happens says nothing.
 */
function noteProven(progress: MirrorProgress, head: Head): void {
  Object.assign(progress, { head, asked: head });
  if (progress.state === 'refused' || progress.state === 'absent') {
    progress.restart.abort();
  }
}

function isStuck(progress: MirrorProgress): boolean {
  const { silentRounds } = progress;
  progress.silentRounds = silentRounds === undefined ? undefined : silentRounds + 1;
  return silentRounds !== undefined && silentRounds >= silentRoundsMax;
}
