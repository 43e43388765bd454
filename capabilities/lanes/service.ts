// Lanes as people see them.
import {
  federatedId,
  HansaError,
  laneId,
  laneTarget,
  remote,
  splitFederatedId,
  type FederatedId,
} from '@hansa/foundation';
import { listConflicts, resolveConflict } from './conflicts.ts';
import type { Lane, Lanes, LaneState } from './contract.ts';
import type { StoredLaneState } from './keys.ts';
import { clusterName, openConflicts, type LaneParts } from './parts.ts';
import { removeReceived } from './receiving.ts';
import { lanePeerContract, type LaneAnswer } from './wire.ts';
import { createLaneWriting, noteAnswer, offerLane, removeWritten } from './writing.ts';

export function createLanes(parts: LaneParts): Lanes {
  return {
    list: async () => ({ lanes: lanesOf(parts) }),
    async show({ lane: spelled }, call) {
      const lane = laneCalled(parts, spelled);
      return lane.side === 'ours' ? asTheOwnerSees(parts, lane, call?.signal) : lane;
    },
    async push({ resource: spelled }, call) {
      const resource = parts.mirrors.resolve(spelled);
      await createLaneWriting(parts).open(resource);
      const answer = await offerLane(parts, resource, call?.signal);
      return fromOwner(requireOurs(parts, resource), answer);
    },
    async remove({ lane: spelled }) {
      const lane = laneCalled(parts, spelled);
      await (lane.side === 'ours'
        ? removeWritten(parts, lane.resource)
        : removeReceived(parts, lane.lane));
      return lane;
    },
    conflicts: async ({ resource }) => ({ conflicts: listConflicts(parts, resource) }),
    resolve: ({ id, take }, call) =>
      resolveConflict(parts, { id, take, signal: call?.signal ?? new AbortController().signal }),
  };
}

function lanesOf(parts: LaneParts): readonly Lane[] {
  const { written, received, signer } = parts;
  const ours = [...written.rows.values()].map(({ value }): Lane => {
    const { resource, state, conflicts = 0, lastError, addedMs } = value;
    return {
      ...names(parts, federatedId(signer.cluster, laneId(resource)), resource),
      side: 'ours',
      state: stateOf(state, conflicts),
      conflicts,
      lastError,
      addedMs,
    };
  });
  const theirs = [...received.rows.values()].map(({ value }): Lane => {
    const { lane, promoted, lastError, addedMs } = value;
    const conflicts = openConflicts(parts, lane);
    return {
      ...names(parts, lane, federatedId(signer.cluster, value.resource)),
      side: 'theirs',
      state: stateOf('taken', conflicts),
      promoted,
      conflicts,
      lastError,
      addedMs,
    };
  });
  return [...ours, ...theirs].toSorted((a, b) => (a.lane < b.lane ? -1 : 1));
}

function stateOf(stored: StoredLaneState, conflicts: number): LaneState {
  return stored === 'taken' && conflicts > 0 ? 'in-conflict' : stored;
}

/** Whatever the owner answers of a lane, it has taken it. */
function fromOwner(lane: Lane, answer: LaneAnswer): Lane {
  return { ...lane, ...answer, state: stateOf('taken', answer.conflicts) };
}

function names(
  parts: LaneParts,
  lane: FederatedId,
  resource: FederatedId,
): Pick<Lane, 'lane' | 'resource' | 'writer' | 'writerName' | 'ownerName'> {
  return {
    lane,
    resource,
    writer: splitFederatedId(lane).owner,
    writerName: clusterName(parts, lane),
    ownerName: clusterName(parts, resource),
  };
}

/**
 * By its id, or `<the other cluster>:<kind>/<name>`; the kind may be left out where it is clear.
 */
function laneCalled(parts: LaneParts, spelled: string): Lane {
  const found = lanesOf(parts).filter((lane) => {
    const other = lane.side === 'ours' ? lane.ownerName : lane.writerName;
    const { local, name } = splitFederatedId(lane.resource);
    return [lane.lane, `${other}:${local}`, `${other}:${name}`].includes(spelled);
  });
  const [one, another] = found;
  if (one === undefined || another !== undefined) {
    const how = one === undefined ? 'no lane is called' : 'several lanes are called';
    throw new HansaError('LANE_NOT_FOUND', `${how} "${spelled}"`);
  }
  return one;
}

function requireOurs(parts: LaneParts, resource: FederatedId): Lane {
  return laneCalled(parts, federatedId(parts.signer.cluster, laneId(resource)));
}

/** What the owner says now; where it cannot be asked, what we know. */
async function asTheOwnerSees(
  parts: LaneParts,
  lane: Lane,
  signal: AbortSignal | undefined,
): Promise<Lane> {
  const { peers } = parts;
  const { owner } = splitFederatedId(lane.resource);
  if (
    !['taken', 'in-conflict'].includes(lane.state) ||
    !peers.connected(owner) ||
    laneTarget(laneId(lane.resource)) === undefined
  ) {
    return lane;
  }
  const wire = remote(lanePeerContract, peers.observer(owner));
  const answer = await wire.status({ resource: lane.resource }, { signal }).catch(() => undefined);
  if (answer === undefined) {
    return lane;
  }
  await noteAnswer(parts, lane.resource, answer);
  return fromOwner(lane, answer);
}
