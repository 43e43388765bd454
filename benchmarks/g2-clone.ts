// G2: cloning a repository of 30,000 objects from the mirror, beside the same clone from a plain
// bare one.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compare, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { git } from './git-rig.ts';
import { createLargeRig } from './large-rig.ts';

export const benchmark: Benchmark = {
  id: 'G2',
  title: 'Cloning 30,000 objects from the mirror takes at most 1.3 times a plain clone.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const large = await createLargeRig();
    const { folder } = large.rig;
    const clone = async (url: string): Promise<number> => {
      rmSync(join(folder, 'clone'), { recursive: true, force: true });
      const startedMs = performance.now();
      await git(folder, 'clone', '--quiet', '--bare', url, 'clone');
      return performance.now() - startedMs;
    };
    try {
      await large.mirror();
      const compared = await compare({
        rounds,
        better: 'lower',
        ours: () => clone(large.bergen.gitUrl('/git/@lubeck/large.git')),
        peer: () => clone(large.plainUrl),
      });
      return {
        ...compared,
        unit: 'ms to clone',
        peerName: 'git http-backend over a plain bare repository, one pack',
        notes: [...compared.notes, `${large.objects} objects`],
      };
    } finally {
      await large.close();
    }
  },
};
