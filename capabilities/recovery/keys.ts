// Where recovery keeps what was proven: one row for each resource of ours that was rewound.
import {
  clusterIdSchema,
  table,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { headSchema, type Head } from '../resources/contract.ts';
import type { RewindCause, Standing } from './contract.ts';

export interface RewoundRecord {
  readonly cause: RewindCause;
  /** Ours, as the peer holds it: the proof. */
  readonly head: Head;
  readonly here?: Standing | undefined;
  readonly peer: ClusterId;
  readonly foundMs: number;
}

/** Left by whoever restored a backup, until the cluster has begun anew. */
export interface RestoredRow {
  readonly restoredMs: number;
  /** When the backup was written. */
  readonly backupMs: number;
}

const restored: z.ZodType<RestoredRow> = z.object({
  restoredMs: z.number(),
  backupMs: z.number(),
});

/** As the one row of its table, for whoever writes it without a service. */
export function restoredRow(row: RestoredRow): RestoredRow {
  return restored.parse(row);
}

/** One row. */
export function restoredTable(store: KeyValueStore, codec: Codec): Table<RestoredRow> {
  return table({ store, codec, name: 'restored', schema: restored });
}

const record: z.ZodType<RewoundRecord> = z.object({
  cause: z.enum(['behind', 'forked', 'missing']),
  head: headSchema,
  here: z.object({ epoch: z.number(), sequence: z.number() }).optional(),
  peer: clusterIdSchema,
  foundMs: z.number(),
});

/** By local id. */
export function rewoundTable(store: KeyValueStore, codec: Codec): Table<RewoundRecord> {
  return table({ store, codec, name: 'rewound', schema: record });
}
