// The last saved result of every claim, each with its day and machine: what the page is made of.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchmarkPage, type Measured } from './report.ts';

export interface SavedResult extends Measured {
  /** Of the machine and its software. */
  readonly facts: readonly string[];
  /** UTC, such as `2026-11-21`. */
  readonly day: string;
}

/** Into `benchmarks/results.json` and `docs/benchmarks.md`, in place of the claim's last. */
export function saveResults(
  root: string,
  given: { readonly measured: Measured; readonly facts: readonly string[] },
): void {
  const file = join(root, 'benchmarks', 'results.json');
  const { measured, facts } = given;
  const day = new Date().toISOString().slice(0, 10);
  const before: readonly SavedResult[] = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as SavedResult[])
    : [];
  const others = before.filter(({ benchmark }) => benchmark.id !== measured.benchmark.id);
  const all = [...others, { ...measured, facts, day }].toSorted((a, b) =>
    a.benchmark.id.localeCompare(b.benchmark.id, 'en', { numeric: true }),
  );
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(join(root, 'docs', 'benchmarks.md'), benchmarkPage(all));
}
