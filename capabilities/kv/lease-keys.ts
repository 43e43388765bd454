// What is kept of leases, in a part of the store that is theirs. Their time is the store's: each
// has a key there under a lease of the store's own, and has ended when that key is gone.
import {
  localIdSchema,
  table,
  type Codec,
  type KeyValueStore,
  type LocalId,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { keySchema, leaseIdSchema } from './contract.ts';

export interface StoredLease {
  readonly space: LocalId;
  readonly lease: string;
  readonly ttlSeconds: number;
  readonly grantedMs: number;
  /** How many rows there are under it in `attached`. */
  readonly attached: number;
}

/** While it is there, the lease lives. */
export interface LivingLease {
  readonly space: LocalId;
  readonly lease: string;
  /** The store's own, which this row goes with. */
  readonly storeLease: string;
}

/** A key that was, or is about to be, written under a lease: the cell itself says whether it is. */
export interface AttachedKey {
  readonly key: string;
}

export interface LeaseTables {
  /** By space, lease. */
  readonly leases: Table<StoredLease>;
  /** By space, lease. */
  readonly living: Table<LivingLease>;
  /** By space, lease, key. */
  readonly attached: Table<AttachedKey>;
}

const natural = z.number().int().nonnegative();
const stored: z.ZodType<StoredLease> = z.object({
  space: localIdSchema,
  lease: leaseIdSchema,
  ttlSeconds: natural,
  grantedMs: natural,
  attached: natural,
});
const living: z.ZodType<LivingLease> = z.object({
  space: localIdSchema,
  lease: leaseIdSchema,
  storeLease: z.string().min(1),
});
const attached: z.ZodType<AttachedKey> = z.object({ key: keySchema });

export function leaseTables(store: KeyValueStore, codec: Codec): LeaseTables {
  return {
    leases: table({ store, codec, name: 'lease', schema: stored }),
    living: table({ store, codec, name: 'living', schema: living }),
    attached: table({ store, codec, name: 'attached', schema: attached }),
  };
}
