// The same entries in another epoch: for an owner whose history is not its own past any more. All
// of it is written beside what stands, and switched to in one transaction.
import {
  deletePrefix,
  emptyTrie,
  federatedId,
  HansaError,
  splitLocalId,
  type DigestTrie,
  type Hlc,
  type LocalId,
  type Op,
  type Row,
} from '@hansa/foundation';
import { countSince, entryOps, type Held } from './appending.ts';
import {
  changeBytesMax,
  changeOpsMax,
  type Change,
  type ChangeOp,
  type Renewal,
  type Resource,
  type ResourceEntry,
} from './contract.ts';
import { applyToTrie, changeBytes, firstChain, nextChain } from './history.ts';
import type { StoredState } from './keys.ts';
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
  trie: DigestTrie;
  hlc: Hlc;
  changes: number;
  bytes: number;
}

export async function renewResource(held: Held, work: RenewalWork): Promise<Resource> {
  const { tables, resources, states } = held;
  const { id } = work;
  const stored = await tables.resources.get(id);
  const state = await tables.states.get(id);
  const before = stored?.value.resource ?? freshResource(held, id);
  const epoch = Math.max(before.epoch, work.above) + 1;
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
  const { trie, chain, hlc, changes, bytes } = growing;
  const stateNow: StoredState = { epoch, chain, digest: trie.root, hlc, changes, bytes };
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
  held.tries.set(id, { sequence: result.revision, trie });
  if (state !== undefined) {
    await deleteEpoch(held, id, state.value.epoch);
  }
  return resource;
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
    trie: emptyTrie(crypto),
    hlc: given.stamp(state?.value.hlc ?? [0, 0]),
    changes: 0,
    bytes: 0,
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
  { crypto, tables }: Held,
  growing: Growing,
  { ops, author, stamp }: Pick<RenewalWork, 'author' | 'stamp'> & { ops: readonly ChangeOp[] },
): readonly Op[] {
  const { id, epoch, previous } = growing;
  const hlc = stamp(growing.hlc);
  const change: Change = { epoch, previous, ops, hlc, author };
  const before = { epoch, sequence: previous, chain: growing.chain, digest: growing.trie.root };
  const checkpoint = { ...before, hlc: growing.hlc };
  const versionOf = (): number => 0; // every entry is new in its epoch
  growing.trie = applyToTrie(crypto, growing.trie, { change, versionOf });
  growing.chain = nextChain(crypto, growing.chain, change);
  growing.hlc = hlc;
  const counted = countSince(growing, changeBytes(change).length);
  growing.changes = counted.changes;
  growing.bytes = counted.bytes;
  return [
    tables.changes.put([id, epoch, previous], change),
    ...(counted.checkpoint ? [tables.checkpoints.put([id, epoch, previous], checkpoint)] : []),
    ...entryOps(tables, { id, epoch, ops, versionOf }),
  ];
}

async function writeOps({ store }: Held, ops: readonly Op[]): Promise<number> {
  return (await store.batchWrite(ops)).revision;
}

async function deleteEpoch({ store, tables }: Held, id: LocalId, epoch: number): Promise<void> {
  for (const each of [tables.changes, tables.checkpoints, tables.entries, tables.blobs]) {
    await deletePrefix(store, each.prefix(id, epoch));
  }
}
