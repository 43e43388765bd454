// A space by the way people spell it, and where its entries are read: an own log or a mirror.
import {
  federatedId,
  HansaError,
  isHansaError,
  resolveSpelled,
  splitFederatedId,
  withoutKind,
  type Codec,
  type FederatedId,
  type LocalId,
  type RowRange,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { LaneWriting } from '../lanes/contract.ts';
import type { DatedEntry, ResourceLog } from '../resources/contract.ts';
import type { Mirrors, MirrorView } from '../sync/contract.ts';
import { withOwnWrites } from './lane-reading.ts';
import { kvKind, type Space } from './contract.ts';
import { settingsFrom, settingsKey } from './keys.ts';

export interface FindingNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly lanes: LaneWriting;
}

/**
 * One state of a space, own or mirrored, however many reads it takes; empty where nothing of a
 * mirror has arrived.
 */
export interface SpaceSource {
  readonly resource: FederatedId;
  readonly epoch: number;
  /** Of the newest change that it shows. */
  readonly revision: number;
  /** The revision of our store at which all is read. */
  readonly pinned: number;
  entry(key: Uint8Array): Promise<DatedEntry | undefined>;
  entries(range?: RowRange): AsyncIterable<DatedEntry>;
}

export function resolveSpace(needs: FindingNeeds, spelled: string): FederatedId {
  return resolveSpelled(needs, kvKind, spelled);
}

/** The local id of an own space; RESOURCE_READ_ONLY for a mirror, naming who may write it. */
export function ownSpace(needs: FindingNeeds, spelled: string): LocalId {
  const resource = resolveSpace(needs, spelled);
  const { owner, local, name } = splitFederatedId(resource);
  if (owner !== needs.signer.cluster) {
    const ownerName = needs.mirrors.find(resource)?.ownerName ?? owner.slice(0, 8);
    throw new HansaError('RESOURCE_READ_ONLY', `${ownerName} owns ${name}: this is its mirror`, {
      fix: `write it at ${ownerName}, or offer changes: hansa sync push ${ownerName}:${local}`,
      facts: { owner },
    });
  }
  requireOwn(needs, local);
  return local;
}

/**
 * Where a write to a space goes: its own log, or, where its owner lets others write it, our lane.
 * POLICY_DENIED where the owner does not let us; while it is away, what is written waits in the
 * lane.
 */
export async function writableSpace(
  needs: FindingNeeds,
  spelled: string,
  signal: AbortSignal | undefined,
): Promise<LocalId> {
  const resource = resolveSpace(needs, spelled);
  if (!(await isSharedMirror(needs, resource))) {
    return ownSpace(needs, spelled);
  }
  const lane = await needs.lanes.open(resource);
  if (!needs.lanes.taken(resource)) {
    await needs.lanes.offer(resource, signal).catch(unlessAway);
  }
  return lane;
}

/**
 * Where a transaction goes: an own space. A lane is brought in key by key, so that what has to hold
 * of several keys at once is decided by their owner alone.
 */
export async function transactableSpace(needs: FindingNeeds, spelled: string): Promise<LocalId> {
  const resource = resolveSpace(needs, spelled);
  if (!(await isSharedMirror(needs, resource))) {
    return ownSpace(needs, spelled);
  }
  const { owner, name } = splitFederatedId(resource);
  const ownerName = needs.mirrors.find(resource)?.ownerName ?? owner.slice(0, 8);
  throw new HansaError(
    'RESOURCE_READ_ONLY',
    `a transaction on ${name} is for ${ownerName}, its owner: here, keys are written one at a time`,
    {
      fix: `run it at ${ownerName}, or: hansa kv put ${ownerName}:${name} <key> <value>`,
      facts: { owner },
    },
  );
}

/** One that its owner lets others write. */
async function isSharedMirror(needs: FindingNeeds, resource: FederatedId): Promise<boolean> {
  const view = await mirroredView(needs, resource);
  return view !== undefined && settingsFrom(needs.codec, await view.entry(settingsKey)).shared;
}

function unlessAway(error: unknown): void {
  const away = ['LINK_DOWN', 'CONNECTION_CLOSED', 'TIMED_OUT'] as const;
  if (!away.some((code) => isHansaError(error, code))) {
    throw error;
  }
}

async function mirroredView(
  { signer, mirrors }: FindingNeeds,
  resource: FederatedId,
): Promise<MirrorView | undefined> {
  return splitFederatedId(resource).owner === signer.cluster ? undefined : mirrors.view(resource);
}

function requireOwn({ resources }: FindingNeeds, local: LocalId): { readonly epoch: number } {
  const found = resources.find(local);
  if (found === undefined || found.kind !== kvKind) {
    const name = withoutKind(kvKind, local);
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no space ${name} here`, {
      fix: `hansa kv create ${name}; hansa kv spaces lists what there is`,
    });
  }
  return found;
}

/** As it is now, or was at a revision of the store: STORE_COMPACTED where that is not kept. */
export async function sourceOf(
  needs: FindingNeeds,
  resource: FederatedId,
  pinned?: number,
): Promise<SpaceSource> {
  const { owner, local } = splitFederatedId(resource);
  const mine = owner === needs.signer.cluster;
  if (mine) {
    requireOwn(needs, local);
  }
  const at = mine
    ? await needs.resources.at(local, pinned)
    : await needs.mirrors.at(resource, pinned);
  if (at === undefined) {
    return {
      resource,
      epoch: 0,
      revision: 0,
      pinned: pinned ?? 0,
      entry: async () => undefined,
      entries: nothing,
    };
  }
  const { epoch, sequence, revision } = at;
  const read = mine ? at : await withOwnWrites(needs, resource, at);
  return {
    resource,
    epoch,
    revision: sequence,
    pinned: revision,
    entry: (key) => read.entry(key),
    entries: (range) => read.entries(range),
  };
}

async function* nothing(): AsyncIterable<DatedEntry> {
  // Nothing has arrived yet.
}

export async function describeSpace(needs: FindingNeeds, resource: FederatedId): Promise<Space> {
  const { owner, local, name } = splitFederatedId(resource);
  const source = await sourceOf(needs, resource);
  const mine = owner === needs.signer.cluster;
  const own = mine ? needs.resources.find(local) : undefined;
  const ownerName = mine ? needs.signer.name : needs.mirrors.find(resource)?.ownerName;
  const { rule, shared } = settingsFrom(needs.codec, await source.entry(settingsKey));
  return {
    resource,
    name,
    role: mine ? 'own' : 'mirror',
    ownerName: ownerName ?? owner.slice(0, 8),
    type: own?.type ?? kvKind,
    description: own?.description ?? '',
    labels: own?.labels ?? {},
    rule,
    shared,
    epoch: source.epoch,
    revision: source.revision,
  };
}

export function ownSpaces({ resources, signer }: FindingNeeds): readonly FederatedId[] {
  return resources
    .all()
    .filter(({ kind, name }) => kind === kvKind && !name.startsWith('@'))
    .map(({ id }) => federatedId(signer.cluster, id));
}
