// G3: the first sync of a repository of 30,000 objects, verified, beside `git clone --mirror` of
// the same.
import { rmSync, statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  brief,
  compare,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { git } from './git-rig.ts';
import { createLargeRig } from './large-rig.ts';

export const benchmark: Benchmark = {
  id: 'G3',
  title: 'The first sync of 30,000 objects: signed, hashed, strictly checked, on the disk.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const large = await createLargeRig();
    const { folder } = large.rig;
    const packs = join(folder, 'large.git', 'objects', 'pack');
    const bytes = readdirSync(packs)
      .filter((file) => file.endsWith('.pack'))
      .reduce((sum, file) => sum + statSync(join(packs, file)).size, 0);
    const speed = (ms: number): number => bytes / 1_000 / ms;
    try {
      const compared = await compare({
        rounds,
        better: 'higher',
        async ours() {
          const tookMs = await large.mirror();
          await large.unmirror();
          return speed(tookMs);
        },
        async peer() {
          rmSync(join(folder, 'mirror.git'), { recursive: true, force: true });
          const startedMs = performance.now();
          const careful = ['-c', 'transfer.fsckObjects=true', '-c', 'core.fsync=all'];
          await git(
            folder,
            ...careful,
            'clone',
            '--quiet',
            '--mirror',
            large.plainUrl,
            'mirror.git',
          );
          return speed(performance.now() - startedMs);
        },
      });
      return {
        ...compared,
        unit: 'MB/s of pack',
        peerName: 'git clone --mirror over http-backend, fsckObjects and fsync on, no encryption',
        notes: [
          ...compared.notes,
          `${large.objects} objects, ${brief(bytes / 1e6)} MB of pack, over QUIC (iroh's binding)`,
        ],
      };
    } finally {
      await large.close();
    }
  },
};
