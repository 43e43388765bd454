// One mirror's conversation with its owner: follow, gather a batch, verify, fetch, stage, apply.
// Nothing of a batch that fails any step is applied.
import {
  createHybridClock,
  equalBytes,
  HansaError,
  isHansaError,
  laneTarget,
  remote,
  splitFederatedId,
  type Carrier,
  type FederatedId,
} from '@hansa/foundation';
import {
  batchBytesMax,
  changeBytesMax,
  batchChangesMax,
  type BlobReference,
  type Head,
  type SequencedChange,
} from '../resources/contract.ts';
import { accuseOfBytes, answerFor } from './blaming.ts';
import type { StagedBatch } from './contract.ts';
import type { ApplyOrder } from './copies.ts';
import { copyAnew, type CopyWork } from './copying.ts';
import type { FollowNeeds, FollowReport } from './follow-parts.ts';
import type { Blame } from './blob-sources.ts';
import { blobsAfter, fetchBlobs } from './fetching.ts';
import { otherSources, sourceAt } from './sources.ts';
import { groupsOf } from './applying.ts';
import { verifyBatch, verifyDigest, type Batch } from './verifying.ts';
import { syncPeerContract } from './wire.ts';

const batchSlack = 2; // an owner's last change may cross the line; twice is an attack

/** Follows until the stream ends or fails; resolves only where the owner ends it. */
export async function followOwner(
  needs: FollowNeeds,
  resource: FederatedId,
  given: { readonly report: FollowReport; readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = given;
  const work: CopyWork = {
    resource,
    carrier: carrierFor(needs, resource),
    ...given,
    fetch: (wanted) => fetchMissing(needs, { resource, wanted, ...given }),
  };
  const applied = needs.copies.applied.find(resource)?.value;
  // What is not what we verified must not be built upon: what differs is asked for instead.
  if (applied !== undefined && !(await needs.copies.trie(resource, applied.epoch)).sound) {
    await answerFor(needs, resource, () => copyAnew(needs, work));
  }
  const { peers } = needs;
  const { owner } = splitFederatedId(resource);
  for (;;) {
    const road = peers.road(owner);
    const hasMoved = (): boolean => peers.connected(owner) && peers.road(owner) !== road;
    try {
      if (!(await followChanges(needs, work, hasMoved))) {
        return;
      }
    } catch (error) {
      // The plane was left, the link is there: what follows comes over the link.
      const isLeft = isHansaError(error, 'CONNECTION_CLOSED') && !signal.aborted && hasMoved();
      if (!isLeft) {
        await copyWhereCompacted(needs, work, error);
      }
    }
  }
}

/** Rejects with any other error. */
async function copyWhereCompacted(
  needs: FollowNeeds,
  work: CopyWork,
  error: unknown,
): Promise<void> {
  if (isHansaError(error, 'HEAD_FORKED')) {
    await rememberFork(needs, work);
  }
  if (!isHansaError(error, 'HISTORY_COMPACTED') || work.signal.aborted) {
    throw error;
  }
  await answerFor(needs, work.resource, () => copyAnew(needs, work));
}

/** True where it is to be followed anew, as there is a better way now. */
async function followChanges(
  needs: FollowNeeds,
  work: CopyWork,
  hasMoved: () => boolean,
): Promise<boolean> {
  const { resource, carrier, report, signal } = work;
  const from = needs.copies.applied.find(resource)?.value;
  const at = { epoch: from?.epoch ?? 0, sequence: from?.sequence ?? 0 };
  const peer = remote(syncPeerContract, carrier);
  let changes: SequencedChange[] = [];
  let bytes = 0;
  for await (const item of peer.follow({ resource, ...at }, { signal })) {
    if ('change' in item) {
      report.pulling();
      changes.push(item.change);
      bytes += sizeOf(item.change);
      hasMoved(); // who looks opens a better way: it is there by the end of the batch
      const one = item.change;
      await answerFor(needs, resource, async () => {
        requireFitting(one);
        requireBounded(changes.length, bytes);
      });
      continue;
    }
    const batch = { changes, head: item.head };
    report.head(item.head);
    await answerFor(needs, resource, () => applyBatch(needs, { batch, resource, report, signal }));
    report.applied(item.head, item.more === true);
    changes = [];
    bytes = 0;
    if (hasMoved()) {
      return true;
    }
  }
  return false;
}

/** Both heads as they were signed: whoever decides which history counts can show them. */
async function rememberFork(needs: FollowNeeds, work: CopyWork): Promise<void> {
  const { copies, history, clock, log } = needs;
  const { resource, carrier, signal } = work;
  const held = copies.applied.find(resource)?.value.head;
  try {
    const peer = remote(syncPeerContract, carrier);
    const { heads } = await peer.heads({ resources: [resource] }, { signal });
    const other = heads[0] ?? undefined;
    if (held !== undefined && other?.resource === resource) {
      history.verify(other);
      await copies.setFork(resource, { held, other, seenMs: clock.now() });
    }
  } catch (error) {
    // The owner may be gone by now; that it forked is known all the same.
    log.problem('mirror.fork-unseen', error, { resource });
  }
}

/** Whoever writes a lane for us asked us to mirror it: that needs no half-link of ours. */
export function carrierFor({ peers }: Pick<FollowNeeds, 'peers'>, resource: FederatedId): Carrier {
  const { owner, local } = splitFederatedId(resource);
  return laneTarget(local) === undefined ? peers.carrier(owner) : peers.observer(owner);
}

function sizeOf({ change }: SequencedChange): number {
  return change.ops.reduce((sum, op) => sum + ('put' in op ? op.put.value.length : 0) + 64, 0);
}

/** Its owner could not have written it: keys and values alone are over what one record takes. */
function requireFitting({ change, sequence }: SequencedChange): void {
  const bytes = change.ops.reduce(
    (sum, op) =>
      sum + ('put' in op ? op.put.key.length + op.put.value.length : op.delete.key.length),
    0,
  );
  if (bytes > changeBytesMax) {
    throw new HansaError('CHANGE_TOO_LARGE', `change ${sequence} is over ${changeBytesMax} bytes`);
  }
}

function requireBounded(changes: number, bytes: number): void {
  if (changes > batchSlack * batchChangesMax || bytes > batchSlack * batchBytesMax) {
    throw new HansaError('CHANGE_TOO_LARGE', 'the owner sent a batch without end');
  }
}

interface BatchWork {
  readonly batch: Batch;
  readonly resource: FederatedId;
  readonly report: FollowReport;
  readonly signal: AbortSignal;
}

async function applyBatch(needs: FollowNeeds, work: BatchWork): Promise<void> {
  const { batch, resource, signal } = work;
  const { head } = batch;
  if (head.resource !== resource) {
    throw new HansaError('HEAD_INVALID', `the owner sent a head of ${head.resource} instead`);
  }
  createHybridClock(needs.clock).observe(head.hlc);
  const verified = await verify(needs, batch);
  work.report.verified?.();
  if (verified.groups.length === 0 && alreadyApplied(needs, head)) {
    return;
  }
  const kind = needs.kind(splitFederatedId(resource).kind);
  const held = needs.copies.applied.find(resource)?.value;
  // Until the entries that name them are written, nothing else keeps the blobs from collection.
  const holds = blobsAfter(batch.changes).map(({ id }) => needs.blobs.protect(id));
  try {
    await fetchMissing(needs, { ...work, wanted: blobsAfter(batch.changes) });
    const before = needs.copies.view(resource, head.epoch);
    const staged = await kind.stage(before, batch.changes, signal);
    await applyStaged(needs, { order: { head, ...verified }, staged });
  } finally {
    holds.forEach((hold) => hold.release());
  }
  if (held !== undefined && held.epoch !== head.epoch) {
    // What the kind kept of the epoch before is of no use; that it stays does not harm the new one.
    await kind
      .purge({ resource, epoch: held.epoch })
      .catch((error: unknown) => needs.log.problem('mirror.unpurged', error, { resource }));
  }
}

/** What a batch comes to, computed beside the mirror. */
type Verified = Omit<ApplyOrder, 'head'>;

async function verify(needs: FollowNeeds, batch: Batch): Promise<Verified> {
  const { copies, history } = needs;
  const { head, changes } = batch;
  const keys = changes.flatMap(({ change }) =>
    change.ops.map((op) => ('delete' in op ? op.delete.key : op.put.key)),
  );
  const versions = await copies.versions(head.resource, head.epoch, keys);
  const applied = copies.applied.find(head.resource)?.value;
  const steps = verifyBatch(history, batch, {
    applied,
    versionOf: (key) => versions.get(key.join()) ?? 0,
  });
  const { trie } = await copies.trie(head.resource, head.epoch);
  await trie.prepare(keys.length);
  const draft = trie.draft();
  const groups = await verifyDigest(history, { head, groups: groupsOf(steps), draft });
  return { groups, draft, trie };
}

function alreadyApplied({ copies }: FollowNeeds, head: Head): boolean {
  const applied = copies.applied.find(head.resource)?.value;
  return (
    applied?.epoch === head.epoch &&
    applied.sequence === head.sequence &&
    applied.digest !== undefined &&
    equalBytes(applied.digest, head.digest)
  );
}

async function fetchMissing(
  needs: FollowNeeds,
  order: {
    readonly resource: FederatedId;
    readonly wanted: readonly BlobReference[];
    readonly report: FollowReport;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { resource, wanted, signal, report } = order;
  const { peers } = needs;
  const owner = sourceAt(peers, peers.standing(splitFederatedId(resource).owner));
  const blame = (blamed: Blame): void => accuseOfBytes(needs, resource, blamed);
  const fetched = await fetchBlobs(
    { ...needs, blame },
    {
      owner: { ...owner, carrier: () => carrierFor(needs, resource) },
      resource,
      signal,
      wanted,
      others: () => otherSources(needs, resource, signal),
      expect: ({ cluster }, bytes) => {
        report.asked?.(cluster, bytes);
        return peers.expectBulk(cluster, bytes);
      },
      arrived: (bytes) => report.arrived(bytes),
    },
  );
  report.fetched(fetched);
}

async function applyStaged(
  needs: FollowNeeds,
  work: {
    readonly order: ApplyOrder;
    readonly staged: StagedBatch;
  },
): Promise<void> {
  try {
    await needs.copies.apply(work.order);
  } catch (error) {
    await work.staged.discard();
    throw error;
  }
  await work.staged.commit();
  await needs.copies.setFork(work.order.head.resource, undefined);
}
