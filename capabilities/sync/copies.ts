// The mirrors in the store: their records, how far each has been applied, and their entries.
import {
  deletePrefix,
  HansaError,
  isHansaError,
  splitFederatedId,
  watchedTable,
  type ClusterId,
  type Clock,
  type Codec,
  type Crypto,
  type FederatedId,
  type KeyValueStore,
  type PagedTrie,
  type TrieDraft,
  type WatchedTable,
} from '@hansa/foundation';
import type {
  BlobReference,
  EntriesAt,
  Head,
  History,
  ResourceEntry,
} from '../resources/contract.ts';
import { applyGroups, opsPerTransactionMax, replaceGroups } from './applying.ts';
import type { MirrorView } from './contract.ts';
import {
  mirrorTables,
  type AppliedRecord,
  type ForkRecord,
  type MirrorRecord,
  type MirrorTables,
} from './keys.ts';
import { createMirrorTries, type MirrorTries } from './mirror-tries.ts';
import { mirroredAt } from './reading-at.ts';
import type { StepGroup } from './verifying.ts';

export interface CopiesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly history: History;
}

export interface Copies {
  readonly tables: MirrorTables;
  readonly tries: MirrorTries;
  readonly mirrors: WatchedTable<MirrorRecord>;
  readonly applied: WatchedTable<AppliedRecord>;
  readonly forks: WatchedTable<ForkRecord>;
  add(record: MirrorRecord): Promise<void>;
  remove(resource: FederatedId): Promise<void>;
  of(owner: ClusterId): readonly FederatedId[];
  view(resource: FederatedId, epoch: number): MirrorView;
  /** The present copy at a revision of the store; undefined where nothing had arrived. */
  at(resource: FederatedId, revision: number | undefined): Promise<EntriesAt | undefined>;
  /** The number of the copy in which an epoch lies, or is to be built. */
  copyOf(resource: FederatedId, epoch: number): number;
  /**
   * The digest trie over what is stored in the epoch; not sound where it does not give the digest
   * that was verified when it was applied.
   */
  trie(
    resource: FederatedId,
    epoch: number,
  ): Promise<{ readonly trie: PagedTrie; readonly sound: boolean }>;
  /** Versions of the entries, of the present epoch, by the text of their key. */
  versions(
    resource: FederatedId,
    epoch: number,
    keys: readonly Uint8Array[],
  ): Promise<ReadonlyMap<string, number>>;
  /** Applies steps in transactions of at most 100 operations, each moving the applied position. */
  apply(work: ApplyOrder): Promise<void>;
  /** Makes the entries of the present copy another position's, by what the two differ in. */
  replace(work: ApplyOrder): Promise<void>;
  /** From now on, a copy that was built beside the present one is the mirror. */
  switchTo(head: Head, copy: number): Promise<void>;
  /** Keeps two heads that contradict each other, as evidence; undefined where all is well again. */
  setFork(resource: FederatedId, fork: ForkRecord | undefined): Promise<void>;
  /** What is in memory only is written down: the next start has nothing to repeat. */
  rest(): Promise<void>;
  /** Every blob that the entries of a mirror name. */
  blobs(): AsyncIterable<BlobReference>;
}

export interface ApplyOrder {
  readonly head: Head;
  readonly groups: readonly StepGroup[];
  /** Of the trie as it will be. */
  readonly draft: TrieDraft;
  readonly trie: PagedTrie;
}

interface Kept extends CopiesNeeds {
  readonly tables: MirrorTables;
  readonly mirrors: WatchedTable<MirrorRecord>;
  readonly applied: WatchedTable<AppliedRecord>;
  readonly forks: WatchedTable<ForkRecord>;
  readonly tries: MirrorTries;
}

export function createCopies(needs: CopiesNeeds): Copies {
  const { store } = needs;
  const tables = mirrorTables(store, needs.codec);
  const mirrors = watchedTable(store, tables.mirrors);
  const applied = watchedTable(store, tables.applied);
  const forks = watchedTable(store, tables.forks);
  const tries = createMirrorTries({ ...needs, tables });
  const kept: Kept = { ...needs, tables, mirrors, applied, forks, tries };
  return {
    tables,
    tries,
    mirrors,
    applied,
    forks,
    async add(record) {
      const { revision } = await store.batchWrite([tables.mirrors.put([record.resource], record)]);
      await mirrors.reached(revision);
    },
    remove: (resource) => remove(kept, resource),
    of: (owner) =>
      [...mirrors.rows.values()]
        .map(({ value }) => value.resource)
        .filter((resource) => splitFederatedId(resource).owner === owner)
        .toSorted(),
    view: (resource, epoch) =>
      viewOf(tables, { resource, epoch, copy: copyOf(kept, resource, epoch) }),
    at: (resource, revision) => mirroredAt(kept, resource, revision),
    copyOf: (resource, epoch) => copyOf(kept, resource, epoch),
    trie(resource, epoch) {
      const present = applied.find(resource)?.value;
      const copy = copyOf(kept, resource, epoch);
      return tries.at(resource, copy, present?.epoch === epoch ? present : undefined);
    },
    versions: (resource, epoch, keys) => versionsOf(kept, { resource, epoch, keys }),
    apply: (work) => apply(kept, work),
    replace: (work) => replace(kept, work),
    switchTo: (head, copy) => switchTo(kept, head, copy),
    async setFork(resource, fork) {
      const op =
        fork === undefined ? tables.forks.delete([resource]) : tables.forks.put([resource], fork);
      if (fork !== undefined || forks.find(resource) !== undefined) {
        const { revision } = await store.batchWrite([op]);
        await forks.reached(revision);
      }
    },
    rest: () => tries.store.writeAll(),
    async *blobs() {
      for (const { key } of mirrors.rows.values()) {
        // Of every copy: one that is being built needs its blobs as soon as it stands.
        for await (const { value: entry } of tables.entries.rows(key[0] as FederatedId)) {
          yield* entry.blobs;
        }
      }
    },
  };
}

/** Another epoch is built beside the present one. */
function copyOf({ applied }: Pick<Kept, 'applied'>, resource: FederatedId, epoch: number): number {
  const present = applied.find(resource)?.value;
  return present?.epoch === epoch ? present.copy : (present?.copy ?? 0) + 1;
}

interface CopyOfMirror {
  readonly resource: FederatedId;
  readonly epoch: number;
  readonly copy: number;
}

export function viewOf(tables: MirrorTables, { resource, epoch, copy }: CopyOfMirror): MirrorView {
  return {
    resource,
    epoch,
    async entry(key) {
      const row = await tables.entries.get(resource, copy, key);
      return row === undefined ? undefined : { key, ...row.value };
    },
    entries: () => entriesOf(tables, resource, copy),
  };
}

async function* entriesOf(
  tables: MirrorTables,
  resource: FederatedId,
  copy: number,
): AsyncIterable<ResourceEntry> {
  for await (const { key, value } of tables.entries.rows(resource, copy)) {
    yield { key: key[2] as Uint8Array, ...value };
  }
}

async function apply(kept: Kept, { head, groups, draft, trie }: ApplyOrder): Promise<void> {
  const { tries, applied } = kept;
  const { resource, epoch } = head;
  const before = applied.find(resource)?.value;
  const copy = copyOf(kept, resource, epoch);
  try {
    await applyGroups(kept, { head, copy, groups });
    trie.commit(draft, head.sequence);
    await tries.settle(resource, copy, trie);
  } catch (error) {
    // Of several groups, some may be there: what is stored tells.
    tries.store.forget(resource, copy);
    throw error;
  }
  if (before !== undefined && before.copy !== copy) {
    await clearBefore(kept, resource, copy);
  }
}

/** With the present copy whole; also one that was left while a crash kept this from being done. */
async function clearBefore({ tries }: Kept, resource: FederatedId, copy: number): Promise<void> {
  for (const old of [copy - 2, copy - 1].filter((each) => each > 0)) {
    await tries.clear(resource, old);
  }
}

async function replace(kept: Kept, { head, groups, draft, trie }: ApplyOrder): Promise<void> {
  const { tries } = kept;
  const { resource } = head;
  const copy = copyOf(kept, resource, head.epoch);
  try {
    await replaceGroups(kept, { head, copy, groups });
    trie.commit(draft, head.sequence);
    // The journal has the last group only: the pages must not wait for it.
    await trie.write();
    await tries.settle(resource, copy, trie);
  } catch (error) {
    tries.store.forget(resource, copy);
    throw error;
  }
  await clearBefore(kept, resource, copy);
}

async function switchTo(kept: Kept, head: Head, copy: number): Promise<void> {
  const { store, clock, tables, applied } = kept;
  const { resource, epoch, sequence, chain, digest } = head;
  const before = applied.find(resource);
  const record = { copy, epoch, sequence, chain, digest, head, appliedMs: clock.now() };
  const { succeeded, revision } = await store.transact({
    if: [
      {
        key: tables.applied.key(resource),
        target: 'modRevision',
        op: '=',
        operand: before?.modRevision ?? 0,
      },
    ],
    then: [tables.applied.put([resource], record)],
  });
  if (!succeeded) {
    throw new HansaError('CONFLICT', `another node applied changes of ${resource}`);
  }
  await applied.reached(revision);
  await clearBefore(kept, resource, copy);
}

async function versionsOf(
  kept: Kept,
  asked: {
    readonly resource: FederatedId;
    readonly epoch: number;
    readonly keys: readonly Uint8Array[];
  },
): Promise<ReadonlyMap<string, number>> {
  const { store, tables } = kept;
  const { resource, epoch, keys } = asked;
  const copy = copyOf(kept, resource, epoch);
  const found = new Map<string, number>();
  for (let at = 0; at < keys.length; at += opsPerTransactionMax) {
    const page = keys.slice(at, at + opsPerTransactionMax);
    const read = await store.batchRead(page.map((key) => tables.entries.key(resource, copy, key)));
    read.entries.forEach((entry, index) => {
      const key = page[index];
      if (entry !== null && key !== undefined) {
        found.set(key.join(), tables.entries.row(entry).value.version);
      }
    });
  }
  return found;
}

/**
 * The record goes last: after a crash in between, removing the mirror again ends what was begun.
 */
async function remove(
  { store, tables, mirrors, tries }: Kept,
  resource: FederatedId,
): Promise<void> {
  await tries.remove(resource);
  await deleteEntries(store, tables, resource);
  const removed = await store.transact({
    if: [{ key: tables.mirrors.key(resource), target: 'version', op: '>', operand: 0 }],
    then: [tables.mirrors.delete([resource]), tables.forks.delete([resource])],
  });
  // Where somebody else removed it meanwhile, no change comes that could be waited for.
  if (removed.succeeded) {
    await mirrors.reached(removed.revision);
  }
}

/** With the position at once, so that neither is ever seen without the other, unless too large. */
async function deleteEntries(
  store: KeyValueStore,
  tables: MirrorTables,
  resource: FederatedId,
): Promise<void> {
  const prefix = tables.entries.prefix(resource);
  const position = tables.applied.delete([resource]);
  try {
    await store.batchWrite([{ delete: { prefix } }, position]);
  } catch (error) {
    if (!isHansaError(error, 'STORE_LIMIT')) {
      throw error;
    }
    await deletePrefix(store, prefix);
    await store.batchWrite([position]);
  }
}
