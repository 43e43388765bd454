// Every process that a test starts is known here by its id, and none outlives the test's file.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterFile } from './after-file.ts';
import './place.ts'; // whose folders go when nobody works in them any more

const running = new Set<ChildProcess>();
const lasting = new Set<ChildProcess>();

afterFile(endAll);

/** For what many files use: ends with their process. */
export function keepProcess(child: ChildProcess): void {
  lasting.add(child);
  child.once('exit', () => lasting.delete(child));
}

export function trackProcess(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) {
    return;
  }
  const ended = once(child, 'exit');
  child.kill(signal);
  child.kill('SIGCONT'); // a stopped process takes its end only when it runs on
  await ended;
}

async function endAll(): Promise<void> {
  await Promise.all([...running].map((child) => endProcess(child, 'SIGKILL')));
}

// A worker that vitest ends early takes its processes along.
process.once('exit', () => {
  for (const child of [...running, ...lasting]) {
    child.kill('SIGKILL');
  }
});
