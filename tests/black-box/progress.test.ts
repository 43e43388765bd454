// A link's status comes from proof of progress: a stopped peer is noticed though its socket is
// open, and what comes back is seen to come back.
import type { Link } from '@hansa/capabilities/links/contract';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, linkOf, must, untilLinked, untilStatus } from './harness/linking.ts';
import { publish, untilCaughtUp } from './harness/mirroring.ts';

describe('two linked clusters', () => {
  let lubeck: Cluster;
  let bergen: Cluster;

  beforeAll(async () => {
    [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await linkClusters(lubeck, bergen);
    await publish(lubeck, 'hansa');
    await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
    await must(bergen, 'mirror', 'add', 'lubeck:hansa');
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'hansa' });
  });

  afterEach(() => {
    lubeck.resume();
    bergen.resume();
  });

  test('with nothing to do show each other as idle, and beat all the same', async () => {
    const wanted = { statuses: ['idle'], withinMs: 30_000 } as const;
    const [here, there] = await Promise.all([
      untilStatus(lubeck, 'bergen', wanted),
      untilStatus(bergen, 'lubeck', wanted),
    ]);
    for (const link of [here, there]) {
      expect(link.missing).toBe(0);
      expect(link.silentMs).toBeLessThan(6_000);
    }
  });

  test.each(['the owner', 'the mirror'])(
    'when %s is stopped by SIGSTOP the other shows it as stalled within 9 s, and not after SIGCONT',
    async (who) => {
      const [stopped, watcher] = who === 'the owner' ? [lubeck, bergen] : [bergen, lubeck];
      await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
      stopped.pause();
      const link = await untilStatus(watcher, stopped.name, {
        statuses: ['stalled'],
        withinMs: 9_000,
      });
      expect(link.reason).toMatch(/no beat for \d+ s/);
      const shown = await must<{ links: Link[] }>(watcher, 'link', 'list');
      expect(shown.links[0]).toMatchObject({ status: 'stalled' });
      stopped.resume();
      await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    },
  );

  test('a killed peer is stalled, then disconnected, and live again when it is back', async () => {
    await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    await lubeck.kill();
    await untilStatus(bergen, 'lubeck', { statuses: ['stalled'], withinMs: 9_000 });
    const lost = await untilStatus(bergen, 'lubeck', {
      statuses: ['disconnected'],
      withinMs: 30_000,
    });
    expect(lost.reason).toContain('no connection since');
    await lubeck.restart();
    await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    expect((await linkOf(bergen, 'lubeck')).lastError).toBeUndefined();
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'hansa' });
  });

  test('a peer that was stopped in order is disconnected at once, not stalled', async () => {
    await lubeck.stop();
    const lost = await untilStatus(bergen, 'lubeck', {
      statuses: ['disconnected', 'connecting'],
      withinMs: 3_000,
    });
    expect(lost.peer).toBeDefined();
    await lubeck.restart();
    await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
  });
});
