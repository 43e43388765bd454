// A whole cluster on one machine, by one command in a terminal, and its end by Ctrl-C: which the
// terminal tells every process of the command's group at the same moment.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { cleanEnvironment, program, temporaryFolder } from './harness/place.ts';
import { hasEnded, trackProcess } from './harness/processes.ts';
import { until } from './harness/until.ts';

const endWithinMs = 10_000; // about a second on a machine that does nothing else

interface Started {
  readonly child: ChildProcess;
  readonly data: string;
  interrupt(): void;
  pids(): number[];
}

async function startNodes(count: number): Promise<Started> {
  const home = temporaryFolder('riga');
  const data = join(home, 'data');
  const logFile = join(home, 'log.txt');
  const log = openSync(logFile, 'a');
  const flags = ['--name', 'riga', '--nodes', String(count), '--store', 'etcd', '--data', data];
  const child = spawn(process.execPath, [program, 'up', ...flags], {
    cwd: home,
    env: cleanEnvironment(home),
    stdio: ['ignore', log, log],
    detached: true, // a group of its own, as a terminal makes
  });
  closeSync(log);
  trackProcess(child);
  const said = (): string => readFileSync(logFile, 'utf8');
  await until('all of it is up', () => said().includes('Ctrl-C stops') || hasEnded(child), 60_000);
  expect(said()).toContain(`riga has ${count} nodes`);
  return {
    child,
    data,
    interrupt: () => void process.kill(-(child.pid ?? 0), 'SIGINT'),
    pids: () => processesNaming(data),
  };
}

/** Whose command line says the folder. */
function processesNaming(folder: string): number[] {
  const all = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return all.filter((pid) => commandOf(pid).includes(folder));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describe.skipIf(!requires('etcd').available)('several nodes by one command', () => {
  test('Ctrl-C ends the nodes while etcd still answers, then etcd, and soon', async () => {
    const { child, data, interrupt, pids } = await startNodes(2);
    expect(pids().length).toBeGreaterThanOrEqual(6); // the command, two nodes, three of etcd
    const logOf = (node: string): string => readFileSync(join(data, node, 'node.log'), 'utf8');
    const before = ['node-1', 'node-2'].map((node) => ({ node, length: logOf(node).length }));
    const sinceMs = performance.now();
    interrupt();
    await until('the command has ended', () => hasEnded(child));
    expect(child.exitCode).toBe(0);
    expect(performance.now() - sinceMs).toBeLessThan(endWithinMs);
    expect(pids()).toEqual([]);
    for (const { node, length } of before) {
      expect(logOf(node).slice(length)).not.toContain('etcd.member-left');
    }
  }, 90_000);

  test('a second Ctrl-C leaves nothing running either', async () => {
    const { child, interrupt, pids } = await startNodes(1);
    interrupt();
    interrupt();
    await until('the command has ended', () => hasEnded(child));
    await until('nothing of it runs', () => pids().length === 0);
  }, 90_000);
});
