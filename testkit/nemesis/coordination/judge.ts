// Everything that is promised of coordination, held against what recorded clients heard.
import type { Operation } from '../history.ts';
import { judgeBarrier } from './barriers.ts';
import { judgeHolds } from './holds.ts';
import { judgeNumbers } from './numbers.ts';
import { judgeQueue, type Left } from './queues.ts';
import { judgeRegistry } from './registry.ts';

/** What was there when everything had come to rest. */
export interface Rest {
  readonly counters: ReadonlyMap<string, number>;
  /** Undefined where nobody could look. */
  readonly left: Left | undefined;
}

/** Sentences; none where all is well. */
export function judgeCoordination(
  operations: readonly Operation[],
  { counters, left }: Rest,
): readonly string[] {
  return [
    ...judgeHolds(operations),
    ...judgeNumbers(operations, counters),
    ...judgeQueue(operations, left),
    ...judgeBarrier(operations),
    ...judgeRegistry(operations),
  ];
}
