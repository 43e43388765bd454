// A link that is not reciprocated: whoever keeps a half-link may pull what the other allows;
// whoever gave its half up serves, and is served public things only.
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { Decision } from '@hansa/capabilities/policies/contract';
import { federatedId, localId, remote } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { catalogPeerContract } from '../../capabilities/catalog/wire.ts';
import { syncPeerContract } from '../../capabilities/sync/wire.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { addressOf, linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { linkClusters, linkOf, must, untilLinked } from './harness/linking.ts';
import { publish, untilCaughtUp } from './harness/mirroring.ts';

describe.each([
  { who: 'the accepter', serveOnlyA: false, serveOnlyB: true },
  { who: 'the inviter', serveOnlyA: true, serveOnlyB: false },
])('with --serve-only on the side of $who', ({ serveOnlyA, serveOnlyB }) => {
  test('the other side pulls what it is allowed, and is not pulled from, after a restart as well', async () => {
    const [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await linkClusters(lubeck, bergen, { serveOnlyA, serveOnlyB });
    const [puller, server] = serveOnlyA ? [bergen, lubeck] : [lubeck, bergen];
    await Promise.all([publish(puller, 'mine'), publish(server, 'theirs')]);
    await must(server, 'share', 'add', 'theirs', '--to', puller.name);
    await must(puller, 'share', 'add', 'mine', '--to', server.name);

    await must(puller, 'mirror', 'add', `${server.name}:theirs`);
    await untilCaughtUp({ owner: server, cluster: puller, name: 'theirs' });
    expect(await linkOf(puller, server.name)).toMatchObject({ mine: true, theirs: false });
    expect(await linkOf(server, puller.name)).toMatchObject({ mine: false, theirs: true });

    await expectNotOurs(server, ['mirror', 'add', `${puller.name}:mine`]);
    await expectNotOurs(server, ['catalog', 'list', '--peer', puller.name]);
    const why = await must<Decision>(puller, 'why', server.name, 'pull', 'mine');
    expect(why).toMatchObject({ allowed: false, reason: expect.stringContaining('link back') });

    await Promise.all([puller.restart(), server.restart()]);
    await Promise.all([untilLinked(puller, server.name), untilLinked(server, puller.name)]);
    await untilCaughtUp({ owner: server, cluster: puller, name: 'theirs' });
    await expectNotOurs(server, ['mirror', 'add', `${puller.name}:mine`]);
  });
});

async function expectNotOurs(cluster: Cluster, args: readonly string[]): Promise<void> {
  const refused = await cluster.hansa(...args);
  expect([args[0], refused.code, refused.report().code]).toEqual([args[0], 4, 'LINK_NOT_OURS']);
}

test('a cluster that gave up its half and asks all the same is served public things only', async () => {
  const lubeck = await startCluster({ name: 'lubeck' });
  await Promise.all([publish(lubeck, 'open'), publish(lubeck, 'closed')]);
  const oslo = await makePeer('oslo');
  const link = await linkByHand(oslo, lubeck, { mine: false });
  await must(lubeck, 'share', 'add', 'open', '--to', 'public');
  await must(lubeck, 'share', 'add', 'closed', '--to', 'oslo', '--allow', 'see,pull,push');

  const shown = await remote(catalogPeerContract, link.carrier).list({});
  expect(shown.items.map(({ name }) => name)).toEqual(['open']);
  const { cluster } = await must<DaemonStatus>(lubeck, 'status');
  const idOf = (name: string) => federatedId(cluster, localId('git', name));
  const wire = remote(syncPeerContract, link.carrier);
  const { heads } = await wire.heads({ resources: [idOf('closed'), idOf('open')] });
  expect(heads.map((head) => head?.resource)).toEqual([undefined, idOf('open')]);
  const stream = wire.follow({ resource: idOf('closed'), epoch: 0, sequence: 0 });
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'RESOURCE_NOT_FOUND',
  });

  // A cluster without any link is served the same.
  const stranger = await makePeer('riga');
  const met = await stranger.meet(await addressOf(lubeck));
  const seen = await remote(catalogPeerContract, met.carrier).list({});
  expect(seen.items.map(({ name }) => name)).toEqual(['open']);
});
