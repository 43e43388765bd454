// What stands in the store for queues: settings, items in their order, payloads apart from them
// (they are read only by whom they are for), what is hidden and what was seen under leases.
import { bytesSchema, table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import { settingsSchema, type QueueSettings } from './contract.ts';

export interface QueueRecord {
  readonly settings: QueueSettings;
  /** The number of the newest item. */
  readonly last: number;
}

export interface ItemRecord {
  /** How often it was pulled since it was pushed. */
  readonly attempts: number;
  /** Number that its payload stands under: that of its first push. */
  readonly body: number;
  readonly bytes: number;
  readonly group: string;
  readonly id: string;
  readonly pushedMs: number;
}

/** Under a lease: while it is there, its item is not pulled. */
export interface HiddenRecord {
  /** Empty for one that was put off. */
  readonly consumer: string;
}

/** Under a lease: an id that was pushed. */
export interface SeenRecord {
  readonly sequence: number;
}

/** No queue that is made anew begins below it: receipts of the one before mean nothing. */
export interface QueueRegister {
  readonly floor: number;
  readonly queues: number;
}

export interface QueueTables {
  /** By name. */
  readonly queues: Table<QueueRecord>;
  readonly register: Table<QueueRegister>;
  /** The rest by queue and number; seen ids by queue and id. */
  readonly items: Table<ItemRecord>;
  readonly bodies: Table<Uint8Array>;
  readonly hidden: Table<HiddenRecord>;
  readonly dead: Table<ItemRecord>;
  readonly seen: Table<SeenRecord>;
}

const natural = z.number().int().nonnegative();
const queueSchema: z.ZodType<QueueRecord> = z.object({ settings: settingsSchema, last: natural });
const itemSchema: z.ZodType<ItemRecord> = z.object({
  attempts: natural,
  body: natural,
  bytes: natural,
  group: z.string(),
  id: z.string(),
  pushedMs: natural,
});
const hiddenSchema: z.ZodType<HiddenRecord> = z.object({ consumer: z.string() });
const seenSchema: z.ZodType<SeenRecord> = z.object({ sequence: natural });
const registerSchema: z.ZodType<QueueRegister> = z.object({ floor: natural, queues: natural });

export function queueTables(store: KeyValueStore, codec: Codec): QueueTables {
  const base = { store, codec };
  return {
    queues: table({ ...base, name: 'queue', schema: queueSchema }),
    register: table({ ...base, name: 'queue-register', schema: registerSchema }),
    items: table({ ...base, name: 'queue-item', schema: itemSchema }),
    bodies: table({ ...base, name: 'queue-body', schema: bytesSchema }),
    hidden: table({ ...base, name: 'queue-hidden', schema: hiddenSchema }),
    dead: table({ ...base, name: 'queue-dead', schema: itemSchema }),
    seen: table({ ...base, name: 'queue-seen', schema: seenSchema }),
  };
}
