// Counters, sequences and rate limiters over one store.
import type { Clock, Codec, KeyValueStore } from '@hansa/foundation';
import type { Counters, Limiters, Sequences } from './contract.ts';
import { createCounters, createSequences } from './counting.ts';
import { numberTables } from './keys.ts';
import { createLimiters } from './limiting.ts';

export interface CountersNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  /** Fewer than a node has, for tests. */
  readonly countersMax?: number | undefined;
  readonly sequencesMax?: number | undefined;
  readonly limitersMax?: number | undefined;
}

export interface NumberServices {
  readonly counters: Counters;
  readonly sequences: Sequences;
  readonly limiters: Limiters;
}

export function createNumberServices(needs: CountersNeeds): NumberServices {
  const given = { ...needs, tables: numberTables(needs.store, needs.codec) };
  return {
    counters: createCounters(given),
    sequences: createSequences(given),
    limiters: createLimiters(given),
  };
}
