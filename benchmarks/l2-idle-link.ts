// L2: what an idle link costs: payload bytes a second and direction, counted at the frames that the
// wire sessions hand to the network, while nothing happens but beats. Beside the budget of T8,
// since no other link proves every two seconds how far it has come.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  brief,
  compare,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { startDataPair } from './data-rig.ts';

const budget = 200; // payload bytes a second and direction: T8
const settleMs = 10_000; // first rounds after linking and mirroring
const watchedMs = 30_000; // fifteen beats and one round of anti-entropy
const mirrored = 10;

export const benchmark: Benchmark = {
  id: 'L2',
  title: 'An idle link costs little (goal: ≤ 200 payload bytes a second and direction).',
  async run({ rounds }): Promise<BenchmarkResult> {
    const pair = await startDataPair();
    const told: string[] = [];
    try {
      for (let at = 0; at < mirrored; at += 1) {
        await pair.lubeck.createSpace(`space${at}`);
        await pair.lubeck.share('kv', `space${at}`);
        await pair.lubeck.fill(`space${at}`, { keys: 10, bytes: 128 });
        await pair.bergen.mirror(`lubeck:kv/space${at}`);
      }
      await sleep(settleMs);
      const compared = await compare({
        rounds,
        better: 'lower',
        async ours() {
          await Promise.all([pair.lubeck.frames(), pair.bergen.frames()]);
          const startedMs = performance.now();
          await sleep(watchedMs);
          const counts = await Promise.all([pair.lubeck.frames(), pair.bergen.frames()]);
          const seconds = (performance.now() - startedMs) / 1_000;
          const rates = counts.map(({ sent }) => sent / seconds);
          const frames = counts.map((count) => count.frames / seconds);
          told.push(
            `${rates.map(brief).join(' and ')} B/s in ${frames.map(brief).join(' and ')} frames/s`,
          );
          return Math.max(...rates);
        },
        peer: async () => budget,
      });
      return {
        ...compared,
        unit: 'payload B/s of the busier direction',
        peerName: 'the budget of 200 B/s',
        notes: [
          ...compared.notes,
          `owner to mirror and back, each round: ${told.slice(1).join(', ')}`,
          `${mirrored} mirrored spaces, beats every 2 s`,
        ],
      };
    } finally {
      await pair.close();
    }
  },
};
