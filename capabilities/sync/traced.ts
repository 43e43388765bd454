// What mirrors tell in process of their past and of what they lack: for whoever traces a change or
// compares with its owner.
import type { ClusterId, ErrorReport } from '@hansa/foundation';
import type { BlobReference, Head, SequencedChange } from '../resources/contract.ts';

/** Changes that arrived together, under one signed head. */
export interface AppliedBatch {
  readonly epoch: number;
  /** The position before it. */
  readonly after: number;
  readonly upTo: number;
  /** 0 where what differed was copied instead. */
  readonly changes: number;
  /** The owner's clock, when it signed the head. */
  readonly signedMs: number;
  /** The first of it. */
  readonly receivedMs: number;
  readonly verifiedMs?: number | undefined;
  readonly appliedMs: number;
  readonly blobs: number;
  /** What was asked of whom. */
  readonly sources: readonly { readonly cluster: ClusterId; readonly bytes: number }[];
}

/** How a mirror stands against its owner, without anything having been done about it. */
export interface MirrorDifference {
  /** Fresh and verified; undefined where the owner was not asked, null where it shares none. */
  readonly head: Head | null | undefined;
  /** Those that are not applied here, the oldest first. */
  readonly changes: readonly SequencedChange[];
  /** There are more than were read. */
  readonly more: boolean;
  /** Blobs that those changes name and that are not here. */
  readonly blobs: readonly BlobReference[];
  /** Why the owner, or the changes, could not be read. */
  readonly problem?: ErrorReport | undefined;
}
