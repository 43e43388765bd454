// Where scrubbing keeps what it found, and when it last read everything.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { findingSchema, lastRoundSchema, type Finding, type ScrubReport } from './contract.ts';

export interface ScrubTables {
  /** By class and name. */
  readonly findings: Table<Finding>;
  /** One row. */
  readonly last: Table<Omit<ScrubReport, 'found'>>;
}

export function scrubTables(store: KeyValueStore, codec: Codec): ScrubTables {
  return {
    findings: table({ store, codec, name: 'finding', schema: findingSchema }),
    last: table({ store, codec, name: 'last', schema: lastRoundSchema }),
  };
}
