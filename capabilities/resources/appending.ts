// Appending one change to a resource: the guarded transaction that moves state, change, entries and
// blobs together, so that no reader ever sees a part of it.
import {
  HansaError,
  type Clock,
  type Codec,
  type Crypto,
  type DigestTrie,
  type KeyValueStore,
  type LocalId,
  type Op,
  type Random,
  type Recent,
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
  type Position,
} from './contract.ts';
import { applyToTrie, changeBytes, nextChain } from './history.ts';
import type { ResourceTables, StoredResource, StoredState } from './keys.ts';

export interface ResourceLogNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
}

export interface Loaded {
  readonly state: Row<StoredState>;
  readonly trie: DigestTrie;
}

export interface Held extends ResourceLogNeeds {
  readonly tables: ResourceTables;
  readonly resources: WatchedTable<StoredResource>;
  readonly states: WatchedTable<StoredState>;
  readonly tries: Recent<LocalId, { readonly sequence: number; readonly trie: DigestTrie }>;
}

/** Undefined where somebody else appended first. */
export async function append(
  held: Held,
  given: {
    readonly id: LocalId;
    readonly ops: readonly ChangeOp[];
    readonly author: string;
    readonly loaded: Loaded;
    readonly hlc: readonly [number, number];
  },
): Promise<Position | undefined> {
  const { store, tables, crypto, codec } = held;
  const { id, ops, author, loaded, hlc } = given;
  const { state } = loaded;
  const { epoch } = state.value;
  const change: Change = { epoch, previous: state.modRevision, ops, hlc, author };
  requireBounded(change, codec.encode(change).length);
  const versions = await readVersions(held, id, change);
  const versionOf = (key: Uint8Array): number => versions.get(key.join()) ?? 0;
  const trie = applyToTrie(crypto, loaded.trie, { change, versionOf });
  const next = {
    epoch,
    chain: nextChain(crypto, state.value.chain, change),
    digest: trie.root,
    hlc,
  };
  const bytes = changeBytes(change).length;
  const counted = countSince(state.value, bytes);
  const result = await store.transact({
    if: [
      { key: tables.states.key(id), target: 'modRevision', op: '=', operand: state.modRevision },
    ],
    then: [
      tables.states.put([id], { ...next, changes: counted.changes, bytes: counted.bytes }),
      tables.changes.put([id, epoch, change.previous], change),
      ...(counted.checkpoint
        ? [tables.checkpoints.put([id, epoch, state.modRevision], positionFrom(state))]
        : []),
      ...entryOps(tables, { id, epoch, ops, versionOf }),
    ],
  });
  if (!result.succeeded) {
    return undefined;
  }
  held.tries.set(id, { sequence: result.revision, trie });
  await held.states.reached(result.revision);
  return { ...next, sequence: result.revision };
}

function requireBounded(change: Change, bytes: number): void {
  const blobs = change.ops.reduce((sum, op) => sum + ('put' in op ? op.put.blobs.length : 0), 0);
  if (change.ops.length + blobs > changeOpsMax || bytes > changeBytesMax) {
    throw new HansaError(
      'CHANGE_TOO_LARGE',
      `a change holds at most ${changeOpsMax} operations and blobs and ${changeBytesMax} bytes, ` +
        `this one has ${change.ops.length + blobs} and ${bytes}`,
      { fix: 'put large content into blobs, or split the change' },
    );
  }
}

function countSince(
  { changes, bytes }: StoredState,
  added: number,
): { changes: number; bytes: number; checkpoint: boolean } {
  const full = changes + 1 > batchChangesMax || bytes + added > batchBytesMax;
  return full && changes > 0
    ? { changes: 1, bytes: added, checkpoint: true }
    : { changes: changes + 1, bytes: bytes + added, checkpoint: false };
}

export function positionFrom(state: Row<StoredState>): Position {
  const { epoch, chain, digest, hlc } = state.value;
  return { epoch, sequence: state.modRevision, chain, digest, hlc };
}

async function readVersions(
  { store, tables }: Held,
  id: LocalId,
  change: Change,
): Promise<ReadonlyMap<string, number>> {
  const keys = change.ops.map((op) => ('delete' in op ? op.delete.key : op.put.key));
  const { entries } = await store.batchRead(
    keys.map((key) => tables.entries.key(id, change.epoch, key)),
  );
  const versions = new Map<string, number>();
  entries.forEach((entry, index) => {
    const key = keys[index];
    if (entry !== null && key !== undefined) {
      versions.set(key.join(), tables.entries.row(entry).value.version);
    }
  });
  return versions;
}

function entryOps(
  tables: ResourceTables,
  given: {
    readonly id: LocalId;
    readonly epoch: number;
    readonly ops: readonly ChangeOp[];
    versionOf(key: Uint8Array): number;
  },
): Op[] {
  const { id, epoch, ops, versionOf } = given;
  const blobOps = new Map<string, Op>();
  const entryOpsOnly = ops.map((op) => {
    if ('delete' in op) {
      return tables.entries.delete([id, epoch, op.delete.key]);
    }
    const { key, value, blobs } = op.put;
    for (const blob of blobs) {
      blobOps.set(blob.id, tables.blobs.put([id, epoch, blob.id], blob));
    }
    return tables.entries.put([id, epoch, key], { value, blobs, version: versionOf(key) + 1 });
  });
  return [...entryOpsOnly, ...blobOps.values()];
}
