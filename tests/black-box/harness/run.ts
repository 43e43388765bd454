// Runs a program to its end: bounded in time, nothing inherited that was not handed in.
import { spawn } from 'node:child_process';
import type { ErrorReport } from '@hansa/foundation';
import { trackProcess } from './processes.ts';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What it printed on stdout, read as JSON. */
  json<T>(): T;
  /** The error report that `-o json` leaves as the last line of stderr. */
  report(): ErrorReport;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly withinMs?: number;
}

export const runWithinMs = 45_000; // a command that takes longer hangs

export function run(
  command: string,
  args: readonly string[],
  { cwd, env, input, withinMs = runWithinMs }: RunOptions,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, ...(env === undefined ? {} : { env }) });
    trackProcess(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined); // a program may end without reading its input
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const late = signal === null ? '' : `\nended by ${signal} after ${withinMs} ms`;
      resolve(
        finished(`${command} ${args.join(' ')}`, {
          code: code ?? 1,
          stdout,
          stderr: `${stderr}${late}`,
        }),
      );
    });
  });
}

/** What a command has said, with the readings of it. */
export function finished(
  command: string,
  { code, stdout, stderr }: Pick<Finished, 'code' | 'stdout' | 'stderr'>,
): Finished {
  const said = `${command} (exit ${code})\n${stdout}\n${stderr}`;
  return {
    code,
    stdout,
    stderr,
    json: () => parse(stdout, said),
    report: () => parse(stderr.trim().split('\n').at(-1) ?? '', said),
  };
}

/** The caller names the shape: what differs from it makes the test fail where it looks. */
function parse<T>(text: string, said: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Error(`no JSON came out of: ${said}`, { cause });
  }
}
