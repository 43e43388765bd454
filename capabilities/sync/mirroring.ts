// Keeps every mirror with its owner: one loop per mirror that follows, and tries again; one round
// per interval that repairs what a stream may have missed.
import {
  changedKeys,
  HansaError,
  isHansaError,
  remote,
  reportOf,
  splitFederatedId,
  toHex,
  type ClusterId,
  type ErrorReport,
  type FederatedId,
  type Random,
} from '@hansa/foundation';
import type { CatalogNews } from '../catalog/contract.ts';
import type { Head } from '../resources/contract.ts';
import {
  retryMaxMs,
  retryMinMs,
  syncIntervalMs,
  type Mirror,
  type MirrorState,
} from './contract.ts';
import { followOwner, type FollowNeeds, type FollowReport } from './following.ts';
import { headsPerRequestMax, syncPeerContract } from './wire.ts';

// Two minutes in which nothing of a batch comes: a chunk of 1 MiB takes that long at 9 kB/s.
const silentRoundsMax = 4;

export interface MirroringNeeds extends FollowNeeds {
  readonly random: Random;
  readonly news: CatalogNews;
  /** Default `syncIntervalMs`. */
  readonly intervalMs?: number | undefined;
}

interface Progress {
  state: MirrorState;
  head: Head | undefined;
  fetchedBlobs: number;
  fetchedBytes: number;
  lastError: ErrorReport | undefined;
  /** Counts finished attempts to be current: what `sync now` waits for. */
  rounds: number;
  /** Between two attempts; what is under way is not helped by beginning anew. */
  resting: boolean;
  /** Rounds since anything of a batch came; undefined while none is waited for. */
  silentRounds: number | undefined;
  /** Word came during an attempt that it may have come too early for: the next begins at once. */
  again: boolean;
  restart: AbortController;
  stop: AbortController;
}

export interface Mirroring {
  mirror(resource: FederatedId): Mirror | undefined;
  subscribe(changed: (resource: FederatedId) => void): () => void;
  /** Starts the stream anew, at once; resolves when that round has ended well or badly. */
  renew(resource: FederatedId, signal: AbortSignal): Promise<void>;
  /** Before a mirror is removed: resolves when nothing of it is being applied any more. */
  stop(resource: FederatedId): Promise<void>;
  /** After it was removed: a mirror of the same resource begins anew. */
  forget(resource: FederatedId): void;
  run(signal: AbortSignal): Promise<void>;
}

export function createMirroring(needs: MirroringNeeds): Mirroring {
  const { copies, clock, peers } = needs;
  const table = new Map<FederatedId, Progress>();
  const loops = new Map<FederatedId, Promise<void>>();
  const listeners = new Set<(resource: FederatedId) => void>();
  const changed = (resource: FederatedId): void => {
    listeners.forEach((listener) => listener(resource));
  };
  const progressOf = (resource: FederatedId): Progress => {
    const held = table.get(resource) ?? freshProgress();
    table.set(resource, held);
    return held;
  };
  const parts: Parts = { ...needs, progressOf, changed };

  const subscribe: Mirroring['subscribe'] = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  return {
    mirror: (resource) => mirrorView(parts, resource),
    subscribe,
    async renew(resource, signal) {
      const progress = progressOf(resource);
      const { rounds } = progress;
      const changes = changedKeys<FederatedId>(subscribe, signal);
      progress.restart.abort();
      for await (const each of changes) {
        if (each === resource && progress.rounds > rounds) {
          return;
        }
      }
    },
    async stop(resource) {
      const progress = progressOf(resource);
      progress.stop.abort();
      await loops.get(resource);
      progress.rounds += 1; // no other round comes: nobody waits for it
      changed(resource);
    },
    forget: (resource) => void table.delete(resource),
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

interface Parts extends MirroringNeeds {
  progressOf(resource: FederatedId): Progress;
  changed(resource: FederatedId): void;
}

function freshProgress(): Progress {
  return {
    state: 'waiting',
    head: undefined,
    fetchedBlobs: 0,
    fetchedBytes: 0,
    lastError: undefined,
    rounds: 0,
    resting: false,
    silentRounds: undefined,
    again: false,
    restart: new AbortController(),
    stop: new AbortController(),
  };
}

/** One loop for every mirror that has none. */
function beginLoops(
  parts: Parts,
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
  { peers }: Parts,
  table: ReadonlyMap<FederatedId, Progress>,
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
function wakeAbsent(table: ReadonlyMap<FederatedId, Progress>, owner: ClusterId): void {
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
  parts: Parts,
  resource: FederatedId,
  signal: AbortSignal,
): Promise<void> {
  const progress = parts.progressOf(resource);
  let waitMs = retryMinMs;
  while (!signal.aborted) {
    progress.silentRounds = undefined;
    progress.restart = new AbortController();
    const attempt = AbortSignal.any([signal, progress.restart.signal]);
    const roundsBefore = progress.rounds;
    try {
      const report = reportTo(parts, resource, attempt);
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

function reportTo(parts: Parts, resource: FederatedId, attempt: AbortSignal): FollowReport {
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
    applied(head) {
      progress.state = 'current';
      progress.lastError = undefined;
      // What ends after it was told to end is not the round that somebody asked for.
      progress.rounds += attempt.aborted ? 0 : 1;
      parts.log.event('mirror.applied', { resource, sequence: head.sequence, epoch: head.epoch });
      parts.peers.hurry(owner);
      parts.changed(resource);
    },
  };
}

const waitingCodes = [
  'LINK_DOWN',
  'LINK_PENDING',
  'LINK_NOT_OURS',
  'LINK_NOT_FOUND',
  'CONNECTION_CLOSED',
  'CANCELLED',
  'SHUTTING_DOWN',
  'TIMED_OUT',
] as const;

function stateAfter(error: unknown): MirrorState {
  if (isHansaError(error, 'RESOURCE_NOT_FOUND')) {
    return 'absent';
  }
  if (isHansaError(error, 'HEAD_FORKED') || isHansaError(error, 'HEAD_REWOUND')) {
    return 'halted';
  }
  const waiting = waitingCodes.some((code) => isHansaError(error, code));
  return waiting ? 'waiting' : 'refused';
}

function fail(parts: Parts, resource: FederatedId, error: unknown): void {
  const progress = parts.progressOf(resource);
  const report = reportOf(error);
  progress.state = stateAfter(error);
  progress.lastError = report;
  progress.rounds += 1;
  if (progress.state === 'refused' || progress.state === 'halted') {
    parts.log.problem('mirror.refused', error, { resource });
  }
  parts.changed(resource);
}

/** Asks owners for fresh heads and restarts the streams that fell behind without noticing. */
async function repairRound(parts: Parts, signal: AbortSignal): Promise<void> {
  const { copies, peers, log } = parts;
  const owners = new Set(
    [...copies.mirrors.rows.values()].map(({ value }) => splitFederatedId(value.resource).owner),
  );
  for (const owner of owners) {
    const { mine, active } = peers.standing(owner);
    if (!signal.aborted && mine && active && peers.connected(owner)) {
      // One owner that does not answer must not keep the others from being asked.
      await askOwner(parts, owner, signal).catch((error: unknown) =>
        log.problem('sync.round-failed', error, { owner }),
      );
    }
  }
}

async function askOwner(parts: Parts, owner: ClusterId, signal: AbortSignal): Promise<void> {
  const resources = parts.copies.of(owner);
  const peer = remote(syncPeerContract, parts.peers.carrier(owner));
  for (let at = 0; at < resources.length; at += headsPerRequestMax) {
    const page = resources.slice(at, at + headsPerRequestMax);
    const { heads } = await peer.heads({ resources: page }, { signal });
    page.forEach((resource, index) => compareHead(parts, resource, heads[index] ?? null));
  }
}

function compareHead(parts: Parts, resource: FederatedId, head: Head | null): void {
  const progress = parts.progressOf(resource);
  const applied = parts.copies.applied.find(resource)?.value;
  const behind =
    head === null || applied?.epoch !== head.epoch || applied.sequence !== head.sequence;
  if (head !== null && !behind) {
    progress.head = head;
    const differs = toHex(head.digest) !== toHex(applied.digest);
    if (differs) {
      fail(
        parts,
        resource,
        new HansaError('HEAD_FORKED', `${resource} has two states at one sequence`),
      );
    }
    return;
  }
  if (progress.state === 'current' || progress.state === 'absent' || isStuck(progress)) {
    progress.restart.abort();
  }
}

function isStuck(progress: Progress): boolean {
  const { silentRounds } = progress;
  progress.silentRounds = silentRounds === undefined ? undefined : silentRounds + 1;
  return silentRounds !== undefined && silentRounds >= silentRoundsMax;
}

function mirrorView(parts: Parts, resource: FederatedId): Mirror | undefined {
  const record = parts.copies.mirrors.find(resource)?.value;
  if (record === undefined) {
    return undefined;
  }
  const { owner, kind, name } = splitFederatedId(resource);
  const applied = parts.copies.applied.find(resource)?.value;
  const progress = parts.progressOf(resource);
  const head = progress.head ?? applied?.head;
  return {
    resource,
    owner,
    ownerName: parts.peers.standing(owner).name ?? owner.slice(0, 8),
    kind,
    name,
    state: progress.state,
    applied:
      applied === undefined
        ? undefined
        : {
            epoch: applied.epoch,
            sequence: applied.sequence,
            digest: toHex(applied.digest),
            appliedMs: applied.appliedMs,
          },
    headSequence: head?.sequence,
    headAsOfMs: head?.tick.asOfMs,
    fetchedBlobs: progress.fetchedBlobs,
    fetchedBytes: progress.fetchedBytes,
    lastError: progress.lastError,
    addedMs: record.addedMs,
  };
}
