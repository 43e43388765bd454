// How a benchmark is told: facts of the run, one line for machines, one page for people.
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { brief, type Benchmark, type BenchmarkResult } from './benchmark.ts';

export interface Measured {
  readonly benchmark: Pick<Benchmark, 'id' | 'title'>;
  readonly result: BenchmarkResult;
}

export function machineFacts(): string[] {
  const memory = (totalmem() / 1_024 ** 3).toFixed(0);
  return [
    `Node ${process.versions.node}, ${platform()} ${release()} ${arch()}`,
    `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${memory} GiB memory`,
  ];
}

/** The keys and their order are what readers of the last line rely on. */
export function resultLine({ benchmark, result }: Measured): string {
  const { unit, ours, peer, peerName, ratio, rounds } = result;
  return JSON.stringify({ id: benchmark.id, unit, ours, peer, peerName, ratio, rounds });
}

/** Throws a sentence where a result is not one: a NaN must not be published. */
export function checkResult(id: string, { ours, peer, ratio, rounds }: BenchmarkResult): void {
  const numbers = { ours, peer, ratio, rounds };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value) || value <= 0) {
      throw new Error(`${id} measured ${name} = ${value}: not a positive number`);
    }
  }
}

export function benchmarkPage(
  measured: readonly (Measured & { readonly facts: readonly string[]; readonly day: string })[],
): string {
  const rows = measured.map(({ benchmark, result }) => {
    const { unit, ours, peer, peerName, ratio } = result;
    const cells = [benchmark.id, benchmark.title, unit, brief(ours), brief(peer), peerName];
    return `| ${[...cells, `**${brief(ratio)}**`].join(' | ')} |`;
  });
  const notes = measured.map(({ benchmark, result, day }) =>
    [`* **${benchmark.id}**, ${day}, ${result.rounds} rounds`, ...(result.notes ?? [])].join('. '),
  );
  const facts = new Set(measured.flatMap((one) => one.facts));
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Each claim is measured beside a peer in the same run, by turns;',
    'absolute numbers say little on another machine, ratios do: above 1, ours is better.',
    '',
    ...[...facts].map((fact) => `* ${fact}`),
    '',
    '| id | claim | unit | ours | peer | which peer | ratio |',
    '|---|---|---|---:|---:|---|---:|',
    ...rows,
    '',
    ...notes,
    '',
  ].join('\n');
}
