// Plays simulations: `npm run sim -- --seeds 1000 [--from 1] [--scenario name] [--jobs 2]` for a
// night, `npm run sim -- --seed 7 --scenario name` to read one run along. The last line is the
// count.
import { parseArgs } from 'node:util';
import { scenarios } from '../testkit/scenarios.ts';
import { playSeed, scenarioNamed } from '../testkit/simulation.ts';
import { playHere, playInWorkers, type Count, type Ending } from './sim/playing.ts';
import type { Run } from './sim/worker.ts';

const seedsDefault = 200; // what a commit is tested with
const jobsMax = 64; // processes: more than a machine has cores for only makes each slower

process.exitCode = await main();

async function main(): Promise<number> {
  const asked = readArguments();
  if (asked === undefined) {
    console.error(
      'usage: npm run sim -- [--seeds n] [--from n] [--scenario name] [--jobs n] [--minutes n] ' +
        '[--bail] | --seed n [--scenario name]',
    );
    return 2;
  }
  const startedMs = Date.now();
  const { count, failed } = await play(asked);
  const seconds = (Date.now() - startedMs) / 1_000;
  const pace = Math.round((count * 60) / Math.max(seconds, 0.001));
  console.log(`${count} runs in ${seconds.toFixed(1)} s, ${pace} a minute`);
  console.log(`${count - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

interface Asked {
  readonly runs: readonly Run[];
  readonly single: boolean;
  /** Processes beside this one; undefined: this one plays all by itself. */
  readonly jobs: number | undefined;
  readonly ending: Ending;
}

/** In turn through all scenarios: every beginning of a night has some of each. */
function readArguments(): Asked | undefined {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: String(seedsDefault) },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      scenario: { type: 'string' },
      jobs: { type: 'string' },
      bail: { type: 'boolean', default: false },
      minutes: { type: 'string', default: 'Infinity' },
    },
  });
  const { scenario, seed } = values;
  const chosen = scenario === undefined ? scenarios : [scenarioNamed(scenario)];
  const single = seed !== undefined;
  const from = Number(single ? seed : values.from);
  const count = single ? chosen.length : Number(values.seeds);
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  const bounded =
    jobs === undefined || (Number.isSafeInteger(jobs) && jobs >= 1 && jobs <= jobsMax);
  if (![from, count].every(Number.isSafeInteger) || count < 1 || !bounded) {
    return undefined;
  }
  const runs = Array.from({ length: count }, (_, index): Run => ({
    scenario: chosen[index % chosen.length]?.name ?? '',
    seed: from + Math.floor(index / chosen.length),
  }));
  const ending = { bail: values.bail, atMs: Date.now() + Number(values.minutes) * 60_000 };
  return Number.isNaN(ending.atMs) ? undefined : { runs, single, jobs, ending };
}

async function play({ runs, single, jobs, ending }: Asked): Promise<Count> {
  if (!single) {
    return jobs === undefined ? playHere(runs, ending) : playInWorkers(runs, { jobs, ...ending });
  }
  let failed = 0;
  for (const { scenario, seed } of runs) {
    const print = (line: string): void => console.log(line);
    try {
      const played = await playSeed(scenarioNamed(scenario), seed, { print });
      const { events, virtualMs, hash } = played;
      console.log(`${scenario} ${seed}: ${events} events, ${virtualMs} ms, trace ${hash}`);
    } catch (error) {
      failed += 1;
      console.log(error instanceof Error ? error.message : String(error));
    }
  }
  return { count: runs.length, failed };
}
