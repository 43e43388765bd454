// Each cluster works when the other is gone: what was mirrored is served, what is owned is taken,
// and both catch up when they meet again, whoever comes back first.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit, git, gitOk } from './harness/git.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { mirrorUrl, ownUrl, publish, push, refOf, untilCaughtUp } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';

describe('two linked clusters, one mirroring the other', () => {
  let lubeck: Cluster;
  let bergen: Cluster;
  let work: string;
  let folder: string;
  const both = () => ({ owner: lubeck, cluster: bergen, name: 'hansa' });

  beforeAll(async () => {
    [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await linkClusters(lubeck, bergen);
    work = await publish(lubeck, 'hansa');
    folder = temporaryFolder('clones');
    await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
    await must(bergen, 'mirror', 'add', 'lubeck:hansa');
    await untilCaughtUp(both());
  });

  test('a mirror is cloned while its owner is dead', async () => {
    await lubeck.kill();
    const head = await gitOk(work, 'rev-parse', 'HEAD');
    const clone = join(folder, 'owner-dead');
    await gitOk(folder, 'clone', '--quiet', mirrorUrl(bergen, 'lubeck', 'hansa'), clone);
    expect(await gitOk(clone, 'rev-parse', 'HEAD')).toBe(head);
    expect((await git(clone, 'fsck', '--full')).code).toBe(0);
    await lubeck.restart();
    await untilLinked(bergen, 'lubeck');
  });

  test('an owner takes pushes while its mirror is dead, and the mirror catches up when it is back', async () => {
    await bergen.kill();
    const head = await commit(work, 'Made while bergen was dead');
    await push(work, lubeck, 'hansa');
    const clone = join(folder, 'mirror-dead');
    await gitOk(folder, 'clone', '--quiet', ownUrl(lubeck, 'hansa'), clone);
    expect(await gitOk(clone, 'rev-parse', 'HEAD')).toBe(head);
    await bergen.restart();
    await untilCaughtUp(both());
    expect(await refOf(bergen, 'lubeck:hansa')).toBe(head);
  });

  test.each(['the owner', 'the mirror'])(
    'after both were gone, with %s back first, they find each other and catch up',
    async (first) => {
      await bergen.stop();
      const head = await commit(work, `Both leave, ${first} returns first`);
      await push(work, lubeck, 'hansa');
      await lubeck.stop();
      const order = first === 'the owner' ? [lubeck, bergen] : [bergen, lubeck];
      for (const cluster of order) {
        await cluster.restart();
      }
      await untilCaughtUp(both());
      expect(await refOf(bergen, 'lubeck:hansa')).toBe(head);
      await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    },
  );
});
