// What every client of a run has, and how it goes from one thing to the next.
import { setTimeout as later } from 'node:timers/promises';
import type { Recorder } from '../../../testkit/nemesis/history.ts';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import { asking, type Asking, type ClusterUnderTest } from './asking.ts';
import type { Contract } from '@hansa/foundation';

export interface ClientNeeds {
  readonly name: string;
  readonly cluster: ClusterUnderTest;
  readonly recorder: Recorder;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
}

export const pauseMs = 20; // between two operations: histories stay small, and schedules vary

/** Each client begins with whichever of the nodes. */
export function askingFor<S extends object>(
  { cluster, random }: ClientNeeds,
  contract: Contract<S>,
): Asking<S> {
  return asking(cluster, contract, random.integer(cluster.nodes.length));
}

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
