// `npm run bench` measures every claim and writes docs/benchmarks.md; `npm run bench -- T5`
// measures one, and its last line is the result as JSON. A claim is a file of benchmarks/ that
// begins with its id: `t5-….ts`.
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';
import type { Benchmark } from './bench/benchmark.ts';
import {
  benchmarkPage,
  checkResult,
  machineFacts,
  resultLine,
  type Measured,
} from './bench/report.ts';

const roundsDefault = 5; // the fewest whose median survives two bad ones
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.env['HANSA_BENCHMARKS'] ?? join(root, 'benchmarks');

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: String(roundsDefault) } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const [wanted] = positionals;
const files = globSync('*.ts', { cwd: folder })
  .filter((file) => /^[a-z]+\d+-/.test(file))
  .sort(byNumber);
const chosen = wanted === undefined ? files : files.filter((file) => idOf(file) === idOf(wanted));

if (!Number.isInteger(rounds) || rounds < 1 || chosen.length === 0) {
  const ids = files.map((file) => idOf(file).toUpperCase()).join(' ');
  console.error(`usage: npm run bench -- [id] [--rounds n]; ids: ${ids}`);
  process.exit(2);
}

const facts = machineFacts();
console.log(facts.join('\n'));
const measured: Measured[] = [];
for (const file of chosen) {
  measured.push(await measure(await load(file)));
}
if (wanted === undefined) {
  writeFileSync(join(root, 'docs', 'benchmarks.md'), benchmarkPage(measured, facts));
  console.log('wrote docs/benchmarks.md');
}

function idOf(file: string): string {
  return (basename(file).split('-')[0] ?? '').toLowerCase();
}

function byNumber(a: string, b: string): number {
  return idOf(a).localeCompare(idOf(b), 'en', { numeric: true });
}

async function load(file: string): Promise<Benchmark> {
  const room: { readonly benchmark?: Benchmark } = await import(
    pathToFileURL(join(folder, file)).href
  );
  if (room.benchmark === undefined || room.benchmark.id.toLowerCase() !== idOf(file)) {
    throw new Error(`benchmarks/${file} exports no benchmark with the id of its name`);
  }
  return room.benchmark;
}

async function measure(benchmark: Benchmark): Promise<Measured> {
  console.log(`\n${benchmark.id}: ${benchmark.title}`);
  const result = await benchmark.run({ rounds });
  checkResult(benchmark.id, result);
  console.log([`beside ${result.peerName}`, ...(result.notes ?? [])].join('\n'));
  const one = { benchmark, result };
  console.log(resultLine(one));
  return one;
}
