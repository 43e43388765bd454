// Plays one scenario with one seed, from the first process to the last check; a failure names both.
import { setMaxListeners } from 'node:events';
import type { Scenario } from './faults.ts';
import { createActs } from './federation-acts.ts';
import { finish } from './federation-ending.ts';
import { createFederation, type FederationOptions } from './federation.ts';
import { scenarios } from './scenarios.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface Played {
  readonly hash: string;
  readonly events: number;
  /** Of the federation's own time. */
  readonly virtualMs: number;
}

export function replayCommand(scenario: string, seed: number): string {
  return `npm run sim -- --scenario ${scenario} --seed ${seed}`;
}

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name);
  if (found === undefined) {
    const names = scenarios.map((each) => each.name).join(', ');
    throw new Error(`there is no scenario "${name}"; there are ${names}`);
  }
  return found;
}

// A hub's many links listen to one signal each time; here a process has many hubs.
setMaxListeners(0);

/** Throws where an invariant broke, with the seed and the way to see it again. */
export async function playSeed(
  scenario: Scenario,
  seed: number,
  options: FederationOptions = {},
): Promise<Played> {
  const random = createSeededRandom(seed).fork(scenario.name);
  // A story makes thousands of errors that somebody expects; who reads along may want their places.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = options.print === undefined ? 0 : stackTraceLimit;
  const federation = await createFederation({
    seed,
    clusters: scenario.clusters,
    options: { ...scenario.options?.(random), ...options },
  });
  try {
    const acts = createActs(federation);
    const stage = { federation, acts, random };
    await scenario.play(stage);
    await finish(federation);
    await scenario.after?.(stage);
    const { trace, time } = federation;
    return {
      hash: trace.hash(),
      events: trace.events.length,
      virtualMs: Math.round(time.monotonicMs()),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const again = `again: ${replayCommand(scenario.name, seed)}`;
    throw new Error(`scenario ${scenario.name}, seed ${seed}: ${why}\n${again}`, { cause: error });
  } finally {
    federation.close();
    Error.stackTraceLimit = stackTraceLimit;
  }
}

export const seedsPerScenario = 10; // and more of the quick ones: over 200 with every commit

/** Plays the scenario with the seeds that every commit is tested with. */
export async function playSeeds(name: string, seeds: number = seedsPerScenario): Promise<void> {
  const scenario = scenarioNamed(name);
  for (let seed = 1; seed <= seeds; seed += 1) {
    await playSeed(scenario, seed);
  }
}
