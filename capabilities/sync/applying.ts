// The one place where a mirror's batch reaches the store: whole steps in guarded transactions, each
// moving the applied position with them, so that a crash between any two loses nothing.
import {
  HansaError,
  invariant,
  type Clock,
  type Compare,
  type KeyValueStore,
  type Op,
  type Revision,
  type Transaction,
  type TrieChange,
  type WatchedTable,
} from '@hansa/foundation';
import type { Head } from '../resources/contract.ts';
import type { AppliedRecord, MirrorTables } from './keys.ts';
import type { Step, StepGroup } from './verifying.ts';

export const opsPerTransactionMax = 97; // a hundred, less the position, its guard and the journal
const bytesPerTransactionMax = 512 * 1_024; // half of what a store takes, for keys and lengths

export interface ApplyingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: MirrorTables;
  readonly applied: WatchedTable<AppliedRecord>;
}

export interface ApplyWork {
  readonly head: Head;
  readonly copy: number;
  readonly groups: readonly StepGroup[];
}

/**
 * Where there are no groups, the position moves all the same. All transactions are on their way
 * before the first is answered, so that they share what a commit costs. Each is guarded by the
 * record that the one before it writes: what is applied is always a beginning of them.
 */
export async function applyGroups(needs: ApplyingNeeds, work: ApplyWork): Promise<void> {
  const { store, tables, applied, clock } = needs;
  const { resource } = work.head;
  const nowMs = clock.now();
  const key = tables.applied.key(resource);
  let guard = standsAt(key, applied.find(resource)?.modRevision ?? 0);
  const groups = atLeastOne(work);
  let pending: Transaction[] = groups.map((group, index) => {
    const record = recordAfter(work, group, { isLast: index === groups.length - 1, nowMs });
    const then = groupOps(tables, { work, group, record });
    const transaction: Transaction = { if: [guard], then };
    guard = guardAfter(key, then);
    return transaction;
  });
  while (pending.length > 0) {
    const { done, revision } = await runAll(store, pending);
    if (done === 0) {
      throw byAnother(resource);
    }
    await applied.reached(revision);
    pending = pending.slice(done); // some are left where the store took them in another order
  }
}

/**
 * Groups that are no history, but what two positions differ in: only after the last of them is the
 * position the head's, and until then the record says so. It is the same after each of them, so
 * that its value would not tell which ones are there: one waits for the other.
 */
export async function replaceGroups(needs: ApplyingNeeds, work: ApplyWork): Promise<void> {
  const { store, tables, applied, clock } = needs;
  const { resource } = work.head;
  const nowMs = clock.now();
  const key = tables.applied.key(resource);
  const before = applied.find(resource);
  let revision = before?.modRevision ?? 0;
  const groups = atLeastOne(work);
  for (const [index, group] of groups.entries()) {
    const isLast = index === groups.length - 1;
    const record =
      before === undefined || isLast
        ? recordAfter(work, group, { isLast, nowMs })
        : { ...before.value, repairing: true };
    const then = groupOps(tables, { work, group, record });
    const result = await store.transact({ if: [standsAt(key, revision)], then });
    if (!result.succeeded) {
      throw byAnother(resource);
    }
    ({ revision } = result);
  }
  await applied.reached(revision);
}

function atLeastOne({ groups }: ApplyWork): readonly StepGroup[] {
  return groups.length > 0 ? groups : [{ steps: [], leaves: [] }];
}

function standsAt(key: Uint8Array, operand: Revision): Compare {
  return { key, target: 'modRevision', op: '=', operand };
}

function byAnother(resource: Head['resource']): HansaError {
  return new HansaError('CONFLICT', `another node applied changes of ${resource}`);
}

/** How many of the first were applied; rejects once all are answered, where one failed. */
async function runAll(
  store: KeyValueStore,
  transactions: readonly Transaction[],
): Promise<{ readonly done: number; readonly revision: Revision }> {
  const answers = await Promise.allSettled(transactions.map(async (one) => store.transact(one)));
  let done = 0;
  let revision = 0;
  for (const answer of answers) {
    if (answer.status === 'rejected') {
      throw answer.reason;
    }
    if (!answer.value.succeeded) {
      break;
    }
    done += 1;
    ({ revision } = answer.value);
  }
  return { done, revision };
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

function recordAfter(
  { head, copy }: ApplyWork,
  { steps }: StepGroup,
  { isLast, nowMs }: { readonly isLast: boolean; readonly nowMs: number },
): AppliedRecord {
  const last = steps.at(-1);
  return {
    copy,
    epoch: head.epoch,
    sequence: last?.change.sequence ?? head.sequence,
    chain: last?.chain ?? head.chain,
    // Computed for the last alone: most of what it costs is shared by a whole batch.
    ...(isLast ? { digest: head.digest } : {}),
    head,
    appliedMs: nowMs,
  };
}

/** The position comes first. */
function groupOps(
  tables: MirrorTables,
  given: {
    readonly work: ApplyWork;
    readonly group: StepGroup;
    readonly record: AppliedRecord;
  },
): readonly Op[] {
  const { work, group, record } = given;
  const { copy } = work;
  const { resource } = work.head;
  const { sequence } = record;
  return [
    tables.applied.put([resource], record),
    ...journalOps(tables, { resource, copy, sequence, changes: group.leaves }),
    ...group.steps.flatMap((step) => stepOps(tables, { resource, copy, step })),
  ];
}

/** Holds once the position that these operations put is there. */
function guardAfter(key: Uint8Array, [position]: readonly Op[]): Compare {
  invariant(position !== undefined && 'put' in position, 'the position comes first');
  return { key, target: 'value', op: '=', operand: position.put.value };
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
