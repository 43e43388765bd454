// What is kept of kinds that programs serve: their registrations, and the work that a program must
// be handed whatever happens in between.
import {
  federatedIdSchema,
  table,
  type Codec,
  type FederatedId,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { kindLimitsSchema, kindNameSchema, type KindLimits } from './contract.ts';

export interface StoredKind {
  readonly kind: string;
  readonly description: string;
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  readonly limits: KindLimits;
  readonly createdMs: number;
  readonly servedMs?: number | undefined;
}

export interface OwedWork {
  readonly type: 'settle' | 'purge';
  readonly resource: FederatedId;
  readonly epoch: number;
}

export interface KindTables {
  /** By kind. */
  readonly kinds: Table<StoredKind>;
  /** By kind, resource, type, epoch: what an epoch left is purged before the next is settled. */
  readonly owed: Table<OwedWork>;
}

const stored: z.ZodType<StoredKind> = z.object({
  kind: kindNameSchema,
  description: z.string(),
  schema: z.record(z.string(), z.unknown()).optional(),
  limits: kindLimitsSchema,
  createdMs: z.number(),
  servedMs: z.number().optional(),
});
const owed: z.ZodType<OwedWork> = z.object({
  type: z.enum(['settle', 'purge']),
  resource: federatedIdSchema,
  epoch: z.number().int().positive(),
});

export function kindTables(store: KeyValueStore, codec: Codec): KindTables {
  return {
    kinds: table({ store, codec, name: 'kind', schema: stored }),
    owed: table({ store, codec, name: 'owed', schema: owed }),
  };
}
