// Lanes that others write for what we own: taken where policy lets them push, mirrored like any
// other resource, and promoted by their kind. A lane can never touch what it is not for.
import {
  callingCluster,
  changedKeys,
  createMutex,
  federatedId,
  HansaError,
  laneId,
  reportOf,
  splitFederatedId,
  splitLocalId,
  type ClusterId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { bringConflicts, dropConflicts } from './conflicts.ts';
import { lanesMax } from './contract.ts';
import type { ReceivedLane } from './keys.ts';
import { conflictsOf, laneKind, openConflicts, removeRow, type LaneParts } from './parts.ts';
import type { LaneAnswer, LanePeer } from './wire.ts';

const sweepMs = 30_000; // what failed is tried again as often as a sync round comes

export function createLanePeer(parts: LaneParts): LanePeer {
  // One at a time: those who ask together must not all see room for one more.
  const taking = createMutex();
  return {
    async offer({ resource }, call) {
      const writer = callingCluster(call);
      const local = requirePushable(parts, resource, writer);
      const lane = federatedId(writer, laneId(resource));
      await taking.run(async () => {
        if (parts.received.find(lane) === undefined) {
          await take(parts, { lane, resource: local });
        }
      });
      return answerOf(parts, lane);
    },
    async status({ resource }, call) {
      const lane = federatedId(callingCluster(call), laneId(resource));
      if (parts.received.find(lane) === undefined) {
        throw new HansaError('LANE_NOT_FOUND', `no lane of yours for ${resource} is taken here`);
      }
      return answerOf(parts, lane);
    },
  };
}

/** What may not be seen is absent for a push as well; only then may the rule be named. */
function requirePushable(parts: LaneParts, resource: FederatedId, writer: ClusterId): LocalId {
  const { enforcement, signer } = parts;
  const { owner, local, kind } = splitFederatedId(resource);
  if (owner !== signer.cluster || !enforcement.visible(writer, 'see').has(local)) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${resource} here for you`);
  }
  const decision = enforcement.decide(writer, 'push', local);
  if (!decision.allowed) {
    throw new HansaError('POLICY_DENIED', `push refused: ${decision.reason}`, {
      fix: `ask the owner to share it with "--allow see,pull,push"`,
      ...(decision.rule === undefined ? {} : { facts: { rule: decision.rule.id } }),
    });
  }
  laneKind(parts, kind);
  return local;
}

async function take(
  parts: LaneParts,
  wanted: { readonly lane: FederatedId; readonly resource: LocalId },
): Promise<void> {
  const { store, tables, received, mirrors, clock, log } = parts;
  if (received.rows.size >= lanesMax) {
    throw new HansaError('LANES_FULL', `there are ${lanesMax} lanes here, the most there may be`);
  }
  // The record comes first: a mirror of a lane that nobody knows would never be removed.
  const record: ReceivedLane = { ...wanted, addedMs: clock.now() };
  const { revision } = await store.batchWrite([tables.received.put([wanted.lane], record)]);
  await received.reached(revision);
  await mirrors.hold(wanted.lane);
  log.event('lane.taken', { lane: wanted.lane });
}

function answerOf(parts: LaneParts, lane: FederatedId): LaneAnswer {
  const record = parts.received.find(lane)?.value;
  return {
    conflicts: openConflicts(parts, lane),
    ...(record?.promoted === undefined ? {} : { promoted: record.promoted }),
    ...(record?.lastError === undefined ? {} : { lastError: record.lastError }),
  };
}

/** Promotes every lane whenever it, its resource or a rule has changed. */
export async function keepPromoting(parts: LaneParts, signal: AbortSignal): Promise<void> {
  await Promise.all(
    [...parts.received.rows.values()].map(({ value }) => parts.mirrors.hold(value.lane)),
  );
  const all = (tell: (lane: FederatedId) => void): void =>
    parts.received.rows.forEach(({ value }) => tell(value.lane));
  const changed = changedKeys<FederatedId>((tell) => {
    const stops = [
      parts.mirrors.subscribe((resource) => {
        if (parts.received.find(resource) !== undefined) {
          tell(resource);
        }
      }),
      parts.enforcement.subscribe(() => all(tell)),
      parts.resources.subscribe((local) => {
        parts.received.rows.forEach(({ value }) => {
          if (value.resource === local) {
            tell(value.lane);
          }
        });
      }),
    ];
    all(tell);
    const sweep = new AbortController();
    void sweepNowAndThen(parts, () => all(tell), sweep.signal);
    return () => {
      sweep.abort();
      stops.forEach((stop) => stop());
    };
  }, signal);
  for await (const lane of changed) {
    await parts.oneAtATime.run(lane, () => promoteLane(parts, lane, signal));
  }
}

async function sweepNowAndThen(
  { clock }: LaneParts,
  tellAll: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(sweepMs, signal).catch(() => undefined);
    tellAll();
  }
}

async function promoteLane(
  parts: LaneParts,
  lane: FederatedId,
  signal: AbortSignal,
): Promise<void> {
  const record = parts.received.find(lane)?.value;
  const applied = parts.mirrors.find(lane)?.applied;
  if (record === undefined || applied === undefined) {
    return;
  }
  const at = { epoch: applied.epoch, sequence: applied.sequence };
  if (signal.aborted || isSettled(parts, record, at)) {
    return;
  }
  try {
    await promoteNow(parts, record, signal);
    await noteReceived(parts, record, { promoted: at });
  } catch (error) {
    if (!signal.aborted) {
      parts.log.problem('lane.not-promoted', error, { lane });
      await noteReceived(parts, record, { lastError: reportOf(error) });
    }
  }
}

/** Promoted as it stands, without a conflict or a failure that may be gone by now. */
function isSettled(
  parts: LaneParts,
  { lane, promoted, lastError }: ReceivedLane,
  at: { readonly epoch: number; readonly sequence: number },
): boolean {
  const same = promoted?.epoch === at.epoch && promoted.sequence === at.sequence;
  return same && lastError === undefined && conflictsOf(parts, lane).length === 0;
}

async function promoteNow(
  parts: LaneParts,
  record: ReceivedLane,
  signal: AbortSignal,
): Promise<void> {
  const { lane, resource } = record;
  const writer = splitFederatedId(lane).owner;
  requirePushable(parts, federatedId(parts.signer.cluster, resource), writer);
  const kind = laneKind(parts, splitLocalId(resource).kind);
  const view = await parts.mirrors.view(lane);
  if (view === undefined) {
    return;
  }
  const { taken, conflicts } = await kind.promote({ resource, lane: view, writer, signal });
  await bringConflicts(parts, record, conflicts);
  if (taken > 0) {
    parts.log.event('lane.promoted', { lane, taken });
  }
}

async function noteReceived(
  { store, tables, received }: LaneParts,
  { lane, resource, addedMs }: ReceivedLane,
  said: Pick<ReceivedLane, 'promoted' | 'lastError'>,
): Promise<void> {
  const row = received.find(lane);
  if (row === undefined) {
    return; // given up meanwhile
  }
  const { promoted = row.value.promoted, lastError } = said;
  const after: ReceivedLane = {
    lane,
    resource,
    addedMs,
    ...(promoted === undefined ? {} : { promoted }),
    ...(lastError === undefined ? {} : { lastError }),
  };
  if (JSON.stringify(after) === JSON.stringify(row.value)) {
    return; // nothing new to say
  }
  const key = tables.received.key(lane);
  const result = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: row.modRevision }],
    then: [tables.received.put([lane], after)],
  });
  if (result.succeeded) {
    await received.reached(result.revision);
  }
}

/** Our copy of the lane goes, with what it made a person decide; what was promoted stays. */
export function removeReceived(parts: LaneParts, lane: FederatedId): Promise<void> {
  const { store, tables, received, mirrors, log, oneAtATime } = parts;
  return oneAtATime.run(lane, async () => {
    await mirrors.release(lane);
    await dropConflicts(parts, lane);
    await removeRow(store, { table: tables.received, cache: received, key: lane });
    log.event('lane.removed', { lane });
  });
}
