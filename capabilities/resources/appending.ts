// Appending one change to a resource: the guarded transaction that moves state, change, entries and
// blobs together, so that no reader ever sees a part of it.
import {
  HansaError,
  type Clock,
  type Codec,
  type Crypto,
  type Hlc,
  type KeyValueStore,
  type LocalId,
  type Log,
  type Op,
  type Random,
  type Row,
  type WatchedTable,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import {
  batchBytesMax,
  batchChangesMax,
  changeBytesMax,
  changeOpsMax,
  type Change,
  type ChangeOp,
  type Point,
} from './contract.ts';
import { changeBytes, chainAfter } from './history.ts';
import {
  sequenceOf,
  type ResourceTables,
  type StoredChange,
  type StoredResource,
  type StoredState,
} from './keys.ts';

export interface ResourceLogNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly log?: Log | undefined;
  /** Simulations keep less of a history, and cut it into shorter batches. */
  readonly kept?: KeptChanges | undefined;
}

export interface KeptChanges {
  /** What compaction leaves: changes after the older of the two. */
  readonly changes: number;
  readonly bytes: number;
  /** Between two checkpoints; default `batchChangesMax`. */
  readonly batchChanges?: number | undefined;
  /** Between two rounds of compaction; default `compactIntervalMs`. */
  readonly intervalMs?: number | undefined;
}

export interface Held extends ResourceLogNeeds {
  readonly tables: ResourceTables;
  readonly resources: WatchedTable<StoredResource>;
  readonly states: WatchedTable<StoredState>;
}

/** A change with what the digest trie needs to follow it. */
export interface Appended {
  readonly point: Point;
  readonly previous: number;
  readonly ops: readonly ChangeOp[];
  readonly versions: readonly number[];
  /** Whether a checkpoint stands before it. */
  readonly afterCheckpoint: boolean;
}

/** Undefined where somebody else appended first. */
export async function append(
  held: Held,
  given: {
    readonly id: LocalId;
    readonly ops: readonly ChangeOp[];
    readonly author: string;
    readonly state: Row<StoredState>;
    readonly hlc: Hlc;
  },
): Promise<Appended | undefined> {
  const { store, tables, crypto, states } = held;
  const { id, ops, author, state, hlc } = given;
  const { epoch } = state.value;
  const previous = sequenceOf(state);
  const change: Change = { epoch, previous, ops, hlc, author };
  const versions = await versionsAfter(held, id, change);
  const stored = changeOp(tables, id, { ...change, versions });
  const content = changeBytes(change);
  const { counted, checkpoint } = countSince(held, state.value, content.length);
  const next = { epoch, chain: chainAfter(crypto, state.value.chain, content), hlc };
  const key = tables.states.key(id);
  const result = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: state.modRevision }],
    then: [
      tables.states.put([id], { ...next, ...counted }),
      stored,
      ...(checkpoint ? [checkpointOp(tables, id, state)] : []),
      ...entryOps(tables, { id, epoch, ops, versions }),
    ],
  });
  if (!result.succeeded) {
    await seeWhoWon(held, id);
    return undefined;
  }
  await states.reached(result.revision);
  return {
    point: { ...next, sequence: result.revision },
    previous,
    ops,
    versions,
    afterCheckpoint: checkpoint,
  };
}

/**
 * Until this node knows of the change that came first. Not until the revision that a refusal tells:
 * that may be newer than any change of the table, and the table would not hear of it.
 */
async function seeWhoWon({ tables, states }: Held, id: LocalId): Promise<void> {
  const present = await tables.states.get(id);
  if (present !== undefined) {
    await states.reached(present.modRevision);
  }
}

/** Refused where it is too large, before anything is written. */
function changeOp(tables: ResourceTables, id: LocalId, change: StoredChange): Op {
  const { epoch, previous, ops } = change;
  const named = ops.reduce((sum, op) => sum + ('put' in op ? op.put.blobs.length : 0), 0);
  const op = tables.changes.put([id, epoch, previous], change);
  const bytes = 'put' in op ? op.put.value.length : 0;
  if (ops.length + named > changeOpsMax || bytes > changeBytesMax) {
    throw new HansaError(
      'CHANGE_TOO_LARGE',
      `a change holds at most ${changeOpsMax} operations and blobs and ${changeBytesMax} bytes, ` +
        `this one has ${ops.length + named} and ${bytes}`,
      { fix: 'put large content into blobs, or split the change' },
    );
  }
  return op;
}

export type Counted = Pick<StoredState, 'changes' | 'bytes' | 'allChanges' | 'allBytes'>;

export function countSince(
  { kept }: Pick<Held, 'kept'>,
  { changes, bytes, allChanges, allBytes }: Counted,
  added: number,
): { readonly counted: Counted; readonly checkpoint: boolean } {
  const checkpoint =
    changes > 0 &&
    (changes + 1 > (kept?.batchChanges ?? batchChangesMax) || bytes + added > batchBytesMax);
  const since = checkpoint
    ? { changes: 1, bytes: added }
    : { changes: changes + 1, bytes: bytes + added };
  return {
    counted: { ...since, allChanges: allChanges + 1, allBytes: allBytes + added },
    checkpoint,
  };
}

/** Its digest is filled in by whoever brings the digest trie there. */
function checkpointOp(tables: ResourceTables, id: LocalId, state: Row<StoredState>): Op {
  const point = pointFrom(state);
  const { allChanges, allBytes } = state.value;
  return tables.checkpoints.put([id, point.epoch, point.sequence], {
    ...point,
    allChanges,
    allBytes,
  });
}

export function pointFrom(state: Row<StoredState>): Point {
  const { epoch, chain, hlc } = state.value;
  return { epoch, sequence: sequenceOf(state), chain, hlc };
}

async function versionsAfter(
  { store, tables }: Held,
  id: LocalId,
  { epoch, ops }: Change,
): Promise<readonly number[]> {
  const keys = ops.map((op) =>
    tables.entries.key(id, epoch, 'delete' in op ? op.delete.key : op.put.key),
  );
  const { entries } = await store.batchRead(keys);
  return ops.map((op, index) => {
    const entry = entries[index];
    const isNew = entry === null || entry === undefined;
    return 'delete' in op ? 0 : 1 + (isNew ? 0 : tables.entries.row(entry).value.version);
  });
}

export function entryOps(
  tables: ResourceTables,
  given: {
    readonly id: LocalId;
    readonly epoch: number;
    readonly ops: readonly ChangeOp[];
    readonly versions: readonly number[];
  },
): Op[] {
  const { id, epoch, ops, versions } = given;
  const blobOps = new Map<string, Op>();
  const entryOpsOnly = ops.map((op, index) => {
    if ('delete' in op) {
      return tables.entries.delete([id, epoch, op.delete.key]);
    }
    const { key, value, blobs } = op.put;
    for (const blob of blobs) {
      blobOps.set(blob.id, tables.blobs.put([id, epoch, blob.id], blob));
    }
    return tables.entries.put([id, epoch, key], { value, blobs, version: versions[index] ?? 1 });
  });
  return [...entryOpsOnly, ...blobOps.values()];
}
