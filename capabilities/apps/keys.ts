// Where apps are kept: by their id.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import { endpointSchema, manifestFields, type Manifest } from './contract.ts';

export interface AppRecord extends Manifest {
  readonly endpoint?: string | undefined;
  readonly private: boolean;
}

const record: z.ZodType<AppRecord> = z.object({
  ...manifestFields,
  endpoint: endpointSchema.optional(),
  private: z.boolean(),
});

export interface AppTables {
  readonly apps: Table<AppRecord>;
  /** One row that every change of apps writes: two that are made at once cannot both succeed. */
  readonly turn: Table<{ readonly turn: number }>;
}

export function appTables(store: KeyValueStore, codec: Codec): AppTables {
  const turn = z.object({ turn: z.number() });
  return {
    apps: table({ store, codec, name: 'app', schema: record }),
    turn: table({ store, codec, name: 'app-turn', schema: turn }),
  };
}
