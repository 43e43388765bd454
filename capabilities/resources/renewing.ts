// The same entries in another epoch: for an owner whose history is not its own past any more. All
// of it is written beside what stands, and switched to in one transaction.
import {
  deletePrefix,
  federatedId,
  HansaError,
  splitLocalId,
  type Hlc,
  type LocalId,
  type Op,
  type Row,
} from '@hansa/foundation';
import { countSince, entryOps, type Counted, type Held } from './appending.ts';
import {
  changeBytesMax,
  changeOpsMax,
  type Change,
  type ChangeOp,
  type Renewal,
  type Resource,
  type ResourceEntry,
} from './contract.ts';
import type { Digests } from './digests.ts';
import { chainAfter, changeBytes, firstChain } from './history.ts';
import type { StoredState } from './keys.ts';
import { epochFloor } from './making.ts';
import { entriesOf } from './reading.ts';

// What a change holds besides its values: keys, lengths, names of blobs.
const operationOverheadBytes = 2_048;

export interface RenewalWork extends Renewal {
  readonly id: LocalId;
  /** A timestamp after the given one. */
  stamp(before: Hlc): Hlc;
}

/** Where the epoch that is being written stands. */
interface Growing {
  readonly id: LocalId;
  readonly epoch: number;
  previous: number;
  chain: Uint8Array;
  hlc: Hlc;
  counted: Counted;
}

export async function renewResource(
  held: Held,
  digests: Digests,
  work: RenewalWork,
): Promise<Resource> {
  const { tables, resources, states } = held;
  const { id } = work;
  const { before, state } = await presentOf(held, id);
  const epoch = Math.max(before.epoch, work.above, await epochFloor(held)) + 1;
  await deleteEpoch(held, id, epoch); // what an attempt left that a crash ended
  const growing = await begin(held, { id, epoch, state, stamp: work.stamp });
  const present = state === undefined ? [] : entriesOf(held, id, state.value.epoch);
  let waiting: readonly ChangeOp[] | undefined;
  for await (const ops of changesOf(work.entries ?? toAsync(present))) {
    if (waiting !== undefined) {
      growing.previous = await writeOps(held, step(held, growing, { ...work, ops: waiting }));
    }
    waiting = ops;
  }
  work.complete?.();
  const resource: Resource = { ...before, epoch };
  const last = waiting === undefined ? [] : step(held, growing, { ...work, ops: waiting });
  const { chain, hlc, counted } = growing;
  const stateNow: StoredState = { epoch, chain, hlc, ...counted };
  const result = await held.store.transact({
    if: [
      {
        key: tables.states.key(id),
        target: 'modRevision',
        op: '=',
        operand: state?.modRevision ?? 0,
      },
    ],
    then: [
      ...last,
      tables.resources.put([id], { resource, removed: false }),
      tables.states.put([id], stateNow),
    ],
  });
  if (!result.succeeded) {
    throw new HansaError('CONFLICT', `${id} was changed while its new epoch was written`);
  }
  await Promise.all([resources.reached(result.revision), states.reached(result.revision)]);
  if (state !== undefined) {
    await digests.remove(id, state.value.epoch);
    await deleteEpoch(held, id, state.value.epoch);
  }
  return resource;
}

async function presentOf(
  held: Held,
  id: LocalId,
): Promise<{ readonly before: Resource; readonly state: Row<StoredState> | undefined }> {
  const stored = await held.tables.resources.get(id);
  const state = await held.tables.states.get(id);
  return { before: stored?.value.resource ?? freshResource(held, id), state };
}

/** What was here is gone, and is known to have been: its name comes back in a later epoch. */
export async function buryResource(held: Held, id: LocalId, epoch: number): Promise<void> {
  const { tables, store, resources } = held;
  const before = resources.find(id);
  if (before !== undefined && !before.value.removed) {
    throw new HansaError('RESOURCE_EXISTS', `${id} is here: it cannot be buried`);
  }
  const resource: Resource = { ...(before?.value.resource ?? freshResource(held, id)), epoch };
  const { succeeded, revision } = await store.transact({
    if: [
      {
        key: tables.resources.key(id),
        target: 'modRevision',
        op: '=',
        operand: before?.modRevision ?? 0,
      },
    ],
    then: [tables.resources.put([id], { resource, removed: true })],
  });
  if (!succeeded) {
    throw new HansaError('CONFLICT', `${id} was made at the same time`);
  }
  await resources.reached(revision);
}

function freshResource({ clock }: Held, id: LocalId): Resource {
  const { kind, name } = splitLocalId(id);
  const createdMs = clock.now();
  return { id, kind, name, type: kind, description: '', labels: {}, createdMs, epoch: 0 };
}

async function begin(
  held: Held,
  given: {
    readonly id: LocalId;
    readonly epoch: number;
    readonly state: Row<StoredState> | undefined;
    readonly stamp: RenewalWork['stamp'];
  },
): Promise<Growing> {
  const { crypto, store, signer } = held;
  const { id, epoch, state } = given;
  return {
    id,
    epoch,
    // The first change of an epoch follows a sequence that no change has: the store as it stands.
    previous: Math.max(1, (await store.status()).revision),
    chain: firstChain(crypto, federatedId(signer.cluster, id), epoch),
    hlc: given.stamp(state?.value.hlc ?? [0, 0]),
    counted: { changes: 0, bytes: 0, allChanges: 0, allBytes: 0 },
  };
}

async function* toAsync<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> {
  yield* items;
}

/** Entries as the operations of one change after the other, each as full as it may be. */
async function* changesOf(
  entries: AsyncIterable<ResourceEntry>,
): AsyncIterable<readonly ChangeOp[]> {
  let ops: ChangeOp[] = [];
  let [count, bytes] = [0, 0];
  for await (const { key, value, blobs } of entries) {
    const cost = 1 + blobs.length;
    const size = value.length + key.length + operationOverheadBytes;
    if (ops.length > 0 && (count + cost > changeOpsMax || bytes + size > changeBytesMax)) {
      yield ops;
      ops = [];
      [count, bytes] = [0, 0];
    }
    ops.push({ put: { key, value, blobs } });
    count += cost;
    bytes += size;
  }
  if (ops.length > 0) {
    yield ops;
  }
}

/** Moves the growing epoch on by one change; what has to be written for it. */
function step(
  held: Held,
  growing: Growing,
  { ops, author, stamp }: Pick<RenewalWork, 'author' | 'stamp'> & { ops: readonly ChangeOp[] },
): readonly Op[] {
  const { crypto, tables } = held;
  const { id, epoch, previous } = growing;
  const hlc = stamp(growing.hlc);
  const change: Change = { epoch, previous, ops, hlc, author };
  const { allChanges, allBytes } = growing.counted;
  const before = { epoch, sequence: previous, chain: growing.chain, hlc: growing.hlc };
  const content = changeBytes(change);
  const { counted, checkpoint } = countSince(held, growing.counted, content.length);
  growing.chain = chainAfter(crypto, growing.chain, content);
  growing.hlc = hlc;
  growing.counted = counted;
  const versions = ops.map(() => 1); // every entry is new in its epoch
  const parts = [id, epoch, previous] as const;
  return [
    tables.changes.put(parts, { ...change, versions }),
    ...(checkpoint ? [tables.checkpoints.put(parts, { ...before, allChanges, allBytes })] : []),
    ...entryOps(tables, { id, epoch, ops, versions }),
  ];
}

async function writeOps({ store }: Held, ops: readonly Op[]): Promise<number> {
  return (await store.batchWrite(ops)).revision;
}

async function deleteEpoch({ store, tables }: Held, id: LocalId, epoch: number): Promise<void> {
  const { changes, checkpoints, kept, entries, blobs } = tables;
  for (const each of [changes, checkpoints, kept, entries, blobs]) {
    await deletePrefix(store, each.prefix(id, epoch));
  }
}
