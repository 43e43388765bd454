// The one row that tells whether the store takes writes: written at every examination.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';

export interface CheckedRecord {
  readonly checkedMs: number;
}

const record: z.ZodType<CheckedRecord> = z.object({ checkedMs: z.number() });

export function checkedTable(store: KeyValueStore, codec: Codec): Table<CheckedRecord> {
  return table({ store, codec, name: 'checked', schema: record });
}
