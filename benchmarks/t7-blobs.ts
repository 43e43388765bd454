// T7: 256 MiB in one blob, then 2,000 blobs of 4 KiB, from a file at one cluster to a verified blob
// on the disk of the other, beside syncthing from a file to a file. Both encrypt with TLS 1.3, hash
// everything on both sides and sync to the disk before they call it done.
import { copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { makeFiles, settleDisk, startBlobPair } from './blob-rig.ts';
import { startSyncthings } from './syncthing-rig.ts';

const largeBytes = 256 * 1_024 * 1_024;
const smallBytes = 4 * 1_024;
const smallCount = 2_000;

interface Taken {
  readonly large: number[];
  readonly small: number[];
}

export const benchmark: Benchmark = {
  id: 'T7',
  title: 'A blob of 256 MiB and 2,000 of 4 KiB reach a linked cluster, verified and on its disk.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const pair = await startBlobPair('negotiated');
    const { folder, lubeck, bergen } = pair;
    const syncthing = await startSyncthings(folder);
    const [mine, theirs]: [Taken, Taken] = [
      { large: [], small: [] },
      { large: [], small: [] },
    ];
    let made = 0;
    const files = (count: number, bytes: number): readonly string[] =>
      makeFiles(join(folder, `files-${(made += 1)}`), count, bytes);
    await lubeck.publish('large');
    await lubeck.publish('small');
    const ours = async (resource: 'large' | 'small', paths: readonly string[]): Promise<number> => {
      const took = await seconds(async () => {
        await lubeck.add(resource, paths);
        await bergen.mirror(`lubeck:note/${resource}`, paths.length);
      });
      mine[resource].push(took);
      if (!(await bergen.holds(paths.at(-1) ?? ''))) {
        throw new Error('the blob is not what was sent');
      }
      return took;
    };
    let there = 0;
    const peers = async (kind: 'large' | 'small', paths: readonly string[]): Promise<number> => {
      for (const path of paths) {
        copyFileSync(path, join(syncthing.source, `${made}-${basename(path)}`));
      }
      there += paths.length;
      const took = await seconds(() => syncthing.sync(there));
      theirs[kind].push(took);
      return took;
    };
    try {
      const compared = await compare({
        rounds,
        better: 'lower',
        ours: async () =>
          (await ours('large', files(1, largeBytes))) +
          (await ours('small', files(smallCount, smallBytes))),
        peer: async () =>
          (await peers('large', files(1, largeBytes))) +
          (await peers('small', files(smallCount, smallBytes))),
      });
      const { bulk } = await bergen.link('lubeck');
      return {
        ...compared,
        unit: 's for both',
        peerName: `syncthing ${syncthing.version}, told to scan, fsync on, TLS 1.3 on loopback`,
        notes: [
          ...compared.notes,
          part('256 MiB', mine.large, theirs.large),
          part('2,000 x 4 KiB', mine.small, theirs.small),
          `bulk went over ${bulk?.carries ?? 'nothing'}; ` +
            `${brief(bulk?.iroh.receivedBytes ?? 0)} B over iroh`,
        ],
      };
    } finally {
      await syncthing.close();
      await pair.close();
    }
  },
};

async function seconds(work: () => Promise<void>): Promise<number> {
  settleDisk();
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1_000;
}

function part(what: string, ours: readonly number[], peers: readonly number[]): string {
  const [mine, theirs] = [median(ours), median(peers)];
  return (
    `${what}: ours ${brief(mine)} s, syncthing ${brief(theirs)} s: ` +
    `${brief(theirs / mine)} times as fast`
  );
}
