// What access keeps: which roles of other clusters are which of ours, and the policies that
// operators wrote.
import {
  clusterIdSchema,
  table,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { accessFields } from './contract.ts';

export interface MapRecord {
  readonly cluster: ClusterId;
  /** `role:admin`, `group:ops`, `user:anna`: as their home names them. */
  readonly from: string;
  /** One of ours. */
  readonly role: string;
}

export interface PolicyRecord {
  readonly id: string;
  readonly text: string;
  readonly effect: 'permit' | 'forbid';
  readonly permissions: readonly string[];
  /** Whether it says the same of whoever asks; not known of those that were written before. */
  readonly everybody?: boolean | undefined;
  readonly writtenMs: number;
}

export interface AccessTables {
  /** By cluster, left side and role. */
  readonly maps: Table<MapRecord>;
  /** By id. */
  readonly policies: Table<PolicyRecord>;
}

const map: z.ZodType<MapRecord> = z.object({
  cluster: clusterIdSchema,
  from: accessFields.from,
  role: z.string(),
});
const policy: z.ZodType<PolicyRecord> = z.object({
  id: accessFields.policyId,
  text: accessFields.policyText,
  effect: z.enum(['permit', 'forbid']),
  permissions: z.array(z.string()),
  everybody: z.boolean().optional(),
  writtenMs: z.number(),
});

export function accessTables(store: KeyValueStore, codec: Codec): AccessTables {
  return {
    maps: table({ store, codec, name: 'maps', schema: map }),
    policies: table({ store, codec, name: 'policies', schema: policy }),
  };
}
