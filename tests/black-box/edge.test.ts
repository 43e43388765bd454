// An edge that is up for seconds at a time, and that nobody can dial: it has everything soon after
// each time it comes.
import { beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit } from './harness/git.ts';
import { linkClusters, must } from './harness/linking.ts';
import { publish, push, refOf, untilCaughtUp } from './harness/mirroring.ts';

const cycles = 4;
const caughtUpMs = 10_000; // from the process's start on a busy machine; alone it takes one second

let hub: Cluster;
let edge: Cluster;
let work: string;

beforeAll(async () => {
  [hub, edge] = await Promise.all([startCluster({ name: 'hub' }), startCluster({ name: 'edge' })]);
  // The hub holds no half-link, so it never dials: as if the edge were behind a firewall.
  await linkClusters(hub, edge, { serveOnlyA: true });
  work = await publish(hub, 'hansa');
  await must(hub, 'share', 'add', 'hansa', '--to', 'edge');
  await must(edge, 'mirror', 'add', 'hub:hansa');
  await untilCaughtUp({ owner: hub, cluster: edge, name: 'hansa' });
});

test('an edge that only dials out catches up in every window, whichever way the last one ended', async () => {
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await (cycle % 2 === 0 ? edge.stop() : edge.kill());
    await commit(work, 'Made while the edge was away');
    await push(work, hub, 'hansa');
    const newest = await commit(work, 'Made while the edge was away, too');
    await push(work, hub, 'hansa');

    await edge.restart();
    const began = performance.now();
    await untilCaughtUp({ owner: hub, cluster: edge, name: 'hansa' }, caughtUpMs);
    expect(await refOf(edge, 'hub:hansa')).toBe(newest);
    const tookMs = performance.now() - began;
    expect(tookMs).toBeLessThan(caughtUpMs);
  }
});
