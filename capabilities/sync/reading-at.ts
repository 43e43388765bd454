// A mirror's entries as they were at one revision of our own store.
import { rowsAt, type FederatedId, type KeyValueStore } from '@hansa/foundation';
import type { EntriesAt } from '../resources/contract.ts';
import type { MirrorTables } from './keys.ts';

/** Undefined where nothing of it had arrived. */
export async function mirroredAt(
  { store, tables }: { readonly store: KeyValueStore; readonly tables: MirrorTables },
  resource: FederatedId,
  revision: number | undefined,
): Promise<EntriesAt | undefined> {
  const key = tables.applied.key(resource);
  const found = await store.get(key, revision === undefined ? {} : { revision });
  if (found.entry === null) {
    return undefined;
  }
  const { copy, epoch, sequence } = tables.applied.row(found.entry).value;
  const at = rowsAt(store, tables.entries, { parts: [resource, copy], revision: found.revision });
  return {
    epoch,
    sequence,
    revision: found.revision,
    async entry(entryKey) {
      const row = await at.row(entryKey);
      return row === undefined ? undefined : { key: row.key, ...row.value };
    },
    async *entries(range) {
      for await (const row of at.rows(range)) {
        yield { key: row.key, ...row.value };
      }
    },
  };
}
