// Entries as they were at one revision of the store: for pages that show one state, however much is
// written between them.
import { rowsAt, type LocalId, type RowAt } from '@hansa/foundation';
import type { Held } from './appending.ts';
import type { DatedEntry, EntriesAt } from './contract.ts';
import { sequenceOf, type StoredEntry } from './keys.ts';

/** Undefined where the resource was not there. */
export async function entriesAt(
  { store, tables }: Pick<Held, 'store' | 'tables'>,
  id: LocalId,
  revision: number | undefined,
): Promise<EntriesAt | undefined> {
  // Of one revision: a state is the newest that its entries show.
  const key = tables.states.key(id);
  const found = await store.get(key, revision === undefined ? {} : { revision });
  if (found.entry === null) {
    return undefined;
  }
  const state = tables.states.row(found.entry);
  const { epoch } = state.value;
  const at = rowsAt(store, tables.entries, { parts: [id, epoch], revision: found.revision });
  return {
    epoch,
    sequence: sequenceOf(state),
    revision: found.revision,
    async entry(entryKey) {
      const row = await at.row(entryKey);
      return row === undefined ? undefined : datedFrom(row);
    },
    async *entries(range) {
      for await (const row of at.rows(range)) {
        yield datedFrom(row);
      }
    },
  };
}

export async function entryNow(
  { store, tables }: Pick<Held, 'store' | 'tables'>,
  where: { readonly id: LocalId; readonly epoch: number; readonly key: Uint8Array },
): Promise<DatedEntry | undefined> {
  const { id, epoch, key } = where;
  const { entry } = await store.get(tables.entries.key(id, epoch, key));
  if (entry === null) {
    return undefined;
  }
  const { createRevision, modRevision } = entry;
  return datedFrom({ key, value: tables.entries.row(entry).value, createRevision, modRevision });
}

function datedFrom({ key, value, createRevision, modRevision }: RowAt<StoredEntry>): DatedEntry {
  return { key, ...value, made: createRevision, written: modRevision };
}
