// What is known of each mirror while the process lives, what becomes of it when an attempt fails,
// and how it is shown.
import {
  isHansaError,
  reportOf,
  splitFederatedId,
  toHex,
  type ErrorReport,
  type FederatedId,
  type Random,
} from '@hansa/foundation';
import type { CatalogNews } from '../catalog/contract.ts';
import type { Head } from '../resources/contract.ts';
import type {
  AppliedPosition,
  Fork,
  Mirror,
  MirrorPause,
  MirrorState,
  ShownHead,
} from './contract.ts';
import type { FollowNeeds } from './follow-parts.ts';
import type { AppliedRecord } from './keys.ts';
import type { Witness } from './witnessing.ts';

export interface MirroringNeeds extends FollowNeeds {
  readonly random: Random;
  readonly news: CatalogNews;
  /** What keeps the mirror from following now. */
  pauseOf?(resource: FederatedId): MirrorPause | undefined;
  readonly witness: Witness;
  /** Default `syncIntervalMs`. */
  readonly intervalMs?: number | undefined;
}

export interface MirrorProgress {
  state: MirrorState;
  head: Head | undefined;
  /** What the owner answered last when it was asked where it stands, whatever a stream is at. */
  asked: Head | undefined;
  fetchedBlobs: number;
  fetchedBytes: number;
  lastError: ErrorReport | undefined;
  /** Counts batches applied and attempts that failed: what `sync now` waits for. */
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

export interface MirroringParts extends MirroringNeeds {
  progressOf(resource: FederatedId): MirrorProgress;
  changed(resource: FederatedId): void;
}

export function freshProgress(): MirrorProgress {
  return {
    state: 'waiting',
    head: undefined,
    asked: undefined,
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

const waitingCodes = [
  'LINK_DOWN',
  'LINK_PENDING',
  'LINK_NOT_OURS',
  'LINK_NOT_FOUND',
  'CONNECTION_CLOSED',
  'CANCELLED',
  'SHUTTING_DOWN',
  'TIMED_OUT',
  'SNAPSHOT_GONE',
  'STORE_UNAVAILABLE',
  'STORE_UNKNOWN_OUTCOME',
  // What came was not found wanting: its program is away, or the owner's budget is used up.
  'KIND_UNAVAILABLE',
  'BUDGET_EXHAUSTED',
] as const;

/** Two histories of one owner: a person has to decide, there or here. */
const haltingCodes = ['HEAD_FORKED', 'HEAD_REWOUND', 'RESOURCE_REWOUND', 'KEY_FORKED'] as const;

function stateAfter(error: unknown): MirrorState {
  if (isHansaError(error, 'RESOURCE_NOT_FOUND')) {
    return 'absent';
  }
  if (haltingCodes.some((code) => isHansaError(error, code))) {
    return 'halted';
  }
  const waiting = waitingCodes.some((code) => isHansaError(error, code));
  return waiting ? 'waiting' : 'refused';
}

export function fail(parts: MirroringParts, resource: FederatedId, error: unknown): void {
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

export function mirrorView(parts: MirroringParts, resource: FederatedId): Mirror | undefined {
  const record = parts.copies.mirrors.find(resource)?.value;
  if (record === undefined) {
    return undefined;
  }
  const { owner, kind, name } = splitFederatedId(resource);
  const applied = parts.copies.applied.find(resource)?.value;
  const progress = parts.progressOf(resource);
  const head = newer(progress.head ?? applied?.head, progress.asked);
  return {
    resource,
    owner,
    ownerName: parts.peers.standing(owner).name ?? owner.slice(0, 8),
    kind,
    name,
    applied: applied === undefined ? undefined : appliedView(applied),
    ...(head === undefined ? {} : newestHead(head)),
    fetchedBlobs: progress.fetchedBlobs,
    fetchedBytes: progress.fetchedBytes,
    ...stateView(parts, resource),
    fork: forkView(parts, resource),
    addedMs: record.addedMs,
  };
}

/** A mirror that is kept from following shows why, not what following came to. */
function stateView(
  parts: MirroringParts,
  resource: FederatedId,
): Pick<Mirror, 'state' | 'lastError' | 'frozen'> {
  const { state: reached, lastError, asked } = parts.progressOf(resource);
  const pause = parts.pauseOf?.(resource);
  // Of what a stream has brought it may be the last; the owner itself says that it has gone on.
  const isBehind = asked !== undefined && !hasReached(parts, resource, asked);
  const state = reached === 'current' && isBehind ? 'pulling' : reached;
  return pause === undefined
    ? { state, lastError }
    : { state: pause.state, lastError: reportOf(pause.error), frozen: pause.frozen };
}

/** Whether our copy is at a position of its owner, or beyond it. */
function hasReached(
  { copies }: Pick<MirroringParts, 'copies'>,
  resource: FederatedId,
  position: Position,
): boolean {
  const applied = copies.applied.find(resource)?.value;
  return applied !== undefined && !isAfter(position, applied);
}

function newer(head: Head | undefined, other: Head | undefined): Head | undefined {
  return head === undefined || (other !== undefined && isAfter(other, head)) ? other : head;
}

type Position = Pick<Head, 'epoch' | 'sequence'>;

function isAfter(one: Position, other: Position): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.sequence > other.sequence);
}

function newestHead({ sequence, tick }: Head): Pick<Mirror, 'headSequence' | 'headAsOfMs'> {
  return { headSequence: sequence, headAsOfMs: tick.asOfMs };
}

function appliedView({ epoch, sequence, digest, appliedMs }: AppliedRecord): AppliedPosition {
  return { epoch, sequence, digest: digest && toHex(digest), appliedMs };
}

function forkView({ copies }: MirroringParts, resource: FederatedId): Fork | undefined {
  const found = copies.forks.find(resource)?.value;
  return found === undefined
    ? undefined
    : { held: shownHead(found.held), other: shownHead(found.other), seenMs: found.seenMs };
}

function shownHead({ epoch, sequence, digest, chain, tick }: Head): ShownHead {
  const { asOfMs: signedMs, keyIndex, signature } = tick;
  const texts = { digest: toHex(digest), chain: toHex(chain), signature: toHex(signature) };
  return { epoch, sequence, signedMs, keyIndex, ...texts };
}
