// Where evidence and doubts are kept: by peer, and by mirror.
import {
  clusterIdSchema,
  table,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { incidentSchema, suspicionSchema, type SelfSuspicion } from './contract.ts';
import type { PeerRecord } from './rules.ts';

const record: z.ZodType<PeerRecord> = z.object({
  peer: clusterIdSchema,
  incidents: z.array(incidentSchema),
  untilMs: z.number().optional(),
  liftedMs: z.number().optional(),
});

export function evidenceTable(store: KeyValueStore, codec: Codec): Table<PeerRecord> {
  return table({ store, codec, name: 'evidence', schema: record });
}

export function suspicionTable(store: KeyValueStore, codec: Codec): Table<SelfSuspicion> {
  return table({ store, codec, name: 'suspicion', schema: suspicionSchema });
}
