// Whom a cluster trusts, and whom it blocks: a blocked cluster gets nothing from one moment to the
// next, streams in flight included; trust alone gives nothing, and is asked for over a connection.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogItem } from '@hansa/capabilities/catalog/contract';
import type { Invitation } from '@hansa/capabilities/links/contract';
import type { Explanation, Plan } from '@hansa/capabilities/policies/contract';
import type { Judgement, TrustRequest } from '@hansa/capabilities/trust/contract';
import {
  federatedId,
  localId,
  remote,
  reportOf,
  type BlobId,
  type Carrier,
  type FederatedId,
} from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { catalogPeerContract } from '../../capabilities/catalog/wire.ts';
import { blobPeerContract, syncPeerContract } from '../../capabilities/sync/wire.ts';
import { trustPeerContract } from '../../capabilities/trust/wire.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit } from './harness/git.ts';
import { addressOf, linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { linkClusters, linkOf, must, untilLinked, untilStatus } from './harness/linking.ts';
import { publish, push, untilCaughtUp } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';

const chunksInAll = 24; // of 1 MiB: several times what both sides buffer

let lubeck: Cluster;
let bergen: Cluster;
let owner: CatalogItem['owner'];
let heavy: FederatedId;

beforeAll(async () => {
  const flags = ['--sync-interval', '2'];
  [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'bergen', flags }),
  ]);
  await linkClusters(lubeck, bergen);
  owner = (await lubeck.api<{ cluster: typeof owner }>('GET', '/status')).body.cluster;
  const work = await publish(lubeck, 'heavy');
  writeFileSync(join(work, 'cargo.bin'), randomBytes(chunksInAll * 1_024 * 1_024));
  await commit(work, 'Take cargo on board');
  await push(work, lubeck, 'heavy');
  heavy = federatedId(owner, localId('git', 'heavy'));
  await publish(lubeck, 'open');
  await must(lubeck, 'share', 'add', 'open', '--to', 'public');
});

/** Over the API: quick enough to look again and again. */
async function seenBy(cluster: Cluster): Promise<string[]> {
  const { body } = await cluster.api<{ items: CatalogItem[] }>('GET', '/catalog?peer=lubeck');
  return body.items.map(({ name }) => name);
}

/** The one that a stranger would most like to have: named by the newest changes of the log. */
async function largestBlob(carrier: Carrier): Promise<BlobId> {
  let largest: { id: BlobId; sizeBytes: number } | undefined;
  const wire = remote(syncPeerContract, carrier);
  for await (const item of wire.follow({ resource: heavy, epoch: 0, sequence: 0 })) {
    if ('head' in item) {
      break;
    }
    for (const op of item.change.change.ops) {
      for (const blob of 'put' in op ? op.put.blobs : []) {
        largest = largest === undefined || blob.sizeBytes > largest.sizeBytes ? blob : largest;
      }
    }
  }
  if (largest === undefined) {
    throw new Error('the resource names no blob');
  }
  return largest.id;
}

describe('a stream in flight ends at once, and what was not sent yet is never sent', () => {
  test.each([
    ['when its cluster is blocked', 'riga', ['trust', 'block', 'riga', '--yes']],
    ['when its link is closed', 'tallinn', ['link', 'close', 'tallinn', '--yes']],
    [
      'when a denial is added',
      'narva',
      ['policy', 'add', 'heavy', '--to', 'narva', '--deny', 'pull'],
    ],
  ])('%s', async (_, name, words) => {
    const peer = await makePeer(name);
    const { carrier } = await linkByHand(peer, lubeck, { mine: true });
    await must(lubeck, 'share', 'add', 'heavy', '--to', name);
    const blob = await largestBlob(carrier);
    const indexes = Array.from({ length: chunksInAll }, (__, index) => index);
    const blobs = remote(blobPeerContract, carrier);
    const stream = blobs.chunks({ resource: heavy, blob, indexes })[Symbol.asyncIterator]();
    expect((await stream.next()).done).toBe(false);
    await must(lubeck, ...words);
    let arrived = 1;
    const drain = async (): Promise<void> => {
      while ((await stream.next()).done !== true) {
        arrived += 1;
      }
    };
    const end = await drain().then(
      () => 'it was all sent',
      (error: unknown) => reportOf(error).code,
    );
    expect(['RESOURCE_NOT_FOUND', 'CONNECTION_CLOSED', 'REMOTE_FAILED']).toContain(end);
    expect(arrived).toBeLessThan(chunksInAll);
    const again = await peer.meet(await addressOf(lubeck));
    if (words[1] === 'block') {
      expect(again.refused?.code).toBe('CLUSTER_BLOCKED');
      expect(again.hello).toBeUndefined();
      return;
    }
    const { heads } = await remote(syncPeerContract, again.carrier).heads({ resources: [heavy] });
    expect(heads).toEqual([null]);
  });
});

describe('a blocked cluster', () => {
  test('gets nothing, public things included, over restarts, until it is unblocked', async () => {
    await must(bergen, 'mirror', 'add', 'lubeck:open');
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'open' });
    const plan = await must<Plan>(lubeck, 'trust', 'block', 'bergen', '--plan');
    expect(plan.rows).toMatchObject([
      { change: 'loses', peerName: 'bergen', resource: 'git/open', verbs: ['see', 'pull'] },
    ]);
    expect(await seenBy(bergen)).toContain('open');
    expect((await lubeck.hansa('trust', 'block', 'bergen')).report().code).toBe('NOT_CONFIRMED');

    await must(lubeck, 'trust', 'block', 'bergen', '--yes', '--note', 'a stolen key');
    await untilStatus(lubeck, 'bergen', { statuses: ['blocked'] });
    await until('bergen says why it has no link, and since when', async () => {
      const { reason = '' } = await linkOf(bergen, 'lubeck');
      return /since .* is blocked \[CLUSTER_BLOCKED\]$/.test(reason) || notYet(reason);
    });
    const why = await must<Explanation>(lubeck, 'why', 'bergen', 'see', 'open');
    expect(why).toMatchObject({ allowed: false, reason: 'the cluster is blocked here' });
    const listing = await bergen.hansa('catalog', 'list', '--peer', 'lubeck');
    expect(listing.report().code).toBe('LINK_DOWN');
    const asking = await bergen.hansa('trust', 'request', 'lubeck', '--message', 'please');
    expect(asking.report().code).toBe('LINK_DOWN');
    const ours = await lubeck.hansa('catalog', 'list', '--peer', 'bergen');
    expect(ours.report().code).toBe('CLUSTER_BLOCKED');

    await Promise.all([lubeck.restart(), bergen.restart()]);
    await untilStatus(lubeck, 'bergen', { statuses: ['blocked'] });
    await until('bergen is told why it is not let in', async () => {
      const { lastError } = await linkOf(bergen, 'lubeck');
      const told = lastError?.code === 'CLUSTER_BLOCKED' && lastError.reportedBy === 'the peer';
      return told ? true : notYet(lastError);
    });
    const listed = await must<{ judgements: Judgement[] }>(lubeck, 'trust', 'list');
    expect(listed.judgements).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ name: 'bergen', level: 'blocked', note: 'a stolen key' }),
      ]),
    );

    const back = await must<Plan>(lubeck, 'trust', 'unblock', 'bergen', '--plan');
    expect(back.rows).toMatchObject([{ change: 'gains', peerName: 'bergen' }]);
    await must(lubeck, 'trust', 'unblock', 'bergen', '--yes');
    await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    expect(await seenBy(bergen)).toContain('open');
  });

  test('that is a stranger is turned away at the door, and redeems no invitation', async () => {
    const stranger = await makePeer('oslo');
    const at = await addressOf(lubeck);
    const met = await stranger.meet(at);
    const seen = await remote(catalogPeerContract, met.carrier).list({});
    expect(seen.items.map(({ name }) => name)).toEqual(['open']);
    await must(lubeck, 'trust', 'block', stranger.signer.cluster, '--yes');
    await met.closed;
    const again = await stranger.meet(at);
    expect(again).toMatchObject({ hello: undefined, refused: { code: 'CLUSTER_BLOCKED' } });
    const linking = linkByHand(stranger, lubeck, { mine: true });
    await expect(linking).rejects.toMatchObject({ code: expect.any(String) });
    const { links } = (await lubeck.api<{ links: { peer: string }[] }>('GET', '/links')).body;
    expect(links.map(({ peer }) => peer)).not.toContain(stranger.signer.cluster);
  });

  test('is not linked to by its own token', async () => {
    const visby = await startCluster({ name: 'visby' });
    const { token } = await must<Invitation>(visby, 'link', 'invite', '--yes');
    const { cluster } = (await visby.api<{ cluster: string }>('GET', '/status')).body;
    await must(lubeck, 'trust', 'block', cluster, '--yes');
    const refused = await lubeck.hansa('link', 'accept', token, '--yes');
    expect(refused.report().code).toBe('CLUSTER_BLOCKED');
  });
});

describe('trust', () => {
  const trusted = async (): Promise<readonly Judgement[]> =>
    (await must<{ judgements: Judgement[] }>(lubeck, 'trust', 'list')).judgements.filter(
      ({ level }) => level === 'trusted',
    );
  const requests = async (): Promise<readonly TrustRequest[]> =>
    (await must<{ requests: TrustRequest[] }>(lubeck, 'trust', 'requests')).requests;

  test('is asked for over the link, waits for a person, and alone gives nothing', async () => {
    await publish(lubeck, 'guarded');
    const asked = ['trust', 'request', 'lubeck', '--message', 'Ada of bergen, as agreed'];
    await must(bergen, ...asked);
    expect(await requests()).toMatchObject([
      { name: 'bergen', message: 'Ada of bergen, as agreed' },
    ]);
    await lubeck.restart();
    await untilLinked(bergen, 'lubeck');
    const plan = await must<Plan>(lubeck, 'trust', 'accept', 'bergen', '--plan');
    expect(plan.rows).toEqual([]);
    expect(await trusted()).toEqual([]);
    await must(lubeck, 'trust', 'accept', 'bergen', '--yes', '--note', 'by telephone');
    expect(await trusted()).toMatchObject([{ name: 'bergen', note: 'by telephone' }]);
    expect(await requests()).toEqual([]);
    expect(await seenBy(bergen)).not.toContain('guarded');
    await must(lubeck, 'policy', 'add', 'guarded', '--to', 'trusted');
    expect(await seenBy(bergen)).toContain('guarded');
    await must(lubeck, 'trust', 'set', 'bergen', 'public', '--yes');
    expect(await seenBy(bergen)).not.toContain('guarded');
    // Whoever is trusted already asks for nothing.
    await must(lubeck, 'trust', 'set', 'bergen', 'trusted', '--yes');
    await must(bergen, ...asked);
    expect(await requests()).toEqual([]);
    await must(lubeck, 'trust', 'set', 'bergen', 'public', '--yes');
  });

  test('is asked for by a stranger, whose connection proves who it is, and is rejected', async () => {
    const stranger = await makePeer('turku');
    const { carrier } = await stranger.meet(await addressOf(lubeck));
    await remote(trustPeerContract, carrier).request({ message: 'let me in' });
    const { cluster } = stranger.signer;
    expect(await requests()).toMatchObject([{ cluster, message: 'let me in' }]);
    const prefix = cluster.slice(0, 12);
    await must(lubeck, 'trust', 'reject', prefix);
    expect(await requests()).toEqual([]);
    const again = await lubeck.hansa('trust', 'accept', prefix, '--yes');
    expect(again.code).toBe(3);
  });

  test('is asked for at an address, without a link', async () => {
    const kiel = await startCluster({ name: 'kiel' });
    const { node, addresses } = await addressOf(lubeck);
    const at = `${node}@${addresses.join(',')}`;
    await must(kiel, 'trust', 'request', owner, '--at', at, '--message', 'kiel calling');
    const { cluster } = (await kiel.api<{ cluster: string }>('GET', '/status')).body;
    expect(await requests()).toMatchObject([{ cluster, message: 'kiel calling' }]);
    await must(lubeck, 'trust', 'reject', cluster);
  });
});
