// T11: 100 and 256 clusters, whose hub dies and comes back, in simulation: the protocol's own code
// on virtual time. Leaves cannot be dialled, so that all of them have to come by themselves. Beside
// the goal, which is a bound and no program: converged within 30 s, no herd.
import { join } from 'node:path';
import { brief, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { startAsked } from './asked.ts';
import { stepMs, type Herd, type Restarted } from './herd.ts';

const sizes = [100, 256];
const goalMs = 30_000;
// shorter than silence is noticed, longer than connections live, and as long as redials slow down
const awaysMs = [2_000, 40_000, 120_000];
// of all leaves: as many as come in one step if they spread over the second that they are given
const herdMax = 0.25;
const script = join(import.meta.dirname, 'herd.ts');

interface Sized {
  readonly clusters: number;
  readonly restarts: readonly (Restarted & { readonly awayMs: number })[];
}

export const benchmark: Benchmark = {
  id: 'T11',
  title:
    'A hub that alone can be dialled is killed and started again: until 256 clusters are whole.',
  async run(): Promise<BenchmarkResult> {
    const measured: Sized[] = [];
    for (const clusters of sizes) {
      measured.push(await restarts(clusters));
    }
    const all = measured.flatMap((each) => each.restarts);
    const ours = Math.max(...all.map(({ convergedMs }) => convergedMs)) / 1_000;
    const peer = goalMs / 1_000;
    return {
      ours,
      peer,
      ratio: peer / ours,
      rounds: all.length,
      unit: 's of virtual time, the slowest restart',
      peerName: 'the goal: converged within 30 s, no herd',
      notes: measured.map(noteOn),
    };
  },
};

async function restarts(clusters: number): Promise<Sized> {
  const process = await startAsked<Herd>(script, [], ['--max-old-space-size=12288']);
  try {
    await process.node.gather({ clusters, seed: 1 });
    const done: (Restarted & { awayMs: number })[] = [];
    for (const awayMs of awaysMs) {
      const restarted = await process.node.restart(awayMs);
      const share = restarted.dialsPeak / (clusters - 1);
      if (restarted.convergedMs > goalMs || share > herdMax) {
        throw new Error(`${clusters} clusters, away ${awayMs} ms: ${JSON.stringify(restarted)}`);
      }
      done.push({ ...restarted, awayMs });
    }
    return { clusters, restarts: done };
  } finally {
    await process.kill();
  }
}

function noteOn({ clusters, restarts: done }: Sized): string {
  const each = done.map(
    ({ awayMs, convergedMs, dialsPeak, dials }) =>
      `away ${awayMs / 1_000} s: whole after ${brief(convergedMs / 1_000)} s, ${dials} dials, ` +
      `at most ${dialsPeak} in the same ${stepMs} ms`,
  );
  return `${clusters} clusters: ${each.join('; ')}`;
}
