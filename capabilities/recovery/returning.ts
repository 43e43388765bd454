// What becomes of the copies between us and a peer when both are here again: a plan, never a wipe.
// Absence purges nothing; what differs is pulled, rebuilt beside, or left for a person to decide.
import {
  isHansaError,
  remote,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { HeldPosition, Mirror, Mirrors } from '../sync/contract.ts';
import type { ReturnPlan, ReturnRow, ReturnStep, Standing } from './contract.ts';
import { rewoundError } from './finding.ts';
import type { RewoundRecord } from './keys.ts';
import { positionsMax, recoveryPeerContract } from './wire.ts';

export interface ReturningNeeds {
  readonly cluster: ClusterId;
  readonly peers: Peers;
  readonly resources: ResourceLog;
  readonly mirrors: Pick<Mirrors, 'all'>;
  readonly rewound: WatchedTable<RewoundRecord>;
  /** What the peer last said that it holds of ours. */
  heldBy(peer: ClusterId): readonly HeldPosition[];
}

export async function planReturn(
  needs: ReturningNeeds,
  spelled: string,
  signal: AbortSignal | undefined,
): Promise<ReturnPlan> {
  const { peers, mirrors } = needs;
  const { cluster: peer, name } = peers.resolve(spelled);
  const connected = peers.connected(peer);
  const theirs = mirrors.all().filter((mirror) => mirror.owner === peer);
  const positions = await positionsOf(needs, peer, {
    resources: theirs.map(({ resource }) => resource),
    signal,
  });
  const held = needs.heldBy(peer).filter(({ resource }) => isOurs(needs, resource));
  const ours = await Promise.all(held.map((each) => ourRow(needs, each)));
  return {
    peer,
    peerName: name ?? peer.slice(0, 8),
    connected,
    rows: [...theirs.map((mirror) => theirRow(mirror, positions?.get(mirror.resource))), ...ours],
  };
}

function isOurs({ cluster }: ReturningNeeds, resource: FederatedId): boolean {
  return splitFederatedId(resource).owner === cluster;
}

/** Undefined where the peer cannot be asked now; null for what it does not share with us. */
async function positionsOf(
  { peers }: ReturningNeeds,
  peer: ClusterId,
  asked: { readonly resources: readonly FederatedId[]; readonly signal: AbortSignal | undefined },
): Promise<ReadonlyMap<FederatedId, Standing | null> | undefined> {
  const found = new Map<FederatedId, Standing | null>();
  try {
    const wire = remote(recoveryPeerContract, peers.observer(peer));
    for (let at = 0; at < asked.resources.length; at += positionsMax) {
      const resources = asked.resources.slice(at, at + positionsMax);
      const { positions } = await wire.positions({ resources }, { signal: asked.signal });
      resources.forEach((resource, index) => found.set(resource, positions[index] ?? null));
    }
    return found;
  } catch (error) {
    if (isHansaError(error, 'CANCELLED')) {
      throw error;
    }
    return undefined; // away, or of an older version: what is known here is all there is
  }
}

function theirRow(mirror: Mirror, owner: Standing | null | undefined): ReturnRow {
  const { resource, name, lastError, state, applied } = mirror;
  const held =
    applied === undefined ? undefined : { epoch: applied.epoch, sequence: applied.sequence };
  const shown = { resource, name, side: 'theirs' as const, held, owner: owner ?? undefined };
  if (state === 'halted' || state === 'refused') {
    return { ...shown, step: 'decide', reason: lastError?.message };
  }
  if (owner === undefined) {
    return { ...shown, step: 'wait', reason: 'the peer cannot be asked now; the copy stays' };
  }
  return owner === null
    ? { ...shown, step: 'keep', reason: 'not shared with us now; the copy stays as it is' }
    : { ...shown, step: stepTo(held, owner) };
}

/** How a copy comes to where its owner stands. */
function stepTo(held: Standing | undefined, owner: Standing): ReturnStep {
  if (held === undefined) {
    return 'pull';
  }
  if (held.epoch !== owner.epoch) {
    return held.epoch < owner.epoch ? 'rebuild' : 'decide';
  }
  if (held.sequence === owner.sequence) {
    return 'current';
  }
  return held.sequence < owner.sequence ? 'pull' : 'decide';
}

async function ourRow(
  { resources, rewound }: ReturningNeeds,
  { resource, epoch, sequence }: HeldPosition,
): Promise<ReturnRow> {
  const { local, name } = splitFederatedId(resource);
  const position = await resources.position(local);
  const owner =
    position === undefined ? undefined : { epoch: position.epoch, sequence: position.sequence };
  const shown = { resource, name, side: 'ours' as const, held: { epoch, sequence }, owner };
  const record = rewound.find(local)?.value;
  if (record !== undefined) {
    return { ...shown, step: 'decide', reason: rewoundError(local, record).message };
  }
  return owner === undefined
    ? { ...shown, step: 'keep', reason: 'removed here; their copy stays until they remove it' }
    : { ...shown, step: stepTo({ epoch, sequence }, owner) };
}
