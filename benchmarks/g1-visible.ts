// G1: from the beginning of a push at lubeck until bergen's verified mirror has it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { createRig, share, startPair, until } from './federation-rig.ts';
import { git, serveBare } from './git-rig.ts';

const pushesPerRound = 10;

export const benchmark: Benchmark = {
  id: 'G1',
  title: 'A commit pushed at A is visible at B as it happens, verified and durable on both.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const rig = createRig();
    const { folder } = rig;
    const pair = await startPair(rig);
    const bare = await serveBare(folder);
    try {
      await prepare(folder, bare.url);
      await pair.lubeck.forge.create({ name: 'small' });
      await share(pair, 'small');
      await git(join(folder, 'work'), 'push', pair.lubeck.gitUrl('/git/small.git'), 'main');
      await pair.bergen.sync.add({ resource: 'lubeck:small' });
      const afterAck: number[] = [];
      const compared = await compare({
        rounds,
        better: 'lower',
        ours: () =>
          pushes(folder, async (work) => {
            const startedMs = performance.now();
            await git(work, 'push', '--quiet', pair.lubeck.gitUrl('/git/small.git'), 'main');
            const ackMs = performance.now();
            const { sequence } = await pair.lubeck.forge.show({ name: 'small' });
            await until('bergen has it', 30_000, async () => {
              const { applied } = await pair.bergen.sync.show({ resource: 'lubeck:small' });
              return (applied?.sequence ?? 0) >= sequence;
            });
            afterAck.push(performance.now() - ackMs);
            return performance.now() - startedMs;
          }),
        peer: () =>
          pushes(folder, async (work) => {
            const startedMs = performance.now();
            await git(work, 'push', '--quiet', `${bare.url}/a.git`, 'main');
            return performance.now() - startedMs;
          }),
      });
      const sorted = afterAck.toSorted((a, b) => a - b);
      const at = (share_: number): string =>
        brief(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share_))] ?? 0);
      return {
        ...compared,
        unit: 'ms from push to visible, median of a round',
        peerName: 'git http-backend with a post-receive hook that pushes --mirror to a second one',
        notes: [
          ...compared.notes,
          `ours, from git's acknowledgement to visible: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms ` +
            `over ${sorted.length} pushes, two API calls of the measurement included`,
        ],
      };
    } finally {
      bare.close();
      await rig.close();
    }
  },
};

async function prepare(folder: string, url: string): Promise<void> {
  for (const name of ['a.git', 'b.git']) {
    await git(folder, 'init', '--quiet', '--bare', '--initial-branch', 'main', name);
    await git(join(folder, name), 'config', 'http.receivepack', 'true');
    // As durable as ours: objects and refs reach the disk before the push is acknowledged.
    await git(join(folder, name), 'config', 'core.fsync', 'all');
    await git(join(folder, name), 'config', 'receive.fsckObjects', 'true');
  }
  const hook = join(folder, 'a.git', 'hooks', 'post-receive');
  mkdirSync(join(folder, 'a.git', 'hooks'), { recursive: true });
  writeFileSync(hook, `#!/bin/sh\nexec git push --quiet --mirror ${url}/b.git\n`, { mode: 0o755 });
  await git(folder, 'init', '--quiet', '--initial-branch', 'main', 'work');
  await git(join(folder, 'work'), 'commit', '--quiet', '--allow-empty', '--message', 'first');
}

async function pushes(folder: string, push: (work: string) => Promise<number>): Promise<number> {
  const work = join(folder, 'work');
  const times: number[] = [];
  for (let i = 0; i < pushesPerRound; i += 1) {
    writeFileSync(join(work, 'file.txt'), `${performance.now()}\n`);
    await git(work, 'add', '.');
    await git(work, 'commit', '--quiet', '--message', `commit ${i}`);
    times.push(await push(work));
  }
  return median(times);
}
