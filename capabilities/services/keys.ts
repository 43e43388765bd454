// What stands in the store for the registry: instances under leases, and the last token.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import { instanceSchema, type Instance } from './contract.ts';

export interface TokenRecord {
  readonly last: number;
}

export interface ServiceTables {
  /** By service and instance. */
  readonly instances: Table<Instance>;
  /** One row: the token that was given last, over all services. */
  readonly tokens: Table<TokenRecord>;
}

const tokenSchema: z.ZodType<TokenRecord> = z.object({ last: z.number().int().nonnegative() });

export function serviceTables(store: KeyValueStore, codec: Codec): ServiceTables {
  const base = { store, codec };
  return {
    instances: table({ ...base, name: 'service-instance', schema: instanceSchema }),
    tokens: table({ ...base, name: 'service-token', schema: tokenSchema }),
  };
}
