// When a peer is quarantined and when we doubt ourselves: pure functions of the evidence and of the
// time.
import type { ClusterId, ErrorReport, FederatedId } from '@hansa/foundation';
import {
  badResourcesMax,
  decayMs,
  evidenceBytesMax,
  evidenceMax,
  suspectWindowMs,
  type Incident,
  type Quarantine,
} from './contract.ts';

export interface PeerRecord {
  readonly peer: ClusterId;
  /** The newest first. */
  readonly incidents: readonly Incident[];
  readonly untilMs?: number | undefined;
  readonly liftedMs?: number | undefined;
}

export type Blamed = Pick<Incident, 'resource' | 'answersAs' | 'error'>;

/** The record with one piece of evidence more: the same again is counted, not kept twice. */
export function withIncident(record: PeerRecord, blamed: Blamed, nowMs: number): PeerRecord {
  const isSame = (each: Incident): boolean =>
    each.resource === blamed.resource && each.error.code === blamed.error.code;
  const before = record.incidents.find(isSame);
  const incident: Incident = {
    resource: blamed.resource,
    answersAs: blamed.answersAs,
    error: bounded(blamed.error),
    firstMs: before?.firstMs ?? nowMs,
    lastMs: nowMs,
    times: (before?.times ?? 0) + 1,
  };
  const others = record.incidents.filter((each) => !isSame(each));
  const incidents = [incident, ...others].slice(0, evidenceMax);
  const grown = { ...record, incidents };
  const bad = badResources(grown, nowMs).size >= badResourcesMax;
  return bad ? { ...grown, untilMs: nowMs + decayMs } : grown;
}

/** Takes back what is held against a peer for a resource: it was we who failed. */
export function withoutResource(
  record: PeerRecord,
  resource: FederatedId,
  nowMs: number,
): PeerRecord {
  const incidents = record.incidents.filter((each) => each.resource !== resource);
  const cleared = { ...record, incidents };
  const bad = badResources(cleared, nowMs).size >= badResourcesMax;
  return bad ? cleared : { ...cleared, untilMs: undefined };
}

/** Resources with something bad within the hour, and after the last time that it was lifted. */
export function badResources(
  { incidents, liftedMs = 0 }: PeerRecord,
  nowMs: number,
): ReadonlySet<FederatedId> {
  const counted = incidents.filter(
    ({ lastMs }) => lastMs > liftedMs && lastMs > nowMs - decayMs && lastMs <= nowMs + decayMs,
  );
  return new Set(counted.map(({ resource }) => resource));
}

export function isQuarantined({ untilMs = 0 }: PeerRecord, nowMs: number): boolean {
  // A clock that was set back must not make an hour a year.
  return untilMs > nowMs && untilMs <= nowMs + decayMs;
}

export function stateOf(record: PeerRecord, nowMs: number): Quarantine['state'] {
  if (isQuarantined(record, nowMs)) {
    return 'quarantined';
  }
  return badResources(record, nowMs).size > 0 ? 'suspected' : 'over';
}

/** Everybody who has delivered something bad of the resource within the last minute. */
export function failedTogether(
  records: readonly PeerRecord[],
  resource: FederatedId,
  nowMs: number,
): readonly ClusterId[] {
  const hasFailed = ({ incidents, liftedMs = 0 }: PeerRecord): boolean =>
    incidents.some(
      (each) =>
        each.resource === resource &&
        each.lastMs > liftedMs &&
        Math.abs(nowMs - each.lastMs) <= suspectWindowMs,
    );
  const failed = records.filter(hasFailed).map(({ peer }) => peer);
  return failed.length >= 2 ? failed : [];
}

/** A hostile peer writes its own evidence: it must not fill the disk with it. */
function bounded(error: ErrorReport): ErrorReport {
  const { code, message } = error;
  return JSON.stringify(error).length <= evidenceBytesMax
    ? error
    : { code, message: message.slice(0, evidenceBytesMax / 4) };
}
