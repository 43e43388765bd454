// The mirrors in the store: records, applied positions, entries; and the one place where a batch is
// applied.
import {
  emptyTrie,
  HansaError,
  splitFederatedId,
  watchedTable,
  type BlobId,
  type ClusterId,
  type Clock,
  type Codec,
  type Crypto,
  type DigestTrie,
  type FederatedId,
  type KeyValueStore,
  type Op,
  type WatchedTable,
} from '@hansa/foundation';
import type { Head, History, ResourceEntry } from '../resources/contract.ts';
import type { MirrorView } from './contract.ts';
import { mirrorTables, type AppliedRecord, type MirrorRecord, type MirrorTables } from './keys.ts';
import type { Step } from './verifying.ts';

const opsPerTransactionMax = 98; // a hundred, less the guard's put and one in reserve

export interface CopiesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly history: History;
}

export interface Copies {
  readonly mirrors: WatchedTable<MirrorRecord>;
  readonly applied: WatchedTable<AppliedRecord>;
  add(record: MirrorRecord): Promise<void>;
  remove(resource: FederatedId): Promise<void>;
  of(owner: ClusterId): readonly FederatedId[];
  view(resource: FederatedId, epoch: number): MirrorView;
  /**
   * The trie over what is stored in the epoch: computed from the store, or as the last apply left
   * it.
   */
  trie(resource: FederatedId, epoch: number): Promise<DigestTrie>;
  /** Versions of the entries, of the present epoch, by the text of their key. */
  versions(
    resource: FederatedId,
    epoch: number,
    keys: readonly Uint8Array[],
  ): Promise<ReadonlyMap<string, number>>;
  /** Applies steps in transactions of at most 100 operations, each moving the applied position. */
  apply(head: Head, steps: readonly Step[]): Promise<void>;
  names(blob: BlobId): Promise<boolean>;
}

export function createCopies(needs: CopiesNeeds): Copies {
  const { store, crypto, history } = needs;
  const tables = mirrorTables(store, needs.codec);
  const mirrors = watchedTable(store, tables.mirrors);
  const applied = watchedTable(store, tables.applied);
  const tries = new Map<FederatedId, { key: string; trie: DigestTrie }>();
  const entries = (resource: FederatedId, epoch: number): AsyncIterable<ResourceEntry> =>
    entriesOf(tables, resource, epoch);

  return {
    mirrors,
    applied,
    async add(record) {
      const { revision } = await store.batchWrite([tables.mirrors.put([record.resource], record)]);
      await mirrors.reached(revision);
    },
    async remove(resource) {
      tries.delete(resource);
      await purge(needs, tables, resource);
      const { revision } = await store.batchWrite([tables.mirrors.delete([resource])]);
      await mirrors.reached(revision);
    },
    of: (owner) =>
      [...mirrors.rows.values()]
        .map(({ value }) => value.resource)
        .filter((resource) => splitFederatedId(resource).owner === owner)
        .toSorted(),
    view: (resource, epoch) => ({
      resource,
      epoch,
      async entry(key) {
        const row = await tables.entries.get(resource, epoch, key);
        return row === undefined ? undefined : { key, ...row.value };
      },
      entries: () => entries(resource, epoch),
    }),
    async trie(resource, epoch) {
      const at = applied.find(resource)?.value;
      const key = `${epoch} ${at?.epoch === epoch ? at.sequence : 0}`;
      const held = tries.get(resource);
      if (held?.key === key) {
        return held.trie;
      }
      let trie = emptyTrie(crypto);
      for await (const entry of entries(resource, epoch)) {
        const { key: entryKey, version } = entry;
        trie = trie.set({ key: entryKey, version, valueHash: history.valueHash(entry) });
      }
      tries.set(resource, { key, trie });
      return trie;
    },
    async versions(resource, epoch, keys) {
      const found = new Map<string, number>();
      for (let at = 0; at < keys.length; at += opsPerTransactionMax) {
        const page = keys.slice(at, at + opsPerTransactionMax);
        const read = await store.batchRead(
          page.map((key) => tables.entries.key(resource, epoch, key)),
        );
        read.entries.forEach((entry, index) => {
          const key = page[index];
          if (entry !== null && key !== undefined) {
            found.set(key.join(), tables.entries.row(entry).value.version);
          }
        });
      }
      return found;
    },
    async apply(head, steps) {
      const before = applied.find(head.resource)?.value;
      const afresh = before !== undefined && before.epoch !== head.epoch;
      for (const group of groups(steps)) {
        await applyGroup(needs, tables, { head, group, applied });
      }
      if (steps.length === 0) {
        await applyGroup(needs, tables, { head, group: [], applied });
      }
      const last = steps.at(-1);
      if (last !== undefined) {
        tries.set(head.resource, { key: `${head.epoch} ${head.sequence}`, trie: last.trie });
      }
      if (afresh) {
        await store.batchWrite([
          { delete: { prefix: tables.entries.prefix(head.resource, before.epoch) } },
        ]);
      }
    },
    async names(blob) {
      for await (const _row of tables.blobs.rows(blob)) {
        return true;
      }
      return false;
    },
  };
}

async function* entriesOf(
  tables: MirrorTables,
  resource: FederatedId,
  epoch: number,
): AsyncIterable<ResourceEntry> {
  for await (const { key, value } of tables.entries.rows(resource, epoch)) {
    yield { key: key[2] as Uint8Array, ...value };
  }
}

/** Whole steps, together at most a transaction; a step alone always fits (`changeOpsMax`). */
function* groups(steps: readonly Step[]): Iterable<readonly Step[]> {
  let group: Step[] = [];
  let ops = 0;
  const keys = new Set<string>();
  for (const step of steps) {
    const stepKeys = [...step.versions.keys()];
    const stepOps = operationCount(step);
    // A key may be written once in a transaction, so a step that writes it again begins the next
    // one.
    if (ops + stepOps > opsPerTransactionMax || stepKeys.some((key) => keys.has(key))) {
      yield group;
      group = [];
      ops = 0;
      keys.clear();
    }
    group.push(step);
    ops += stepOps;
    stepKeys.forEach((key) => keys.add(key));
  }
  if (group.length > 0) {
    yield group;
  }
}

function operationCount({ change }: Step): number {
  return change.change.ops.reduce(
    (sum, op) => sum + 1 + ('put' in op ? op.put.blobs.length : 0),
    0,
  );
}

async function applyGroup(
  { store, clock }: CopiesNeeds,
  tables: MirrorTables,
  given: {
    readonly head: Head;
    readonly group: readonly Step[];
    readonly applied: WatchedTable<AppliedRecord>;
  },
): Promise<void> {
  const { head, group, applied } = given;
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
      ...dedupe(group.flatMap((step) => stepOps(tables, head, step))),
    ],
  });
  if (!result.succeeded) {
    throw new HansaError('CONFLICT', `another node applied changes of ${head.resource}`);
  }
  await applied.reached(result.revision);
}

interface KeyedOp {
  readonly id: string;
  readonly op: Op;
}

function stepOps(tables: MirrorTables, head: Head, step: Step): readonly KeyedOp[] {
  const { resource, epoch } = head;
  return step.change.change.ops.flatMap((op): readonly KeyedOp[] => {
    if ('delete' in op) {
      const { key } = op.delete;
      return [{ id: `entry ${key.join()}`, op: tables.entries.delete([resource, epoch, key]) }];
    }
    const { key, value, blobs } = op.put;
    const version = step.versions.get(key.join()) ?? 1;
    return [
      {
        id: `entry ${key.join()}`,
        op: tables.entries.put([resource, epoch, key], { value, blobs, version }),
      },
      ...blobs.map((blob) => ({
        id: `blob ${blob.id}`,
        op: tables.blobs.put([blob.id, resource], blob),
      })),
    ];
  });
}

function dedupe(ops: readonly KeyedOp[]): readonly Op[] {
  return [...new Map(ops.map(({ id, op }) => [id, op])).values()];
}

async function purge(
  { store }: CopiesNeeds,
  tables: MirrorTables,
  resource: FederatedId,
): Promise<void> {
  const blobKeys: Op[] = [];
  for await (const { key } of tables.blobs.rows()) {
    if (key[1] === resource) {
      blobKeys.push(tables.blobs.delete([String(key[0]), resource]));
    }
  }
  for (let at = 0; at < blobKeys.length; at += opsPerTransactionMax) {
    await store.batchWrite(blobKeys.slice(at, at + opsPerTransactionMax));
  }
  await store.batchWrite([
    { delete: { prefix: tables.entries.prefix(resource) } },
    tables.applied.delete([resource]),
  ]);
}
