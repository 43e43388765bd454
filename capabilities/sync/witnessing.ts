// What became of the last batches of each mirror, and when: told to whoever traces a change. Kept
// in memory alone: of what was before the process began, the store keeps the last position.
import type { Clock, ClusterId, FederatedId } from '@hansa/foundation';
import type { FollowReport } from './follow-parts.ts';
import type { AppliedBatch } from './traced.ts';

const batchesPerMirrorMax = 64; // a trace is asked for while people still remember the change
const batchesMax = 8_192; // of all mirrors together: about two megabytes

export interface Witness {
  /** The same reports, written down on their way. */
  watch(resource: FederatedId, report: FollowReport): FollowReport;
  /** Of one mirror, the oldest first. */
  batches(resource: FederatedId): readonly AppliedBatch[];
  forget(resource: FederatedId): void;
}

export interface WitnessNeeds {
  readonly clock: Clock;
  /** Where the mirror stands. */
  sequenceOf(resource: FederatedId, epoch: number): number;
}

interface Draft {
  receivedMs: number | undefined;
  verifiedMs: number | undefined;
  changes: number;
  blobs: number;
  readonly sources: Map<ClusterId, number>;
}

export function createWitness({ clock, sequenceOf }: WitnessNeeds): Witness {
  const kept = new Map<FederatedId, AppliedBatch[]>();
  let count = 0;
  const keep = (resource: FederatedId, batch: AppliedBatch): void => {
    const batches = kept.get(resource) ?? [];
    kept.delete(resource);
    kept.set(resource, batches); // to the end: the mirror that was silent the longest is first
    batches.push(batch);
    count += 1;
    const [oldest = batches] = kept.values();
    if (batches.length > batchesPerMirrorMax) {
      batches.shift();
      count -= 1;
    } else if (count > batchesMax) {
      oldest.shift();
      count -= 1;
    }
  };
  return {
    batches: (resource) => kept.get(resource) ?? [],
    forget(resource) {
      count -= kept.get(resource)?.length ?? 0;
      kept.delete(resource);
    },
    watch: (resource, report) =>
      witnessed(report, {
        clock,
        sequenceOf: (epoch) => sequenceOf(resource, epoch),
        keep: (batch) => keep(resource, batch),
      }),
  };
}

/** Passes every report on, and gathers what they say of one batch until it is applied. */
function witnessed(
  report: FollowReport,
  given: {
    readonly clock: Clock;
    sequenceOf(epoch: number): number;
    keep(batch: AppliedBatch): void;
  },
): FollowReport {
  const { clock } = given;
  let draft = fresh();
  let after = 0;
  return {
    ...report,
    pulling() {
      draft.receivedMs ??= clock.now();
      draft.changes += 1;
      report.pulling();
    },
    head(head) {
      draft.receivedMs ??= clock.now();
      after = given.sequenceOf(head.epoch);
      report.head(head);
    },
    verified() {
      draft.verifiedMs = clock.now();
    },
    asked(cluster, bytes) {
      draft.sources.set(cluster, (draft.sources.get(cluster) ?? 0) + bytes);
    },
    fetched(blobs) {
      draft.blobs += blobs;
      report.fetched(blobs);
    },
    applied(head, more) {
      const { epoch, sequence, tick } = head;
      const appliedMs = clock.now();
      const { receivedMs = appliedMs, sources, ...rest } = draft;
      if (sequence !== after) {
        given.keep({
          epoch,
          after,
          upTo: sequence,
          signedMs: tick.asOfMs,
          receivedMs,
          appliedMs,
          ...rest,
          sources: [...sources].map(([cluster, bytes]) => ({ cluster, bytes })),
        });
      }
      draft = fresh();
      report.applied(head, more);
    },
  };
}

function fresh(): Draft {
  return {
    receivedMs: undefined,
    verifiedMs: undefined,
    changes: 0,
    blobs: 0,
    sources: new Map(),
  };
}
