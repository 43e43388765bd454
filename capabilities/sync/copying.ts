// A copy that does not come by changes: made equal to its owner's entries in place, range by range,
// or built anew beside the present one and switched to. For a mirror that is further behind than
// changes are kept, and for one whose own entries were damaged.
import {
  createHybridClock,
  equalBytes,
  HansaError,
  remote,
  splitFederatedId,
  type Carrier,
  type FederatedId,
  type Op,
  type PagedTrie,
  type TrieChange,
} from '@hansa/foundation';
import type { BlobReference, ChangeOp, Head, SequencedChange } from '../resources/contract.ts';
import { changeOpsMax } from '../resources/contract.ts';
import { groupsOf, opsPerTransactionMax } from './applying.ts';
import { differences, entriesUnder, type ComparingNeeds, type Differences } from './comparing.ts';
import type { MirrorView, StagedBatch } from './contract.ts';
import { viewOf } from './copies.ts';
import type { FollowNeeds, FollowReport } from './follow-parts.ts';
import { leavesOf, requireNoFork, type Step } from './verifying.ts';
import { syncPeerContract } from './wire.ts';

const leavesAtOnce = 4_096; // of a copy that is built, before its trie is moved
const bytesAtOnce = 512 * 1_024; // of entries in one transaction
const noCopy = 0; // copies are counted from 1: nothing lies there

export interface CopyWork {
  readonly resource: FederatedId;
  readonly carrier: Carrier;
  readonly report: FollowReport;
  readonly signal: AbortSignal;
  /** Fetches what is missing of blobs, each verified. */
  fetch(wanted: readonly BlobReference[]): Promise<void>;
}

/** Makes our copy what its owner's newest head says, whatever is here. */
export async function copyAnew(needs: FollowNeeds, work: CopyWork): Promise<void> {
  const { copies, history } = needs;
  const { resource, report, signal } = work;
  const peer = remote(syncPeerContract, work.carrier);
  report.pulling();
  const { head } = await peer.pin({ resource }, { signal });
  if (head.resource !== resource) {
    throw new HansaError('HEAD_INVALID', `the owner sent a head of ${head.resource} instead`);
  }
  history.verify(head);
  const applied = copies.applied.find(resource)?.value;
  // What it signed, not what we have applied of it: between two transactions that is more.
  requireNoFork(head, applied?.head);
  createHybridClock(needs.clock).observe(head.hlc);
  report.head(head);
  const path = (key: Uint8Array): Uint8Array => copies.tries.store.hasher.path(key);
  const comparing: ComparingNeeds = { peer, history, path, signal };
  const done =
    applied?.epoch === head.epoch && (await repairInPlace(needs, work, { head, comparing }));
  if (!done) {
    await buildBeside(needs, work, { head, comparing });
  }
  report.applied(head, true); // it was pinned before all of this: what came since is followed
}

interface Against {
  readonly head: Head;
  readonly comparing: ComparingNeeds;
}

/** False where too much differs. Only what differs travels. */
async function repairInPlace(
  needs: FollowNeeds,
  work: CopyWork,
  { head, comparing }: Against,
): Promise<boolean> {
  const { copies, log } = needs;
  const { resource, signal } = work;
  const { trie } = await copies.trie(resource, head.epoch);
  const found = await differences(comparing, head, await trie.view());
  if (found === undefined) {
    return false;
  }
  await trie.prepare(found.leaves.length);
  const draft = trie.draft();
  requireDigest(head, await draft.apply(found.leaves));
  const before = copies.view(resource, head.epoch);
  const steps = stepsOf(head, found);
  const groups = groupsOf(steps).map((each) => ({
    steps: each,
    leaves: leavesOf(needs.history, each),
  }));
  await withBlobs(needs, found.ops, async () => {
    await work.fetch(blobsOf(found.ops));
    const staged = await stage(needs, { before, ops: found.ops, head, signal });
    await committed(staged, () => copies.replace({ head, groups, draft, trie }));
  });
  log.event('mirror.repaired', { resource, entries: found.ops.length });
  return true;
}

function requireDigest(head: Head, root: Uint8Array): void {
  if (!equalBytes(root, head.digest)) {
    throw new HansaError(
      'DIGEST_MISMATCH',
      `the entries of ${head.resource} do not give the digest that its owner signed`,
    );
  }
}

function blobsOf(ops: readonly ChangeOp[]): readonly BlobReference[] {
  return ops.flatMap((op) => ('put' in op ? op.put.blobs : []));
}

/** Until the entries that name them are written, nothing else keeps the blobs from collection. */
async function withBlobs(
  { blobs }: FollowNeeds,
  ops: readonly ChangeOp[],
  act: () => Promise<void>,
): Promise<void> {
  const holds = blobsOf(ops).map(({ id }) => blobs.protect(id));
  try {
    await act();
  } finally {
    holds.forEach((hold) => hold.release());
  }
}

/** As if one change after the other had made the difference; all of them end at the head. */
function changesOf(head: Head, ops: readonly ChangeOp[]): readonly SequencedChange[] {
  const { epoch, sequence, hlc } = head;
  const author = splitFederatedId(head.resource).owner;
  const changes: SequencedChange[] = [];
  for (let at = 0; at < ops.length; at += changeOpsMax) {
    const change = {
      epoch,
      previous: sequence,
      hlc,
      author,
      ops: ops.slice(at, at + changeOpsMax),
    };
    changes.push({ sequence, change });
  }
  return changes;
}

function stepsOf(head: Head, { ops, versions }: Differences): readonly Step[] {
  return changesOf(head, ops).map((change, index) => {
    const from = index * changeOpsMax;
    return { change, chain: head.chain, versions: versions.slice(from, from + changeOpsMax) };
  });
}

function stage(
  needs: FollowNeeds,
  given: {
    readonly before: MirrorView;
    readonly ops: readonly ChangeOp[];
    readonly head: Head;
    readonly signal: AbortSignal;
  },
): Promise<StagedBatch> {
  const { before, ops, head, signal } = given;
  const kind = needs.kind(splitFederatedId(head.resource).kind);
  return kind.stage(before, changesOf(head, ops), signal);
}

async function committed(staged: StagedBatch, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  await staged.commit();
}

/** Nothing of it is seen before it is whole and verified; a crash begins again. */
async function buildBeside(
  needs: FollowNeeds,
  work: CopyWork,
  { head, comparing }: Against,
): Promise<void> {
  const { copies, log } = needs;
  const { resource, signal } = work;
  const applied = copies.applied.find(resource)?.value;
  const copy = (applied?.copy ?? noCopy) + 1;
  await copies.tries.clear(resource, copy);
  const holds: { release(): void }[] = [];
  try {
    const trie = await fill(needs, work, { head, comparing, copy, holds });
    requireDigest(head, trie.root);
    const sameEpoch = applied?.epoch === head.epoch;
    const { epoch } = head;
    const beforeCopy = sameEpoch ? applied.copy : noCopy;
    const before = viewOf(copies.tables, { resource, epoch, copy: beforeCopy });
    const after = viewOf(copies.tables, { resource, epoch, copy });
    const staged = await stage(needs, {
      before,
      ops: await opsBetween(before, after),
      head,
      signal,
    });
    await committed(staged, () => copies.switchTo(head, copy));
  } catch (error) {
    copies.tries.store.forget(resource, copy);
    throw error;
  } finally {
    holds.forEach((hold) => hold.release());
  }
  log.event('mirror.copied', { resource, sequence: head.sequence, epoch: head.epoch });
  if (applied !== undefined && applied.epoch !== head.epoch) {
    await needs
      .kind(splitFederatedId(resource).kind)
      .purge({ resource, epoch: applied.epoch })
      .catch((error: unknown) => log.problem('mirror.unpurged', error, { resource }));
  }
}

interface Filling extends Against {
  readonly copy: number;
  readonly holds: { release(): void }[];
}

async function fill(needs: FollowNeeds, work: CopyWork, given: Filling): Promise<PagedTrie> {
  const { copies, store, blobs } = needs;
  const { head, comparing, copy, holds } = given;
  const { resource, report } = work;
  const { tables, tries } = copies;
  const trie = await tries.store.open(resource, copy);
  let ops: Op[] = [];
  let wanted: BlobReference[] = [];
  let bytes = 0;
  let leaves: TrieChange[] = [];
  const write = async (): Promise<void> => {
    holds.push(...wanted.map(({ id }) => blobs.protect(id)));
    await work.fetch(wanted);
    await store.batchWrite(ops);
    report.arrived(bytes);
    [ops, wanted, bytes] = [[], [], 0];
  };
  const move = async (at: number): Promise<void> => {
    await trie.prepare(leaves.length);
    const draft = trie.draft();
    await draft.apply(leaves);
    trie.commit(draft, at);
    await tries.settle(resource, copy, trie);
    leaves = [];
  };
  for await (const { entry } of entriesUnder(comparing, head, [''])) {
    const { key, ...rest } = entry;
    ops.push(tables.entries.put([resource, copy, key], rest));
    wanted.push(...entry.blobs);
    bytes += key.length + rest.value.length;
    leaves.push({ key, hash: needs.history.leaf(entry) });
    if (ops.length >= opsPerTransactionMax || bytes >= bytesAtOnce) {
      await write();
    }
    if (leaves.length >= leavesAtOnce) {
      await move(0); // of no position yet
    }
  }
  if (ops.length > 0) {
    await write();
  }
  await move(head.sequence);
  await trie.write();
  return trie;
}

/** What makes one view the other; both are read in the order of their keys. */
async function opsBetween(before: MirrorView, after: MirrorView): Promise<readonly ChangeOp[]> {
  const ops: ChangeOp[] = [];
  for await (const entry of after.entries()) {
    const old = await before.entry(entry.key);
    if (old === undefined || old.version !== entry.version || !equalBytes(old.value, entry.value)) {
      const { key, value, blobs } = entry;
      ops.push({ put: { key, value, blobs } });
    }
  }
  for await (const { key } of before.entries()) {
    if ((await after.entry(key)) === undefined) {
      ops.push({ delete: { key } });
    }
  }
  return ops;
}
