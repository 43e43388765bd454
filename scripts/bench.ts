// `npm run bench` measures every claim and writes docs/benchmarks.md; `npm run bench -- T5`
// measures one, and its last line is the result as JSON; with `--save` its row of the page becomes
// this one. A claim is a file of benchmarks/ that begins with its id: `t5-….ts`.
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';
import type { Benchmark } from './bench/benchmark.ts';
import { checkResult, machineFacts, resultLine, type Measured } from './bench/report.ts';
import { saveResults } from './bench/saved.ts';

const roundsDefault = 5; // the fewest whose median survives two bad ones
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.env['HANSA_BENCHMARKS'] ?? join(root, 'benchmarks');

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(roundsDefault) },
    save: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const wanted = new Set(positionals.map((id) => id.toLowerCase()));
const files = globSync('*.ts', { cwd: folder })
  .filter((file) => /^[a-z]+\d+-/.test(file))
  .sort(byNumber);
const chosen = wanted.size === 0 ? files : files.filter((file) => wanted.has(idOf(file)));

if (!Number.isInteger(rounds) || rounds < 1 || chosen.length < wanted.size) {
  const ids = files.map((file) => idOf(file).toUpperCase()).join(' ');
  console.error(`usage: npm run bench -- [id…] [--rounds n] [--save]; ids: ${ids}`);
  process.exit(2);
}

const facts = machineFacts();
console.log(facts.join('\n'));
for (const file of chosen) {
  const measured = await measure(await load(file));
  if (values.save || wanted.size === 0) {
    // One by one: a run of an hour that fails at its end has told all that it measured.
    saveResults(root, { measured, facts });
  }
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
  const { id, title } = benchmark;
  const one = { benchmark: { id, title }, result };
  console.log(resultLine(one));
  return one;
}
