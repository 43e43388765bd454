// Where the last backup is remembered.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { summarySchema, type BackupSummary } from './contract.ts';

/** One row. */
export function lastBackup(store: KeyValueStore, codec: Codec): Table<BackupSummary> {
  return table({ store, codec, name: 'last', schema: summarySchema });
}
