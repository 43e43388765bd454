// The digest tries of mirrors: pages, the journal of what they may not have yet, and the entries
// themselves where neither gives the digest that was verified.
import {
  createKeyedMutex,
  createTrieStore,
  deletePrefix,
  equalBytes,
  isHansaError,
  type Codec,
  type Crypto,
  type FederatedId,
  type KeyValueStore,
  type PagedTrie,
  type TrieChange,
  type TrieStore,
} from '@hansa/foundation';
import type { History } from '../resources/contract.ts';
import type { AppliedRecord, MirrorTables } from './keys.ts';

const entriesAtOnce = 4_096; // of a rebuild, before the trie is moved
const journalAtOnce = 64; // records deleted in one transaction
const openMax = 2; // attempts: the second one from the entries

export interface MirrorTriesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly history: History;
  readonly tables: MirrorTables;
}

export interface MirrorTries {
  readonly store: TrieStore;
  /** Over a copy at its applied position: `sound` where its root is the digest verified then. */
  at(
    resource: FederatedId,
    copy: number,
    applied: AppliedRecord | undefined,
  ): Promise<{ readonly trie: PagedTrie; readonly sound: boolean }>;
  /** The same for whoever does not apply: undefined while somebody moves it. */
  beside(
    resource: FederatedId,
    copy: number,
    applied: AppliedRecord,
  ): Promise<PagedTrie | undefined>;
  /** The pages are not to be believed: the next time, the entries themselves are read. */
  doubt(resource: FederatedId, copy: number): Promise<void>;
  /** Entries, journal and trie of a copy that nobody has switched to. */
  clear(resource: FederatedId, copy: number): Promise<void>;
  /** Writes pages where it is time, and forgets the journal that they make needless. */
  settle(resource: FederatedId, copy: number, trie: PagedTrie): Promise<void>;
  remove(resource: FederatedId, copy?: number): Promise<void>;
}

export function createMirrorTries(needs: MirrorTriesNeeds): MirrorTries {
  const tries = createTrieStore(needs);
  const { tables, store } = needs;
  const alone = createKeyedMutex<FederatedId>();
  const at: MirrorTries['at'] = (resource, copy, applied) =>
    alone.run(resource, async () => {
      const sequence = applied?.sequence ?? 0;
      if (applied === undefined) {
        await clear(needs, tries, { resource, copy }); // what a crash left of another attempt
      }
      for (let attempt = 1; ; attempt += 1) {
        try {
          const trie =
            attempt === 1
              ? await replayed(needs, tries, { resource, copy, sequence })
              : await rebuild(needs, tries, { resource, copy, at: sequence });
          const sound = isSound(trie, applied);
          if (sound || isBetween(trie, applied) || attempt === openMax) {
            return { trie, sound };
          }
        } catch (error) {
          if (!isMended(error) || attempt === openMax) {
            throw error;
          }
        }
        tries.forget(resource, copy);
      }
    });
  return {
    store: tries,
    at,
    async beside(resource, copy, applied) {
      const open = tries.opened(resource, copy) ?? (await at(resource, copy, applied)).trie;
      return open.at === applied.sequence ? open : undefined;
    },
    async doubt(resource, copy) {
      await tries.remove(resource, copy);
      await deletePrefix(store, tables.journal.prefix(resource, copy));
    },
    clear: (resource, copy) => clear(needs, tries, { resource, copy }),
    async settle(resource, copy, trie) {
      if (!trie.isDue) {
        return;
      }
      await trie.write();
      await trie.deepen();
      await forgetJournal(needs, { resource, copy, upTo: trie.writtenAt });
    },
    async remove(resource, copy) {
      const parts = copy === undefined ? [resource] : [resource, copy];
      await tries.remove(resource, copy);
      await deletePrefix(store, tables.journal.prefix(...parts));
    },
  };
}

/** By reading the entries themselves. */
function isMended(error: unknown): boolean {
  return isHansaError(error, 'STORE_DAMAGED') || isHansaError(error, 'CONFLICT');
}

function isSound(trie: PagedTrie, applied: AppliedRecord | undefined): boolean {
  if (applied === undefined) {
    return true;
  }
  const { digest, repairing } = applied;
  return repairing !== true && digest !== undefined && equalBytes(trie.root, digest);
}

/**
 * Between two transactions of a batch, its journal is whole and its digest unknown; where it gives
 * nothing at all, it was doubted.
 */
function isBetween(trie: PagedTrie, applied: AppliedRecord | undefined): boolean {
  const { digest, repairing } = applied ?? {};
  return digest === undefined && repairing !== true && trie.root.some((byte) => byte !== 0);
}

/** Entries without a position are rests of a copy that was never switched to. */
async function clear(
  { store, tables }: MirrorTriesNeeds,
  tries: TrieStore,
  { resource, copy }: { readonly resource: FederatedId; readonly copy: number },
): Promise<void> {
  const entries = tables.entries.prefix(resource, copy);
  const { entries: found } = await store.scan({ prefix: entries }, { limit: 1, keysOnly: true });
  if (found.length > 0) {
    await tries.remove(resource, copy);
    await deletePrefix(store, tables.journal.prefix(resource, copy));
    await deletePrefix(store, entries);
  }
}

async function replayed(
  { tables }: MirrorTriesNeeds,
  tries: TrieStore,
  given: { readonly resource: FederatedId; readonly copy: number; readonly sequence: number },
): Promise<PagedTrie> {
  const { resource, copy, sequence } = given;
  const trie = await tries.open(resource, copy);
  if (trie.at === sequence && trie.at >= trie.trustedFrom) {
    return trie;
  }
  const leaves: TrieChange[] = [];
  for await (const { value } of tables.journal.rowsFrom([resource, copy], trie.at + 1)) {
    value.forEach(({ key, hash }) => leaves.push({ key, hash }));
  }
  await trie.prepare(leaves.length);
  const draft = trie.draft();
  await draft.apply(leaves);
  trie.commit(draft, sequence);
  return trie;
}

async function rebuild(
  { tables, history }: MirrorTriesNeeds,
  tries: TrieStore,
  given: { readonly resource: FederatedId; readonly copy: number; readonly at: number },
): Promise<PagedTrie> {
  const { resource, copy, at } = given;
  await tries.remove(resource, copy);
  const trie = await tries.open(resource, copy);
  let gathered: TrieChange[] = [];
  const move = async (to: number): Promise<void> => {
    await trie.prepare(gathered.length);
    const draft = trie.draft();
    await draft.apply(gathered);
    trie.commit(draft, to);
    gathered = [];
    if (trie.isDue) {
      await trie.write();
      await trie.deepen();
    }
  };
  for await (const { key, value } of tables.entries.rows(resource, copy)) {
    const [, , name] = key;
    if (name instanceof Uint8Array) {
      gathered.push({ key: name, hash: history.leaf({ key: name, ...value }) });
    }
    if (gathered.length >= entriesAtOnce) {
      await move(0);
    }
  }
  await move(at);
  return trie;
}

async function forgetJournal(
  { tables, store }: MirrorTriesNeeds,
  given: { readonly resource: FederatedId; readonly copy: number; readonly upTo: number },
): Promise<void> {
  const { resource, copy, upTo } = given;
  const range = {
    start: tables.journal.key(resource, copy, 0),
    end: tables.journal.key(resource, copy, upTo + 1),
  };
  for (;;) {
    const { entries } = await store.scan(range, { keysOnly: true, limit: journalAtOnce });
    if (entries.length === 0) {
      return;
    }
    await store.batchWrite(entries.map(({ key }) => ({ delete: { key } })));
  }
}
