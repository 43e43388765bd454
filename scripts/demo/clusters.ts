// The three clusters as processes: started, stopped, paused, and never left behind.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DemoFailure, until } from './failure.ts';
import { checkout, type DemoOptions } from './options.ts';

export const names = ['lubeck', 'bergen', 'visby'] as const;
export type Name = (typeof names)[number];

export interface Cluster {
  readonly name: Name;
  readonly data: string;
  readonly url: string;
  readonly process: ChildProcess;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

const program = join(checkout, 'cli', 'bin', 'hansa.js');
const startWithinMs = 20_000;
const stopWithinMs = 10_000;

export async function startCluster(options: DemoOptions, name: Name): Promise<Cluster> {
  const index = names.indexOf(name);
  const data = join(options.home, 'demo', name);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const logFile = join(options.home, 'demo', `${name}.log`);
  const log = openSync(logFile, 'w');
  const apiPort = options.portBase + index;
  const child = spawn(
    process.execPath,
    [
      program,
      'up',
      ...['--name', name, '--data', data],
      ...['--api-port', String(apiPort), '--link-port', String(options.portBase + 100 + index)],
    ],
    {
      cwd: checkout,
      env: { ...process.env, HANSA_HOME: options.home },
      stdio: ['ignore', log, log],
      // A process group of its own: Ctrl-C reaches this process first, which then stops them in order.
      detached: true,
    },
  );
  closeSync(log);
  const url = `http://127.0.0.1:${apiPort}`;
  try {
    await until(`${name} answers at ${url}`, startWithinMs, async () => {
      if (child.exitCode !== null) {
        throw startFailure(name, logFile);
      }
      const health = await fetch(`${url}/health`).catch(() => undefined);
      return health?.ok === true && child.exitCode === null ? true : undefined;
    });
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    name,
    data,
    url,
    process: child,
    pause: () => process.kill(child.pid ?? 0, 'SIGSTOP'),
    resume: () => process.kill(child.pid ?? 0, 'SIGCONT'),
    stop: () => stopProcess(child),
  };
}

/** What the process said last: port taken, folder locked, git missing. */
function startFailure(name: string, logFile: string): DemoFailure {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  const error = lines.find((line) => line.startsWith('error: '));
  const fix = lines.find((line) => line.startsWith('fix: '));
  return new DemoFailure(`${name} did not start: ${error?.slice(7) ?? lines.at(-1) ?? 'no reason given'}`, {
    fix: fix?.slice(5) ?? `read ${logFile}`,
  });
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(timer);
}
