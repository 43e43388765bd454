// Mirrors as people and other capabilities see them.
import {
  callingCluster,
  changedKeys,
  deadline,
  HansaError,
  splitFederatedId,
  type FederatedId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import {
  mirrorsMax,
  type FederatedKind,
  type Mirror,
  type MirrorPause,
  type Mirrors,
  type Sync,
} from './contract.ts';
import { keepCollecting } from './collecting.ts';
import { createCopies, type Copies } from './copies.ts';
import { fetchBlobs } from './fetching.ts';
import { inspectMirror } from './inspecting.ts';
import type { MirroringNeeds } from './mirror-progress.ts';
import { servedOn, type OnwardEnforcement } from './mirrored-blobs.ts';
import { createMirroring, type Mirroring } from './mirroring.ts';
import { answerChallenge } from './challenges.ts';
import { differenceOf } from './diffing.ts';
import { assumed, chosenOf, offered, readSpelled, type Spelled } from './naming.ts';
import { createOverseers, type Overseers } from './overseeing.ts';
import { createProgress, heldRows, type Progress } from './progress.ts';
import { purgeMirrors } from './purging.ts';
import { servedToUs } from './served-to-us.ts';
import { createServing } from './serving.ts';
import { spendingBlobs, spendingState, type Spending } from './spending.ts';
import { createWitness } from './witnessing.ts';
import { heldRowsMax, type BlobPeer, type SyncPeer } from './wire.ts';

const nowWaitDefaultMs = 30_000; // one interval: what a person waits for at a prompt

export interface SyncNeeds extends Omit<MirroringNeeds, 'copies' | 'kind' | 'witness'> {
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly enforcement: OnwardEnforcement;
  /** Absent: nothing that is served is counted. */
  readonly budgets?: Spending | undefined;
}

export interface SyncService {
  readonly sync: Sync;
  readonly mirrors: Mirrors;
  readonly syncPeer: SyncPeer;
  readonly blobPeer: BlobPeer;
  readonly mirroring: Mirroring;
  readonly progress: Progress;
  /** Removes blobs that nothing names any more, for as long as the signal lets it. */
  collect(signal: AbortSignal): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

interface Parts extends SyncNeeds, MirroringNeeds {
  readonly copies: Copies;
  readonly mirroring: Mirroring;
  readonly overseers: Overseers;
  readonly kinds: Map<string, FederatedKind>;
  readonly hearing: Set<Parameters<Mirrors['onHeld']>[0]>;
}

export function createSync(needs: SyncNeeds): SyncService {
  const copies = createCopies(needs);
  const kinds = new Map<string, FederatedKind>();
  const kind = (name: string): FederatedKind => kindNamed(kinds, name);
  const overseers = createOverseers();
  const witness = createWitness({
    ...needs,
    sequenceOf: (...at) => appliedSequence(copies, ...at),
  });
  const pauseOf = (resource: FederatedId): MirrorPause | undefined =>
    overseers.asked.pauseOf(resource) ?? kindPause(kinds, resource);
  const following = { ...needs, ...overseers.asked, pauseOf, copies, kind, witness };
  const mirroring = createMirroring(following);
  const hearing: Parts['hearing'] = new Set();
  const parts: Parts = { ...following, overseers, mirroring, kinds, hearing };
  const mirrors = mirrorsOf(parts);
  const progress = createProgress({
    ...needs,
    copies,
    cluster: needs.signer.cluster,
    stateOf: (resource) => mirroring.mirror(resource)?.state ?? 'waiting',
    heard: (peer, rows) => parts.hearing.forEach((heard) => heard(peer, rows)),
  });
  needs.peers.setProgressSource(progress);
  const damaged = (resource: FederatedId): void => mirroring.mend(resource);
  const serving = createServing({
    ...needs,
    cluster: needs.signer.cluster,
    mirrored: servedOn(needs.enforcement, copies),
  });
  const { budgets } = needs;
  const { digests, entries } = serving.ranges;
  const content = { follow: serving.follow, digests, entries };
  return {
    mirrors,
    mirroring,
    progress,
    sync: syncOf(parts, mirrors),
    blobPeer: budgets === undefined ? serving.blobs : spendingBlobs(budgets, serving.blobs),
    syncPeer: {
      ...content,
      ...(budgets === undefined ? {} : spendingState(budgets, content)),
      pin: serving.ranges.pin,
      heads: serving.heads,
      renew: serving.renew,
      held: async (_input, call) => ({ rows: heldRows({ copies }, callingCluster(call)) }),
      challenge: (input, call) => answerChallenge({ ...parts, damaged }, input, call),
    },
    collect: (signal) => keepCollecting(parts, signal),
    async start(signal) {
      const { clock } = needs;
      const { mirrors: records, applied, forks } = copies;
      await Promise.all([records, applied, forks].map((table) => table.start(signal, clock)));
      await settleAll(parts, mirrors, signal);
    },
  };
}

function appliedSequence(copies: Copies, resource: FederatedId, epoch: number): number {
  const applied = copies.applied.find(resource)?.value;
  return applied?.epoch === epoch ? applied.sequence : 0;
}

function kindNamed(kinds: ReadonlyMap<string, FederatedKind>, name: string): FederatedKind {
  const kind = kinds.get(name);
  if (kind === undefined) {
    throw unknownKind(name);
  }
  return kind;
}

function unknownKind(name: string): HansaError {
  return new HansaError('KIND_UNKNOWN', `no capability here serves the kind "${name}"`, {
    fix: 'start the program that registers it; hansa kind list shows the registered ones',
  });
}

/** What nobody here understands cannot be checked: it is not even pulled. */
function kindPause(
  kinds: ReadonlyMap<string, FederatedKind>,
  resource: FederatedId,
): MirrorPause | undefined {
  const { kind } = splitFederatedId(resource);
  return kinds.has(kind) ? undefined : { state: 'waiting', error: unknownKind(kind) };
}

/** After a restart: caches follow the store, whatever a crash left between them. */
async function settleAll(parts: Parts, mirrors: Mirrors, signal: AbortSignal): Promise<void> {
  for (const { resource, kind } of mirrors.all()) {
    const view = await mirrors.view(resource);
    const serving = parts.kinds.get(kind);
    if (view !== undefined && serving !== undefined) {
      await serving
        .settle(view, signal)
        .catch((error: unknown) => parts.log.problem('mirror.unsettled', error, { resource }));
    }
  }
}

function mirrorsOf(parts: Parts): Mirrors {
  const { copies, mirroring, peers, kinds, signer } = parts;
  const all = (): readonly Mirror[] =>
    [...copies.mirrors.rows.values()]
      .flatMap(({ value }) => mirroring.mirror(value.resource) ?? [])
      .toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
  return {
    all,
    resolve: (spelled) => {
      const meant = readSpelled({ peers, signer, kinds }, spelled);
      const resource = chosenOf(copies.of(meant.owner), meant);
      if (resource === undefined) {
        throw new HansaError('MIRROR_NOT_FOUND', `there is no mirror of ${spelled} here`);
      }
      return resource;
    },
    find: (resource) => mirroring.mirror(resource),
    async view(resource) {
      const epoch = copies.applied.find(resource)?.value.epoch;
      return epoch === undefined ? undefined : copies.view(resource, epoch);
    },
    at: (resource, revision) => copies.at(resource, revision),
    subscribe: (changed) => mirroring.subscribe(changed),
    hold: (resource) => hold(parts, resource),
    async release(resource) {
      if (copies.mirrors.find(resource) !== undefined) {
        await removeMirror(parts, resource);
      }
    },
    purge: (resources) => purgeMirrors(parts, resources, (each) => removeMirror(parts, each)),
    oversee: (overseer) => parts.overseers.add(overseer),
    wake: (resource) => mirroring.wake(resource),
    batches: (resource) => parts.witness.batches(resource),
    difference: (resource, signal) =>
      differenceOf(parts, requireMirror(mirroring.mirror(resource), resource), signal),
    served: (asked) => servedToUs(parts, asked),
    inspect: (resource, order) => inspectMirror(parts, resource, order),
    mend: (resource) => mirroring.mend(resource),
    head: (resource) => copies.applied.find(resource)?.value.head,
    onHeld: (heard) => void parts.hearing.add(heard),
    fetch: (order) => fetchFrom(parts, order),
    registerKind: (kind) => {
      kinds.set(kind.kind, kind);
      const waiting = [...copies.mirrors.rows.values()].map(({ value }) => value.resource);
      waiting
        .filter((resource) => splitFederatedId(resource).kind === kind.kind)
        .forEach((resource) => mirroring.wake(resource));
      kind.attached?.({
        retry: (resource) => {
          const once = { waitMs: undefined, signal: undefined };
          renewAll(parts, [resource], once).catch(() => undefined);
        },
        unregister: () => void kinds.delete(kind.kind),
      });
    },
  };
}

function fetchFrom(parts: Parts, order: Parameters<Mirrors['fetch']>[0]): Promise<number> {
  const { from: cluster, source: name, carrier, ...rest } = order;
  return fetchBlobs(parts, {
    ...rest,
    owner: { cluster, name, carrier: () => carrier },
    expect: (_source, bytes) => parts.peers.expectBulk(cluster, bytes),
    arrived: () => undefined,
  });
}

async function hold({ copies, clock, log }: Parts, resource: FederatedId): Promise<void> {
  if (copies.mirrors.find(resource) === undefined) {
    await copies.add({ resource, addedMs: clock.now() });
    log.event('mirror.held', { resource });
  }
}

function syncOf(parts: Parts, mirrors: Mirrors): Sync {
  const { mirroring, peers } = parts;
  const shown = (resource: FederatedId): Mirror => requireMirror(mirrors.find(resource), resource);
  return {
    async add({ resource }, call) {
      return shown(await addMirror(parts, resource, call?.signal));
    },
    async list({ peer }) {
      const owner = peer === undefined ? undefined : peers.resolve(peer).cluster;
      const chosen = mirrors.all().filter((each) => owner === undefined || each.owner === owner);
      return { mirrors: chosen };
    },
    show: async ({ resource }) => shown(mirrors.resolve(resource)),
    async remove({ resource }) {
      const mirror = shown(mirrors.resolve(resource));
      await removeMirror(parts, mirror.resource);
      return mirror;
    },
    async now({ resource, waitMs }, call) {
      const chosen =
        resource === undefined
          ? mirrors.all().map((each) => each.resource)
          : [mirrors.resolve(resource)];
      const known = await renewAll(parts, chosen, { waitMs, signal: call?.signal });
      return { mirrors: chosen.map((each, index) => asKnown(shown(each), known[index] === true)) };
    },
    async *changes(_input, call) {
      const changed = changedKeys<FederatedId>((each) => mirroring.subscribe(each), call?.signal);
      for await (const resource of changed) {
        const mirror = mirrors.find(resource);
        if (mirror !== undefined) {
          yield mirror;
        }
      }
    },
  };
}

/** What it was before the question is no answer to it. */
function asKnown(mirror: Mirror, isKnown: boolean): Mirror {
  return isKnown || mirror.state !== 'current' ? mirror : { ...mirror, state: 'pulling' };
}

function requireMirror(mirror: Mirror | undefined, resource: FederatedId): Mirror {
  if (mirror === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', `there is no mirror of ${resource} here`);
  }
  return mirror;
}

async function addMirror(
  parts: Parts,
  spelled: string,
  signal: AbortSignal | undefined,
): Promise<FederatedId> {
  const { copies, clock, log } = parts;
  const meant = readSpelled(parts, spelled);
  const { owner } = meant;
  requirePullable(parts, owner);
  const resource = await meantOf(parts, meant, signal);
  if (copies.mirrors.find(resource) !== undefined) {
    throw new HansaError('MIRROR_EXISTS', `${spelled} is mirrored already`, {
      fix: `hansa mirror show ${spelled}`,
    });
  }
  if (copies.mirrors.rows.size >= mirrorsMax) {
    throw new HansaError('STORE_LIMIT', `there are ${mirrorsMax} mirrors, the most there may be`);
  }
  if (copies.of(owner).length >= heldRowsMax) {
    throw new HansaError(
      'STORE_LIMIT',
      `there are ${heldRowsMax} mirrors of one owner, the most that its beats can prove`,
    );
  }
  await copies.add({ resource, addedMs: clock.now() });
  log.event('mirror.added', { resource });
  return resource;
}

/** Nothing is applied any more before anything is deleted: a late batch would bring it back. */
async function removeMirror(parts: Parts, resource: FederatedId): Promise<void> {
  const { copies, mirroring, kinds, log } = parts;
  await mirroring.stop(resource);
  const epoch = copies.applied.find(resource)?.value.epoch;
  try {
    await copies.remove(resource);
  } finally {
    mirroring.forget(resource);
  }
  if (epoch !== undefined) {
    await kinds.get(splitFederatedId(resource).kind)?.purge({ resource, epoch });
  }
  log.event('mirror.removed', { resource });
}

async function renewAll(
  { clock, mirroring }: Parts,
  resources: readonly FederatedId[],
  given: { readonly waitMs: number | undefined; readonly signal: AbortSignal | undefined },
): Promise<readonly boolean[]> {
  const limit = deadline(clock, given.waitMs ?? nowWaitDefaultMs, {
    reason: () => new HansaError('TIMED_OUT', 'the round is not over yet'),
    signal: given.signal,
  });
  try {
    return await Promise.all(resources.map((each) => mirroring.renew(each, limit.signal)));
  } finally {
    limit.done();
  }
}

function requirePullable({ peers, signer }: Parts, owner: Mirror['owner']): void {
  if (owner === signer.cluster) {
    throw new HansaError('LINK_TO_SELF', 'a cluster does not mirror its own resources');
  }
  const standing = peers.standing(owner);
  if (standing.name === undefined) {
    throw new HansaError('LINK_NOT_FOUND', `no link to ${owner.slice(0, 8)}…`);
  }
  if (!standing.mine) {
    throw new HansaError(
      'LINK_NOT_OURS',
      `this cluster only serves ${standing.name}: it gave up its own half of the link`,
      { fix: 'make another link without --serve-only' },
    );
  }
}

/** Asked where the owner can be asked; where it is away, the mirror waits for it. */
async function meantOf(
  parts: Parts,
  meant: Spelled,
  signal: AbortSignal | undefined,
): Promise<FederatedId> {
  const { peers } = parts;
  const { owner } = meant;
  // Also what an owner that is away has been asked for before is mirrored already.
  const isHere = peers.connected(owner) && peers.standing(owner).active;
  const there = isHere ? await offered(parts, meant, signal) : parts.copies.of(owner);
  const chosen = chosenOf(there, meant);
  if (chosen !== undefined) {
    return chosen;
  }
  const likely = assumed(parts, meant);
  kindNamed(parts.kinds, splitFederatedId(likely).kind);
  if (isHere) {
    const name = peers.standing(owner).name ?? owner.slice(0, 8);
    throw new HansaError('RESOURCE_NOT_FOUND', `${name} has no ${meant.name} for us`, {
      fix: `hansa catalog list --peer ${name} shows what there is`,
    });
  }
  return likely;
}
