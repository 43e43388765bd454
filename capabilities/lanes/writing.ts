// Our lanes: made at the first write, offered to the owner at once and whenever it comes back.
import {
  changedKeys,
  federatedId,
  HansaError,
  isHansaError,
  laneId,
  momentText,
  remote,
  reportOf,
  splitFederatedId,
  splitLocalId,
  type ClusterId,
  type ErrorCode,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { LaneWriting } from './contract.ts';
import type { StoredLaneState, WrittenLane } from './keys.ts';
import { laneKind, removeRow, type LaneParts } from './parts.ts';
import { lanePeerContract, type LaneAnswer } from './wire.ts';

/** What an owner says for good: asked again only when something there has changed. */
const refusals: readonly ErrorCode[] = [
  'POLICY_DENIED',
  'RESOURCE_NOT_FOUND',
  'LANES_UNSUPPORTED',
  'LANES_FULL',
];

export function createLaneWriting(parts: LaneParts): LaneWriting {
  return {
    registerKind: (kind) => {
      parts.kinds.set(kind.kind, kind);
    },
    open: (resource) => openLane(parts, resource),
    find: (resource) => (parts.written.find(resource) === undefined ? undefined : laneId(resource)),
    taken: (resource) => parts.written.find(resource)?.value.state === 'taken',
    offer: async (resource, signal) => {
      await offerLane(parts, resource, signal);
    },
  };
}

/** The record comes last: a lane that a crash left without one is found and used the next time. */
async function openLane(parts: LaneParts, resource: FederatedId): Promise<LocalId> {
  const { resources, signer, peers, clock } = parts;
  const { owner, kind } = splitFederatedId(resource);
  laneKind(parts, kind);
  if (owner === signer.cluster) {
    throw new HansaError('INPUT_INVALID', `${resource} is our own: it is written without a lane`);
  }
  peers.resolve(owner);
  requireNotFrozen(parts, resource);
  const lane = laneId(resource);
  if (resources.find(lane) === undefined) {
    await resources
      .create({ kind, name: splitLocalId(lane).name })
      .catch((error: unknown) => unlessExists(error));
  }
  if (parts.written.find(resource) === undefined) {
    await keep(parts, { resource, state: 'offered', addedMs: clock.now() });
    parts.log.event('lane.opened', { resource });
  }
  return lane;
}

/** What its owner has withdrawn is deleted here soon: what is written for it would reach nobody. */
function requireNotFrozen({ mirrors }: LaneParts, resource: FederatedId): void {
  const mirror = mirrors.find(resource);
  if (mirror?.state !== 'frozen') {
    return;
  }
  const { ownerName, frozen } = mirror;
  const { local } = splitFederatedId(resource);
  const why = `nothing is written: ${ownerName} does not share ${local} any more`;
  const purgeAtMs = frozen?.purgeAtMs;
  throw purgeAtMs === undefined
    ? new HansaError('MIRROR_FROZEN', `${why}; it is retained here, to be read`, {
        fix: `ask ${ownerName} to share it again`,
      })
    : new HansaError('MIRROR_FROZEN', `${why}; it is deleted here at ${momentText(purgeAtMs)}`, {
        facts: { purgeAtMs },
      });
}

function unlessExists(error: unknown): void {
  if (!isHansaError(error, 'RESOURCE_EXISTS')) {
    throw error;
  }
}

async function keep(parts: LaneParts, record: WrittenLane): Promise<void> {
  const { store, tables, written } = parts;
  const { revision } = await store.batchWrite([tables.written.put([record.resource], record)]);
  await written.reached(revision);
}

export async function offerLane(
  parts: LaneParts,
  resource: FederatedId,
  signal?: AbortSignal,
): Promise<LaneAnswer> {
  const { owner } = splitFederatedId(resource);
  try {
    const wire = remote(lanePeerContract, parts.peers.carrier(owner));
    const answer = await wire.offer({ resource }, { signal });
    await noteAnswer(parts, resource, answer);
    return answer;
  } catch (error) {
    const refused = refusals.some((code) => isHansaError(error, code));
    await note(parts, resource, { state: refused ? 'refused' : undefined, error });
    throw error;
  }
}

/** What the owner said of a lane that it has taken. */
export function noteAnswer(
  parts: LaneParts,
  resource: FederatedId,
  { conflicts }: LaneAnswer,
): Promise<void> {
  return note(parts, resource, { state: 'taken', conflicts });
}

interface Said {
  readonly state: StoredLaneState | undefined;
  readonly conflicts?: number;
  readonly error?: unknown;
}

async function note(parts: LaneParts, resource: FederatedId, said: Said): Promise<void> {
  const record = parts.written.find(resource)?.value;
  if (record === undefined) {
    return; // given up meanwhile
  }
  const { addedMs } = record;
  const { state = record.state, conflicts = record.conflicts, error } = said;
  const after: WrittenLane = {
    resource,
    state,
    ...(conflicts === undefined ? {} : { conflicts }),
    ...(error === undefined ? {} : { lastError: reportOf(error) }),
    addedMs, // in the order in which it is read, so that what is the same compares as such
  };
  if (JSON.stringify(after) !== JSON.stringify(record)) {
    await keep(parts, after);
  }
}

/** Offers our lanes to every owner that is heard again, or that has changed what it shares. */
export async function keepOffering(parts: LaneParts, signal: AbortSignal): Promise<void> {
  const { peers, news, written, log } = parts;
  const heard = changedKeys<ClusterId>((tell) => {
    const stops = [peers.subscribe(tell), news.subscribe(tell)];
    peers.all().forEach(({ cluster }) => tell(cluster));
    return () => stops.forEach((stop) => stop());
  }, signal);
  const offeredIn = new Map<ClusterId, boolean>();
  for await (const owner of heard) {
    const { mine, active } = peers.standing(owner);
    const there = mine && active && peers.connected(owner);
    const lanes = [...written.rows.values()]
      .map(({ value }) => value)
      .filter(({ resource }) => splitFederatedId(resource).owner === owner);
    // Once per connection for those that stand; those that do not are tried at every sign.
    const again = there && offeredIn.get(owner) !== true;
    offeredIn.set(owner, there);
    for (const { resource, state } of there ? lanes : []) {
      if (again || state !== 'taken') {
        await offerLane(parts, resource, signal).catch((error: unknown) =>
          log.event('lane.not-taken', { resource, reason: reportOf(error).code }),
        );
      }
    }
  }
}

export async function removeWritten(parts: LaneParts, resource: FederatedId): Promise<void> {
  const { resources, store, tables, written } = parts;
  const lane = laneId(resource);
  if (resources.find(lane) !== undefined) {
    await resources.remove(lane);
  }
  await removeRow(store, { table: tables.written, cache: written, key: resource });
  parts.log.event('lane.removed', { lane: federatedId(parts.signer.cluster, lane) });
}
