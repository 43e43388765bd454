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
