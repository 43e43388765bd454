// The course of a run of bit flips: clients write for a while, everything comes to rest, and then
// file after file is damaged, looked at, and put back.
import { setTimeout as later } from 'node:timers/promises';
import { createSeededRandom, type SeededRandom } from '../../testkit/seeded-random.ts';
import { startClients } from './clients/clients.ts';
import { spaces } from './clients/keys.ts';
import { pushNoise, refsAt, repository } from './clients/pushes.ts';
import { openEvidence } from './evidence.ts';
import {
  closeAfterFlips,
  fileClasses,
  openForFlips,
  tryFlip,
  type FileClass,
  type Moment,
  type Trial,
  type Truth,
} from './faults/bit-flips.ts';
import type { RunOptions, RunResult } from './run-result.ts';
import { contentsOf, verify } from './verify.ts';
import { openWorld, type World } from './world/world.ts';

const writingMs = 2_000; // gives each space some dozens of keys
const noiseBytes: number = 3 * 1_024 * 1_024; // three chunks: a blob with a plan

export interface FlipCourse {
  readonly name: string;
  readonly moment: Moment;
}

export async function flipBits(
  { name, moment }: FlipCourse,
  options: RunOptions,
): Promise<RunResult> {
  const random = createSeededRandom(options.seed).fork(name);
  const evidence = openEvidence(name, options);
  const { recorder } = evidence;
  const world = await openWorld({});
  const trials: Trial[] = [];
  const violations: string[] = [];
  let convergedMs = 0;
  try {
    const over = new AbortController();
    const clients = startClients({ world, recorder, random }, over.signal);
    await later(writingMs);
    over.abort();
    await Promise.all(clients);
    await pushNoise(world.owner, { bytes: noiseBytes, seed: options.seed });
    const verified = await verify(world, recorder);
    violations.push(...verified.violations);
    ({ convergedMs } = verified);
    const truth = await truthOf(world);
    const lengthMs = options.seconds * 1_000;
    await flipInTurn({ world, truth, random, trials, moment, lengthMs });
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error));
  }
  const wrong = trials.filter(({ wrongs }) => wrongs.length > 0);
  violations.push(...wrong.map(({ what, wrongs }) => `${what}: ${wrongs.slice(0, 3).join('; ')}`));
  const strikes = trials.map(({ what }) => ({ what, fromMs: 0, healedMs: 0 }));
  try {
    const notes = [tally(trials)];
    // Nobody waited for an answer while a node was down: its silences mean nothing.
    const found = { world, strikes, violations, convergedMs, notes };
    return { ...evidence.result(found), silenceP50Ms: 0, silenceMaxMs: 0 };
  } finally {
    await world.close();
  }
}

async function truthOf(world: World): Promise<Truth> {
  const texts = new Map<string, ReadonlyMap<string, string>>();
  for (const space of spaces) {
    texts.set(space, await contentsOf(world.owner, space));
  }
  const [first] = world.owner.nodes;
  if (first === undefined) {
    throw new Error('the owner has no nodes');
  }
  return { texts, refs: await refsAt(first, repository) };
}

/** Node after node, each class in an order of the seed’s, again until the time is over. */
async function flipInTurn(given: {
  readonly world: World;
  readonly truth: Truth;
  readonly random: SeededRandom;
  readonly trials: Trial[];
  readonly moment: Moment;
  readonly lengthMs: number;
}): Promise<void> {
  const { world, truth, random, trials, moment, lengthMs } = given;
  const classes = fileClasses.filter(({ atStart }) => moment === 'down' || atStart !== true);
  for (const node of world.nodes) {
    const endMs = performance.now() + lengthMs / world.nodes.length;
    const opened = await openForFlips(world, node);
    let left: FileClass[] = [];
    do {
      left = left.length === 0 ? [...classes] : left;
      const [fileClass] = left.splice(random.integer(left.length), 1);
      if (fileClass !== undefined) {
        const trial = await tryFlip(world, truth, { ...opened, fileClass, random, moment });
        trials.push(...(trial === undefined ? [] : [trial]));
      }
    } while (performance.now() < endMs);
    await closeAfterFlips(opened);
  }
}

function tally(trials: readonly Trial[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of trials) {
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  const words = [...counts].map(([outcome, count]) => `${count} ${outcome}`);
  return `flips: ${words.toSorted().join(', ')}`;
}
