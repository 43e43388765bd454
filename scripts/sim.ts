// Plays simulations: `npm run sim -- --seeds 1000 [--from 1] [--scenario name]` for a night,
// `npm run sim -- --scenario name --seed 7` to read one run along. The last line is the count.
import { parseArgs } from 'node:util';
import { scenarios } from '../testkit/scenarios.ts';
import { playSeed, replayCommand, scenarioNamed } from '../testkit/simulation.ts';

const seedsDefault = 200; // what a commit is tested with
const failuresShownMax = 20; // one bug fails many seeds, and one of them is enough

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: String(seedsDefault) },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    scenario: { type: 'string' },
  },
});
const chosen = values.scenario === undefined ? scenarios : [scenarioNamed(values.scenario)];
const single = values.seed === undefined ? undefined : Number(values.seed);
const from = single ?? Number(values.from);
const runs = single === undefined ? Number(values.seeds) : chosen.length;

if (!Number.isSafeInteger(from) || !Number.isSafeInteger(runs) || runs < 1) {
  console.error('usage: npm run sim -- [--seeds n] [--from n] [--scenario name] | --seed n');
  process.exit(2);
}

let passed = 0;
let failed = 0;
const print = single === undefined ? undefined : (line: string): void => console.log(line);
const startedMs = Date.now();
for (let run = 0; run < runs; run += 1) {
  const scenario = chosen[run % chosen.length] ?? scenarioNamed('');
  const seed = single ?? from + Math.floor(run / chosen.length);
  try {
    const { hash, virtualMs, events } = await playSeed(scenario, seed, { print });
    passed += 1;
    if (single !== undefined) {
      console.log(`${scenario.name} ${seed}: ${events} events, ${virtualMs} ms, trace ${hash}`);
    }
  } catch (error) {
    failed += 1;
    if (failed <= failuresShownMax) {
      console.log(error instanceof Error ? error.message : String(error));
    } else {
      console.log(`failed: ${replayCommand(scenario.name, seed)}`);
    }
  }
}
const seconds = (Date.now() - startedMs) / 1_000;
console.log(`${runs} runs in ${seconds.toFixed(1)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
