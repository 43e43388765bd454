// Clients work, a nemesis strikes again and again, and when everything is whole again, all that was
// heard is held against what is there.
import { setMaxListeners } from 'node:events';
import { setTimeout as later } from 'node:timers/promises';
import type { Strike } from '../../testkit/nemesis/availability.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import type { Working } from './clients/clients.ts';
import { openEvidence } from './evidence.ts';
import type { Fault } from './faults/fault.ts';
import type { RunOptions, RunResult } from './run-result.ts';
import type { Workload } from './workloads.ts';
import { openWorld } from './world/world.ts';

const calmMs = [500, 2_000] as const; // between strikes: time to come back, and to fail anew

/** What is done wrong, and to whose work. */
export interface Course {
  readonly name: string;
  readonly fault: Fault;
  readonly workload: Workload;
}

export async function strikeFor(course: Course, options: RunOptions): Promise<RunResult> {
  const { seed, seconds } = options;
  const { name, fault, workload } = course;
  const random = createSeededRandom(seed).fork(name);
  const evidence = openEvidence(name, options);
  const { recorder } = evidence;
  const world = await openWorld({ ...fault.shape, ...workload.shape });
  const strikes: Strike[] = [];
  try {
    await workload.prepare(world);
    await strikeAgain({ world, recorder, random, seconds, strikes, ...course });
    const { violations, convergedMs } = await workload.verify(world, recorder);
    return evidence.result({ world, strikes, violations, convergedMs, notes: [] });
  } catch (error) {
    // A node that does not come back is a finding like any other.
    const violations = [error instanceof Error ? error.message : String(error)];
    return evidence.result({ world, strikes, violations, convergedMs: 0, notes: [] });
  } finally {
    await world.close();
  }
}

interface Striking extends Working, Course {
  readonly seconds: number;
  /** What was done is added here. */
  readonly strikes: Strike[];
}

/** Clients and the nemesis side by side; resolves when the last client has ended. */
async function strikeAgain(given: Striking): Promise<void> {
  const over = new AbortController();
  setMaxListeners(0, over.signal); // all clients listen, and some for several things
  const clients = given.workload.start(given, over.signal);
  try {
    await strikeInTurn(given);
  } finally {
    over.abort();
    await Promise.all(clients);
  }
}

async function strikeInTurn(given: Striking): Promise<void> {
  const { world, recorder, random, fault, seconds, strikes } = given;
  const untilMs = recorder.nowMs() + seconds * 1_000;
  const nemesis = random.fork('nemesis');
  while (recorder.nowMs() < untilMs) {
    await later(nemesis.between(...calmMs));
    const fromMs = recorder.nowMs();
    const { what, heal } = await fault.strike({ world, random: nemesis });
    recorder.note('strike', what);
    await later(nemesis.between(...fault.holdMs));
    await heal();
    recorder.note('heal', what);
    strikes.push({ what, fromMs, healedMs: recorder.nowMs() });
  }
  await later(calmMs[1]); // whoever was struck last is heard of once more
}
