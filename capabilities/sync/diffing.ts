// What a mirror lacks against its owner, and why: asked, read and thrown away. Nothing is applied,
// and no position moves.
import {
  HansaError,
  isHansaError,
  remote,
  reportOf,
  type BlobId,
  type Carrier,
  type FederatedId,
} from '@hansa/foundation';
import type { BlobReference, Head, SequencedChange } from '../resources/contract.ts';
import type { Mirror } from './contract.ts';
import type { FollowNeeds } from './follow-parts.ts';
import { carrierFor } from './following.ts';
import { blobsAfter } from './fetching.ts';
import type { MirrorDifference } from './traced.ts';
import { syncPeerContract } from './wire.ts';

export const diffChangesMax = 200; // what a person reads; the rest is counted as "more"
const diffBytesMax: number = 16 * 1_024 * 1_024; // read over the link only to be shown

const nothing = { changes: [], more: false, blobs: [] };

export async function differenceOf(
  needs: FollowNeeds,
  mirror: Mirror,
  signal: AbortSignal | undefined,
): Promise<MirrorDifference> {
  const { resource } = mirror;
  let head: Head | null | undefined;
  try {
    const carrier = carrierFor(needs, resource);
    head = await freshHead(needs, { carrier, resource, signal });
    if (head === null || !isBehind(mirror, head)) {
      return { head, ...nothing };
    }
    const read = await readChanges({ carrier, mirror, head }, signal);
    return { head, ...read, blobs: await missingBlobs(needs, read.changes) };
  } catch (error) {
    if (isHansaError(error, 'CANCELLED')) {
      throw error;
    }
    return { head, ...nothing, problem: reportOf(error) };
  }
}

function isBehind({ applied }: Mirror, head: Head): boolean {
  return (
    applied === undefined ||
    applied.epoch < head.epoch ||
    (applied.epoch === head.epoch && applied.sequence < head.sequence)
  );
}

async function freshHead(
  { history }: FollowNeeds,
  asked: {
    readonly carrier: Carrier;
    readonly resource: FederatedId;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Head | null> {
  const { carrier, resource, signal } = asked;
  const { heads } = await remote(syncPeerContract, carrier).heads(
    { resources: [resource] },
    { signal },
  );
  const head = heads[0] ?? null;
  if (head !== null && head.resource !== resource) {
    throw new HansaError('HEAD_INVALID', `the owner sent a head of ${head.resource} instead`);
  }
  if (head !== null) {
    history.verify(head);
  }
  return head;
}

/** Up to the head, or as many as may be shown. Their proof is checked when they are applied. */
async function readChanges(
  from: { readonly carrier: Carrier; readonly mirror: Mirror; readonly head: Head },
  signal: AbortSignal | undefined,
): Promise<{ readonly changes: readonly SequencedChange[]; readonly more: boolean }> {
  const { carrier, mirror, head } = from;
  const { epoch = 0, sequence = 0 } = mirror.applied ?? {};
  const changes: SequencedChange[] = [];
  let bytes = 0;
  const stop = new AbortController();
  const until = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const peer = remote(syncPeerContract, carrier);
  const { resource } = mirror;
  try {
    for await (const item of peer.follow({ resource, epoch, sequence }, { signal: until })) {
      if ('head' in item) {
        if (item.head.sequence >= head.sequence) {
          break;
        }
        continue;
      }
      if (changes.length >= diffChangesMax || bytes > diffBytesMax) {
        return { changes, more: true };
      }
      changes.push(item.change);
      bytes += sizeOf(item.change);
    }
  } finally {
    stop.abort();
  }
  return { changes, more: false };
}

function sizeOf({ change }: SequencedChange): number {
  return change.ops.reduce((sum, op) => sum + ('put' in op ? op.put.value.length : 0), 0);
}

async function missingBlobs(
  { blobs }: FollowNeeds,
  changes: readonly SequencedChange[],
): Promise<readonly BlobReference[]> {
  const missing = new Map<BlobId, BlobReference>();
  for (const reference of blobsAfter(changes)) {
    if ((await blobs.info(reference.id)) === undefined) {
      missing.set(reference.id, reference);
    }
  }
  return [...missing.values()];
}
