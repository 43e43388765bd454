// What every client of a run has, and how it goes from one thing to the next.
import { setTimeout as later } from 'node:timers/promises';
import type { Recorder } from '../../../testkit/nemesis/history.ts';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import type { ClusterUnderTest } from './asking.ts';

export interface ClientNeeds {
  readonly name: string;
  readonly cluster: ClusterUnderTest;
  readonly recorder: Recorder;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
}

export const pauseMs = 20; // between two operations: histories stay small, and schedules vary

/** So many of a kind. */
export function named(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${kind}${at + 1}`);
}

/** Again and again until the signal; what was begun is ended. */
export async function whileOn(
  { random, signal }: ClientNeeds,
  once: () => Promise<unknown>,
): Promise<void> {
  while (!signal.aborted) {
    await once();
    await later(random.between(0, 2 * pauseMs), undefined, { signal }).catch(() => undefined);
  }
}
