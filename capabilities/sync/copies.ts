// The mirrors in the store: their records, how far each has been applied, and their entries.
import {
  createRecent,
  deletePrefix,
  emptyTrie,
  isHansaError,
  splitFederatedId,
  watchedTable,
  type ClusterId,
  type Clock,
  type Codec,
  type Crypto,
  type DigestTrie,
  type FederatedId,
  type KeyValueStore,
  type Recent,
  type WatchedTable,
} from '@hansa/foundation';
import type { BlobReference, Head, History, ResourceEntry } from '../resources/contract.ts';
import { applySteps, opsPerTransactionMax } from './applying.ts';
import type { MirrorView } from './contract.ts';
import { mirrorTables, type AppliedRecord, type MirrorRecord, type MirrorTables } from './keys.ts';
import type { Step } from './verifying.ts';

const triesMax = 256; // mirrors whose digest trie is kept in memory; others are rebuilt when asked

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
  /** Every blob that the entries of a mirror name. */
  blobs(): AsyncIterable<BlobReference>;
}

/** The trie of a mirror at one position, which its key spells. */
interface KeptTrie {
  readonly key: string;
  readonly trie: DigestTrie;
}

interface Kept extends CopiesNeeds {
  readonly tables: MirrorTables;
  readonly mirrors: WatchedTable<MirrorRecord>;
  readonly applied: WatchedTable<AppliedRecord>;
  readonly tries: Recent<FederatedId, KeptTrie>;
}

export function createCopies(needs: CopiesNeeds): Copies {
  const { store } = needs;
  const tables = mirrorTables(store, needs.codec);
  const mirrors = watchedTable(store, tables.mirrors);
  const applied = watchedTable(store, tables.applied);
  const kept: Kept = { ...needs, tables, mirrors, applied, tries: createRecent(triesMax) };
  return {
    mirrors,
    applied,
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
    view: (resource, epoch) => viewOf(tables, resource, epoch),
    trie: (resource, epoch) => trieOf(kept, resource, epoch),
    versions: (resource, epoch, keys) => versionsOf(kept, { resource, epoch, keys }),
    async apply(head, steps) {
      await applySteps(kept, head, steps);
      const last = steps.at(-1);
      if (last !== undefined) {
        kept.tries.set(head.resource, { key: `${head.epoch} ${head.sequence}`, trie: last.trie });
      }
    },
    async *blobs() {
      for (const { value, key } of applied.rows.values()) {
        for await (const { blobs } of entriesOf(tables, key[0] as FederatedId, value.epoch)) {
          yield* blobs;
        }
      }
    },
  };
}

function viewOf(tables: MirrorTables, resource: FederatedId, epoch: number): MirrorView {
  return {
    resource,
    epoch,
    async entry(key) {
      const row = await tables.entries.get(resource, epoch, key);
      return row === undefined ? undefined : { key, ...row.value };
    },
    entries: () => entriesOf(tables, resource, epoch),
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

async function trieOf(kept: Kept, resource: FederatedId, epoch: number): Promise<DigestTrie> {
  const { tables, applied, tries, crypto, history } = kept;
  const at = applied.find(resource)?.value;
  const key = `${epoch} ${at?.epoch === epoch ? at.sequence : 0}`;
  const held = tries.get(resource);
  if (held?.key === key) {
    return held.trie;
  }
  let trie = emptyTrie(crypto);
  for await (const entry of entriesOf(tables, resource, epoch)) {
    const { key: entryKey, version } = entry;
    trie = trie.set({ key: entryKey, version, valueHash: history.valueHash(entry) });
  }
  tries.set(resource, { key, trie });
  return trie;
}

async function versionsOf(
  { store, tables }: Kept,
  asked: {
    readonly resource: FederatedId;
    readonly epoch: number;
    readonly keys: readonly Uint8Array[];
  },
): Promise<ReadonlyMap<string, number>> {
  const { resource, epoch, keys } = asked;
  const found = new Map<string, number>();
  for (let at = 0; at < keys.length; at += opsPerTransactionMax) {
    const page = keys.slice(at, at + opsPerTransactionMax);
    const read = await store.batchRead(page.map((key) => tables.entries.key(resource, epoch, key)));
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
  tries.delete(resource);
  await deleteEntries(store, tables, resource);
  const removed = await store.transact({
    if: [{ key: tables.mirrors.key(resource), target: 'version', op: '>', operand: 0 }],
    then: [tables.mirrors.delete([resource])],
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
