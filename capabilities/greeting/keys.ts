// Where greetings are counted: one row per name, in the store that was scoped to this capability.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';

export interface GreetingRecord {
  readonly name: string;
  readonly count: number;
}

const recordSchema: z.ZodType<GreetingRecord> = z.object({
  name: z.string(),
  count: z.number().int().positive(),
});

/** By name. */
export function greetingTable(store: KeyValueStore, codec: Codec): Table<GreetingRecord> {
  return table({ store, codec, name: 'greeting', schema: recordSchema });
}
