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
  /** Resolves when it answers; fails with what it said last. */
  ready(): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

const program = join(checkout, 'cli', 'bin', 'hansa.js');
const startWithinMs = 20_000;
const stopWithinMs = 10_000;
const answerWithinMs = 1_000; // another program on the port may take connections and say nothing

/** Known, and so stopped, from its first moment; it answers once it is `ready`. */
export function launchCluster(options: DemoOptions, name: Name): Cluster {
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
      '--name',
      name,
      '--data',
      data,
      '--api-port',
      String(apiPort),
      '--link-port',
      String(options.portBase + 100 + index),
    ],
    {
      cwd: checkout,
      env: { ...process.env, HANSA_HOME: options.home },
      stdio: ['ignore', log, log],
      // A process group of its own: Ctrl-C reaches this process first, which then stops them in
      // order.
      detached: true,
    },
  );
  closeSync(log);
  const url = `http://127.0.0.1:${apiPort}`;
  return {
    name,
    data,
    url,
    process: child,
    ready: () => untilReady(child, { name, data, url, logFile }),
    pause: () => process.kill(child.pid ?? 0, 'SIGSTOP'),
    resume: () => process.kill(child.pid ?? 0, 'SIGCONT'),
    stop: () => stopProcess(child),
  };
}

async function untilReady(
  child: ChildProcess,
  { name, data, url, logFile }: { name: Name; data: string; url: string; logFile: string },
): Promise<void> {
  await until(`${name} answers at ${url}`, startWithinMs, async () => {
    if (hasEnded(child)) {
      throw startFailure(name, logFile);
    }
    const signal = AbortSignal.timeout(answerWithinMs);
    const health = await fetch(`${url}/health`, { signal }).catch(() => undefined);
    return health?.ok === true && listeningProcess(data) === child.pid ? true : undefined;
  });
}

/**
 * Who answers could be another program on the same port; who listens for this folder is written in
 * it.
 */
function listeningProcess(data: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(data, 'api.json'), 'utf8')) as { pid: number }).pid;
  } catch {
    return undefined;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** What the process said last: port taken, folder locked, git missing. */
function startFailure(name: string, logFile: string): DemoFailure {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  const error = lines.find((line) => line.startsWith('error: '));
  const fix = lines.find((line) => line.startsWith('fix: '));
  return new DemoFailure(
    `${name} did not start: ${error?.slice(7) ?? lines.at(-1) ?? 'no reason given'}`,
    {
      fix: fix?.slice(5) ?? `read ${logFile}`,
    },
  );
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) {
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
