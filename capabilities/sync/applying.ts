// The one place where a mirror's batch reaches the store: whole steps in guarded transactions, each
// moving the applied position with them, so that a crash between any two loses nothing.
import {
  HansaError,
  type Clock,
  type KeyValueStore,
  type Op,
  type TrieChange,
  type WatchedTable,
} from '@hansa/foundation';
import type { Head, History } from '../resources/contract.ts';
import type { AppliedRecord, MirrorTables } from './keys.ts';
import type { Step, StepGroup } from './verifying.ts';

export const opsPerTransactionMax = 97; // a hundred, less the position, its guard and the journal
const bytesPerTransactionMax = 512 * 1_024; // half of what a store takes, for keys and lengths

export interface ApplyingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly history: History;
  readonly tables: MirrorTables;
  readonly applied: WatchedTable<AppliedRecord>;
}

export interface ApplyWork {
  readonly head: Head;
  readonly copy: number;
  readonly groups: readonly StepGroup[];
}

/** Where there are no groups, the position moves all the same. */
export async function applyGroups(needs: ApplyingNeeds, work: ApplyWork): Promise<void> {
  const { head, copy } = work;
  for (const group of atLeastOne(work)) {
    await applyGroup(needs, { head, copy, group });
  }
}

function atLeastOne({ head, groups }: ApplyWork): readonly StepGroup[] {
  return groups.length > 0 ? groups : [{ steps: [], digest: head.digest }];
}

/**
 * Groups that are no history, but what two positions differ in: only after the last of them is the
 * position the head's, and until then the record says so.
 */
export async function replaceGroups(needs: ApplyingNeeds, work: ApplyWork): Promise<void> {
  const { head, copy } = work;
  const groups = atLeastOne(work);
  for (const [index, group] of groups.entries()) {
    const isLast = index === groups.length - 1;
    await applyGroup(needs, { head, copy, group, repairing: !isLast });
  }
}

/** Whole steps, together at most a transaction; a step alone always fits (`changeOpsMax`). */
export function groupsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups: Step[][] = [];
  let [ops, bytes] = [0, 0];
  const keys = new Set<string>();
  for (const step of steps) {
    const size = sizeOf(step);
    // A key may be written once in a transaction: a step that writes it again begins the next one.
    const full =
      ops + size.ops > opsPerTransactionMax ||
      bytes + size.bytes > bytesPerTransactionMax ||
      size.keys.some((key) => keys.has(key));
    const last = groups.at(-1);
    if (last === undefined || full) {
      groups.push([step]);
      [ops, bytes] = [0, 0];
      keys.clear();
    } else {
      last.push(step);
    }
    ops += size.ops;
    bytes += size.bytes;
    size.keys.forEach((key) => keys.add(key));
  }
  return groups;
}

function sizeOf({ change }: Step): {
  readonly ops: number;
  readonly bytes: number;
  readonly keys: readonly string[];
} {
  const { ops } = change.change;
  let bytes = 0;
  const keys = ops.map((op) => {
    const key = 'delete' in op ? op.delete.key : op.put.key;
    bytes += key.length + ('delete' in op ? 0 : op.put.value.length);
    return key.join();
  });
  return { ops: ops.length, bytes, keys };
}

async function applyGroup(
  { store, clock, tables, applied, history }: ApplyingNeeds,
  work: {
    readonly head: Head;
    readonly copy: number;
    readonly group: StepGroup;
    readonly repairing?: boolean;
  },
): Promise<void> {
  const { head, copy, group } = work;
  const { resource } = head;
  const last = group.steps.at(-1);
  const before = applied.find(resource);
  const moved: AppliedRecord = {
    copy,
    epoch: head.epoch,
    sequence: last?.change.sequence ?? head.sequence,
    chain: last?.chain ?? head.chain,
    digest: group.digest,
    head,
    appliedMs: clock.now(),
  };
  const changes = group.steps.flatMap(({ change, versions }) =>
    history.trieChanges(change.change.ops, versions),
  );
  const unfinished = work.repairing === true ? before?.value : undefined;
  const record = unfinished === undefined ? moved : { ...unfinished, repairing: true };
  const result = await store.transact({
    if: [
      {
        key: tables.applied.key(resource),
        target: 'modRevision',
        op: '=',
        operand: before?.modRevision ?? 0,
      },
    ],
    then: [
      tables.applied.put([resource], record),
      ...journalOps(tables, { resource, copy, sequence: record.sequence, changes }),
      ...group.steps.flatMap((step) => stepOps(tables, { resource, copy, step })),
    ],
  });
  if (!result.succeeded) {
    throw new HansaError('CONFLICT', `another node applied changes of ${resource}`);
  }
  await applied.reached(result.revision);
}

function journalOps(
  { journal }: MirrorTables,
  given: {
    readonly resource: Head['resource'];
    readonly copy: number;
    readonly sequence: number;
    readonly changes: readonly TrieChange[];
  },
): readonly Op[] {
  const { resource, copy, sequence, changes } = given;
  const leaves = changes.map(({ key, hash }) => (hash === undefined ? { key } : { key, hash }));
  return leaves.length === 0 ? [] : [journal.put([resource, copy, sequence], leaves)];
}

function stepOps(
  { entries }: MirrorTables,
  given: { readonly resource: Head['resource']; readonly copy: number; readonly step: Step },
): readonly Op[] {
  const { resource, copy, step } = given;
  return step.change.change.ops.map((op, index) => {
    if ('delete' in op) {
      return entries.delete([resource, copy, op.delete.key]);
    }
    const { key, value, blobs } = op.put;
    return entries.put([resource, copy, key], { value, blobs, version: step.versions[index] ?? 1 });
  });
}
