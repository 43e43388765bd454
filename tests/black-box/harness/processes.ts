// Every process that a test starts is known here by its id, and none outlives the test's file.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Set<ChildProcess>();

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

export async function endAll(): Promise<void> {
  await Promise.all([...running].map((child) => endProcess(child, 'SIGKILL')));
}

// A worker that vitest ends early takes its processes along.
process.once('exit', () => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});
