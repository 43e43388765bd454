// The owner's side: follows, heads and blobs for peers, each decided by policy before anything is
// looked up and again before anything more is sent.
import {
  callingCluster,
  changedKeys,
  HansaError,
  isHansaError,
  splitFederatedId,
  type Blobs,
  type Call,
  type ClusterId,
  type Crypto,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Enforcement } from '../policies/contract.ts';
import type { Head, Position, ResourceLog, Tick } from '../resources/contract.ts';
import { absent, requirePull } from './pull-rights.ts';
import { servingBlobs, type MirroredBlobs } from './serving-blobs.ts';
import { createRangeServing, type RangeServing } from './serving-ranges.ts';
import type { BlobPeer, FollowItem, RenewedHeads, SyncPeer } from './wire.ts';

export interface ServingNeeds {
  readonly cluster: ClusterId;
  readonly resources: ResourceLog;
  readonly enforcement: Enforcement;
  readonly blobs: Blobs;
  readonly crypto?: Crypto | undefined;
  readonly mirrored?: MirroredBlobs | undefined;
}

export function createServing(needs: ServingNeeds): {
  readonly follow: SyncPeer['follow'];
  readonly heads: SyncPeer['heads'];
  readonly renew: SyncPeer['renew'];
  readonly ranges: RangeServing;
  readonly blobs: BlobPeer;
} {
  const { resources } = needs;
  return {
    follow: (input, call) => follow(needs, input, call),
    async heads({ resources: asked }, call) {
      return { heads: await headsOf(needs, asked, call) };
    },
    async renew({ held }, call) {
      const heads = await headsOf(
        needs,
        held.map(({ resource }) => resource),
        call,
      );
      return renewed(held, heads);
    },
    ranges: createRangeServing({
      require: (resource, call) => void requirePull(needs, resource, callingCluster(call)),
      snapshot: (resource) => resources.snapshot(splitFederatedId(resource).local),
      sign: (resource, { position }) => resources.sign(splitFederatedId(resource).local, position),
    }),
    blobs: servingBlobs(needs),
  };
}

/** Fresh, in the order asked; null for what is unknown, rewound or not shared alike. */
async function headsOf(
  { resources, enforcement, cluster }: ServingNeeds,
  asked: readonly FederatedId[],
  call: Call | undefined,
): Promise<readonly (Head | null)[]> {
  const readable = enforcement.visible(callingCluster(call), 'pull');
  const standing = asked.map(async (id) => {
    const { owner, local } = splitFederatedId(id);
    const isServed = owner === cluster && readable.has(local);
    const position = isServed ? await resources.position(local) : undefined;
    return position === undefined ? undefined : { local, position };
  });
  // All of them first: what is signed in one turn shares one signature.
  const found = await Promise.all(standing);
  const heads = found.map(async (each) =>
    each === undefined ? null : signedUnlessRewound(resources, each.local, each.position),
  );
  return Promise.all(heads);
}

/** Of those that stand where they are held, only what the asker cannot know. */
function renewed(
  held: Parameters<SyncPeer['renew']>[0]['held'],
  heads: readonly (Head | null)[],
): RenewedHeads {
  const ticks = new Map<Tick, number>();
  const proofs = held.map(({ epoch, sequence }, index) => {
    const head = heads[index] ?? null;
    if (head?.epoch !== epoch || head.sequence !== sequence) {
      return null;
    }
    const tick = ticks.get(head.tick) ?? ticks.size;
    ticks.set(head.tick, tick);
    return { tick, salt: head.salt, path: head.path };
  });
  return { ticks: [...ticks.keys()], proofs };
}

/** One that is rewound is no reason to say nothing of the others; who follows it is told. */
async function signedUnlessRewound(
  resources: ResourceLog,
  local: LocalId,
  position: Position,
): Promise<Head | null> {
  try {
    return await resources.sign(local, position);
  } catch (error) {
    if (isHansaError(error, 'RESOURCE_REWOUND')) {
      return null;
    }
    throw error;
  }
}

async function* follow(
  needs: ServingNeeds,
  input: Parameters<SyncPeer['follow']>[0],
  call: Call | undefined,
): AsyncIterable<FollowItem> {
  const { resources } = needs;
  const peer = callingCluster(call);
  let at: { epoch: number; sequence: number } = { ...input };
  let told = false;
  const local = requirePull(needs, input.resource, peer);
  const changes = changedKeys<'changed'>(
    (tell) => onChange(needs, local, () => tell('changed')),
    call?.signal,
  );
  try {
    do {
      requirePull(needs, input.resource, peer);
      const position = await resources.position(local);
      if (position === undefined) {
        throw absent(input.resource);
      }
      at = startOf(at, position, input.resource);
      await requireKept(resources, local, at);
      if (at.sequence === position.sequence && !told) {
        yield { head: await resources.sign(local, position) };
      }
      for await (const { items, end } of batches(resources, { local, at, position })) {
        for (const item of items) {
          requirePull(needs, input.resource, peer);
          yield item;
        }
        at = end;
      }
      told = true;
    } while ((await changes.next()).done !== true);
  } finally {
    await changes.return?.();
  }
}

function startOf(
  at: { epoch: number; sequence: number },
  position: Position,
  resource: FederatedId,
): { epoch: number; sequence: number } {
  if (
    at.epoch > position.epoch ||
    (at.epoch === position.epoch && at.sequence > position.sequence)
  ) {
    throw new HansaError(
      'HEAD_REWOUND',
      `${resource} stands at ${position.epoch}/${position.sequence} at its ` +
        `owner, behind your ${at.epoch}/${at.sequence}: was an old backup restored?`,
    );
  }
  return at.epoch === position.epoch ? at : { epoch: position.epoch, sequence: 0 };
}

/** Changes that are not kept any more cannot be followed; what they came to can be copied. */
async function requireKept(
  resources: ResourceLog,
  local: LocalId,
  { sequence }: { sequence: number },
): Promise<void> {
  const kept = await resources.keptAfter(local);
  if (sequence < kept) {
    throw new HansaError('HISTORY_COMPACTED', `changes of ${local} are kept from ${kept} on`);
  }
}

/** Calls back whenever the log or any decision may have changed. */
function onChange(
  { resources, enforcement }: ServingNeeds,
  local: LocalId,
  changed: () => void,
): () => void {
  const stops = [
    resources.subscribe((id) => {
      if (id === local) {
        changed();
      }
    }),
    enforcement.subscribe(changed),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Everything after `at` up to `position`, cut where a signed head may stand. */
async function* batches(
  resources: ResourceLog,
  given: {
    readonly local: LocalId;
    readonly at: { epoch: number; sequence: number };
    readonly position: Position;
  },
): AsyncIterable<{ readonly items: readonly FollowItem[]; readonly end: Position }> {
  const { local, at, position } = given;
  if (at.sequence >= position.sequence) {
    return;
  }
  const ends: Position[] = [];
  for await (const checkpoint of resources.checkpoints(local, at)) {
    if (checkpoint.sequence < position.sequence) {
      ends.push(checkpoint);
    }
  }
  ends.push(position);
  let items: FollowItem[] = [];
  let end = ends.shift();
  let first = true;
  for await (const change of resources.changes(local, at)) {
    if (first && change.change.previous !== at.sequence) {
      await requireKept(resources, local, at); // while we began to read
    }
    requireContinuous(first, change.change.previous, at.sequence);
    first = false;
    if (end === undefined || change.sequence > position.sequence) {
      break;
    }
    items.push({ change });
    if (change.sequence === end.sequence) {
      const head = await resources.sign(local, end);
      items.push(end.sequence < position.sequence ? { head, more: true } : { head });
      yield { items, end };
      items = [];
      end = ends.shift();
    }
  }
  if (first) {
    requireContinuous(first, position.sequence, at.sequence);
    yield { items: [{ head: await resources.sign(local, position) }], end: position };
  }
}

function requireContinuous(first: boolean, previous: number, from: number): void {
  if (first && from > 0 && previous !== from) {
    throw new HansaError('HEAD_FORKED', `this owner never stood at sequence ${from}`);
  }
}
