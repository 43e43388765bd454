// What stands in the store for counters, sequences and rate limiters: one row each, how many there
// are, and for a while what was asked to be done once.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';

export interface NumberRecord {
  readonly value: number;
}

export interface LimiterRecord {
  readonly perSecond: number;
  readonly burst: number;
  /** When it was written; what has come since is not in it. */
  readonly level: number;
}

/** How many rows a table has. */
export interface CensusRecord {
  readonly rows: number;
}

/** What a change came to that is done once. */
export interface OnceRecord {
  readonly value: number;
  readonly taken: number;
}

export interface NumberTables {
  readonly counters: Table<NumberRecord>;
  readonly sequences: Table<NumberRecord>;
  readonly limiters: Table<LimiterRecord>;
  /** By `counter`, `sequence` or `limiter`. */
  readonly census: Table<CensusRecord>;
  /** By counter and id; each under a lease. */
  readonly once: Table<OnceRecord>;
}

const whole = z.number().int();
const numberSchema: z.ZodType<NumberRecord> = z.object({ value: whole });
const limiterSchema: z.ZodType<LimiterRecord> = z.object({
  perSecond: z.number().positive(),
  burst: z.number().positive(),
  level: z.number(),
});
const censusSchema: z.ZodType<CensusRecord> = z.object({ rows: whole.nonnegative() });
const onceSchema: z.ZodType<OnceRecord> = z.object({ value: whole, taken: whole });

export function numberTables(store: KeyValueStore, codec: Codec): NumberTables {
  const base = { store, codec };
  return {
    counters: table({ ...base, name: 'counter', schema: numberSchema }),
    sequences: table({ ...base, name: 'sequence', schema: numberSchema }),
    limiters: table({ ...base, name: 'limiter', schema: limiterSchema }),
    census: table({ ...base, name: 'number-census', schema: censusSchema }),
    once: table({ ...base, name: 'counter-once', schema: onceSchema }),
  };
}
