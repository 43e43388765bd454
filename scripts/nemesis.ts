// `npm run nemesis -- [--minutes n] [--seed s] [--only fault] [--save]`: fault after fault against
// the built program, each run with a seed of its own, until the time is over. The last line is the
// count. With `--save` the runs are added to docs/reliability.md.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { requires } from '../testkit/needs.ts';
import { cleanUp } from '../tests/black-box/harness/after-file.ts';
import { setup } from '../tests/black-box/harness/build.ts';
import { scenarios, type Scenario } from '../tests/nemesis/scenario.ts';
import { runLine, saveRuns } from './nemesis/report.ts';

const minutesDefault = 30; // some runs of every fault
const secondsDefault = 30; // of one run: five to fifteen strikes
const root = fileURLToPath(new URL('..', import.meta.url));

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: String(minutesDefault) },
    seconds: { type: 'string', default: String(secondsDefault) },
    seed: { type: 'string' },
    only: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seconds = Number(values.seconds);
const only = values.only?.split(',');
const wanted = scenarios.filter(({ name }) => only === undefined || only.includes(name));
const known = only === undefined || only.length === wanted.length;
const firstSeed =
  values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);

if (!(minutes > 0) || !(seconds > 0) || !Number.isSafeInteger(firstSeed) || !known) {
  const names = scenarios.map(({ name }) => name).join(' ');
  console.error(
    'usage: npm run nemesis -- [--minutes n] [--seconds n] [--seed n] [--only fault,…]',
  );
  console.error(`faults: ${names}`);
  process.exit(2);
}

await setup();
const chosen = wanted.filter(isPossible);
const endMs = Date.now() + minutes * 60_000;
let played = 0;
let violated = 0;
try {
  for (let round = 0; chosen.length > 0 && (played === 0 || Date.now() < endMs); round += 1) {
    const scenario = chosen[round % chosen.length];
    if (scenario !== undefined) {
      const seed = firstSeed + Math.floor(round / chosen.length);
      await playOne(scenario, seed);
    }
  }
} finally {
  await cleanUp();
}
console.log(`${played} runs, ${violated} with violations`);
process.exit(violated === 0 && played > 0 ? 0 : 1);

async function playOne(scenario: Scenario, seed: number): Promise<void> {
  const keepIn = join(tmpdir(), 'hansa-nemesis-kept');
  const result = await scenario.play({ seed, seconds, keepIn });
  played += 1;
  violated += result.violations.length > 0 ? 1 : 0;
  console.log(runLine(result));
  if (values.save) {
    saveRuns(root, { scenario, result });
  }
}

function isPossible({ name, needs }: Scenario): boolean {
  const missing = needs.map((need) => requires(need)).filter(({ available }) => !available);
  for (const { reason, install } of missing) {
    console.log(`without ${name}: ${reason}; to run it: ${install}`);
  }
  return missing.length === 0;
}
