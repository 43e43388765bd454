// T12: how long a node takes from its start to its first answer, and what it holds when idle.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { compare, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { createRig } from './federation-rig.ts';

const idleMs = 5_000; // after the start's garbage is gone
const bareServer = `
  const server = require('node:http').createServer((_request, response) => response.end());
  server.listen(0, '127.0.0.1', () => process.stdout.write('ready'));
`;

export const benchmark: Benchmark = {
  id: 'T12',
  title: 'A node is ready within a second and small when idle (goal: ≤ 1,000 ms, ≤ 90 MB).',
  async run({ rounds }): Promise<BenchmarkResult> {
    let memory = 0;
    const compared = await compare({
      rounds,
      better: 'lower',
      async ours() {
        const rig = createRig();
        try {
          const cluster = await rig.start('lubeck');
          await sleep(idleMs);
          memory = residentMegabytes(cluster.pid);
          return cluster.readyMs;
        } finally {
          await rig.close();
        }
      },
      peer: bareStart,
    });
    return {
      ...compared,
      unit: 'ms from start to ready',
      peerName: `a bare Node ${process.version} HTTP server`,
      notes: [...compared.notes, `resident memory of ours, idle: ${memory} MB`],
    };
  },
};

function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_000);
}

function bareStart(): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['-e', bareServer], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve) => {
    child.stdout.once('data', () => {
      const tookMs = performance.now() - startedMs;
      child.once('exit', () => resolve(tookMs));
      child.kill('SIGTERM');
    });
  });
}
