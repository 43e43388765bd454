// People at a cluster: each with a home of their own, who knows the cluster by a name and logs in
// there as people do, with a password on standard input.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { cleanEnvironment, program, temporaryFolder } from './place.ts';
import { trackProcess } from './processes.ts';
import { runHansa } from './resident.ts';
import { run, type Finished } from './run.ts';

export interface Person {
  readonly home: string;
  hansa(...args: string[]): Promise<Finished>;
  /** With lines on standard input, as a program gives passwords. */
  says(lines: readonly string[], ...args: string[]): Promise<Finished>;
  /** Runs on while the test does something else: what it said so far, and how it ended. */
  begins(...args: string[]): { said(): string; readonly ended: Promise<number | null> };
  /** The text of the session that was kept. */
  session(): string;
}

/** Somebody on the same machine, who only knows where the API is. */
export function makePerson(cluster: Cluster, name: string): Person {
  const home = temporaryFolder(name);
  const env = cleanEnvironment(home);
  const kept = env['HANSA_HOME'] ?? '';
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  const says = (lines: readonly string[], ...args: string[]): Promise<Finished> => {
    const given = ['-o', 'json', '--context', cluster.name, ...args];
    const input = lines.map((line) => `${line}\n`).join('');
    return run(process.execPath, [program, ...given], { cwd: home, env, input });
  };
  const begins = (...args: string[]) => {
    const given = [program, '-o', 'json', '--context', cluster.name, ...args];
    const child = spawn(process.execPath, given, { cwd: home, env });
    trackProcess(child);
    let said = '';
    child.stdin.end();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { said: () => said, ended };
  };
  return {
    home,
    begins,
    says,
    hansa: (...args) =>
      runHansa(['-o', 'json', '--context', cluster.name, ...args], { cwd: home, env }),
    session() {
      const file = join(kept, 'sessions', `${cluster.name}.json`);
      return (JSON.parse(readFileSync(file, 'utf8')) as { session: string }).session;
    },
  };
}

/** The code that the very first start has printed for whoever started it. */
export function firstCode(cluster: Cluster): string {
  const [, code] = /login --code ([0-9A-Z-]{23}) --user/.exec(cluster.log()) ?? [];
  if (code === undefined) {
    throw new Error(`the first start has printed no code:\n${cluster.log()}`);
  }
  return code;
}

/** What a cluster has logged: everything but the lines that `up` prints for a person. */
export function logOf(cluster: Cluster): string {
  const lines = cluster.log().split('\n');
  return lines.filter((line) => line.startsWith('{')).join('\n');
}
