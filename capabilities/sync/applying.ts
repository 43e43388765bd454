// The one place where a mirror's batch reaches the store: whole steps in guarded transactions, each
// moving the applied position with them, so that a crash between any two loses nothing.
import {
  deletePrefix,
  HansaError,
  type Clock,
  type KeyValueStore,
  type Op,
  type WatchedTable,
} from '@hansa/foundation';
import type { Head } from '../resources/contract.ts';
import type { AppliedRecord, MirrorTables } from './keys.ts';
import type { Step } from './verifying.ts';

export const opsPerTransactionMax = 98; // a hundred, less the guard's put and one in reserve

export interface ApplyingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: MirrorTables;
  readonly applied: WatchedTable<AppliedRecord>;
}

export async function applySteps(
  needs: ApplyingNeeds,
  head: Head,
  steps: readonly Step[],
): Promise<void> {
  const { store, tables, applied } = needs;
  const before = applied.find(head.resource)?.value;
  for (const group of groupsOf(steps)) {
    await applyGroup(needs, head, group);
  }
  if (before !== undefined && before.epoch !== head.epoch) {
    await deletePrefix(store, tables.entries.prefix(head.resource, before.epoch));
  }
}

/**
 * Whole steps, together at most a transaction; a step alone always fits (`changeOpsMax`). One empty
 * group where there are no steps: the position moves all the same.
 */
function groupsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  let group: Step[] = [];
  const groups = [group];
  let ops = 0;
  const keys = new Set<string>();
  for (const step of steps) {
    const written = [...step.versions.keys()];
    const added = step.change.change.ops.length;
    // A key may be written once in a transaction: a step that writes it again begins the next one.
    const full = ops + added > opsPerTransactionMax || written.some((key) => keys.has(key));
    if (full && group.length > 0) {
      group = [];
      groups.push(group);
      ops = 0;
      keys.clear();
    }
    group.push(step);
    ops += added;
    written.forEach((key) => keys.add(key));
  }
  return groups;
}

async function applyGroup(
  { store, clock, tables, applied }: ApplyingNeeds,
  head: Head,
  group: readonly Step[],
): Promise<void> {
  const last = group.at(-1);
  const record: AppliedRecord = {
    epoch: head.epoch,
    sequence: last?.change.sequence ?? head.sequence,
    chain: last?.chain ?? head.chain,
    digest: last?.trie.root ?? head.digest,
    head,
    appliedMs: clock.now(),
  };
  const key = tables.applied.key(head.resource);
  const before = applied.find(head.resource);
  const result = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: before?.modRevision ?? 0 }],
    then: [
      tables.applied.put([head.resource], record),
      ...group.flatMap((step) => stepOps(tables, head, step)),
    ],
  });
  if (!result.succeeded) {
    throw new HansaError('CONFLICT', `another node applied changes of ${head.resource}`);
  }
  await applied.reached(result.revision);
}

function stepOps(tables: MirrorTables, head: Head, step: Step): readonly Op[] {
  const { resource, epoch } = head;
  return step.change.change.ops.map((op) => {
    if ('delete' in op) {
      return tables.entries.delete([resource, epoch, op.delete.key]);
    }
    const { key, value, blobs } = op.put;
    const version = step.versions.get(key.join()) ?? 1;
    return tables.entries.put([resource, epoch, key], { value, blobs, version });
  });
}
