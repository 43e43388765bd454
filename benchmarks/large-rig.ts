// A repository of 30,000 objects on lubeck and, as the peer's, in a plain bare repository.
import { join } from 'node:path';
import {
  createRig,
  share,
  startPair,
  until,
  type MeasuredCluster,
  type Rig,
} from './federation-rig.ts';
import { countObjects, git, makeRepository, serveBare } from './git-rig.ts';

export interface LargeRig {
  readonly rig: Rig;
  readonly lubeck: MeasuredCluster;
  readonly bergen: MeasuredCluster;
  readonly objects: number;
  /** Of the plain bare repository over smart HTTP. */
  readonly plainUrl: string;
  /** Mirrors it on bergen; milliseconds until it was applied. */
  mirror(): Promise<number>;
  unmirror(): Promise<void>;
  close(): Promise<void>;
}

const commits = 11_000;
const mirrorName = 'lubeck:large';

export async function createLargeRig(): Promise<LargeRig> {
  const rig = createRig();
  const { folder } = rig;
  await makeRepository(folder, commits);
  const large = join(folder, 'large.git');
  await git(large, 'repack', '-a', '-d', '--quiet');
  const objects = await countObjects(large);
  const pair = await startPair(rig);
  await pair.lubeck.forge.create({ name: 'large' });
  await share(pair, 'large');
  await git(large, 'push', '--quiet', pair.lubeck.gitUrl('/git/large.git'), 'main');
  const bare = await serveBare(folder);
  return {
    rig,
    ...pair,
    objects,
    plainUrl: `${bare.url}/large.git`,
    async mirror() {
      const startedMs = performance.now();
      await pair.bergen.sync.add({ resource: mirrorName });
      await until('bergen has it', 300_000, async () => {
        const { state } = await pair.bergen.sync.show({ resource: mirrorName });
        return state === 'current';
      });
      return performance.now() - startedMs;
    },
    async unmirror() {
      await pair.bergen.sync.remove({ resource: mirrorName });
    },
    async close() {
      bare.close();
      await rig.close();
    },
  };
}
