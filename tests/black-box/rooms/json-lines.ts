// A command that lasts, as a process: what it prints as JSON lines, until it is ended.
import { spawn } from 'node:child_process';
import type { Cluster } from '../harness/cluster.ts';
import { program } from '../harness/place.ts';
import { endProcess, trackProcess } from '../harness/processes.ts';

export interface JsonLines<T> {
  /** In the order they came. */
  readonly seen: readonly T[];
  /** What it said to people: an error's report, where it failed. */
  said(): string;
  end(): Promise<void>;
}

/** `hansa -o json …` against the cluster. */
export function followCommand<T>(cluster: Cluster, ...words: string[]): JsonLines<T> {
  const args = [program, '--context', cluster.name, '-o', 'json', ...words];
  const child = spawn(process.execPath, args, { cwd: cluster.home, env: { ...cluster.env } });
  trackProcess(child);
  const seen: T[] = [];
  let rest = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    seen.push(...lines.map((line) => JSON.parse(line) as T));
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece;
  });
  return { seen, said: () => errors, end: () => endProcess(child, 'SIGINT') };
}
