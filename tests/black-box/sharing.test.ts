// Nothing is shared until a rule says so; what a rule shares is listed, mirrored and cloned; what
// none shares is absent, by name, by id, and in a stream that was already under way.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogItem } from '@hansa/capabilities/catalog/contract';
import type { Decision, Plan, ShownRule } from '@hansa/capabilities/policies/contract';
import {
  federatedId,
  isHansaError,
  localId,
  remote,
  reportOf,
  type BlobId,
  type FederatedId,
} from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { catalogPeerContract } from '../../capabilities/catalog/wire.ts';
import { blobPeerContract, syncPeerContract, type SyncPeer } from '../../capabilities/sync/wire.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit, git, gitOk } from './harness/git.ts';
import { linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { linkClusters, must } from './harness/linking.ts';
import {
  mirrorUrl,
  publish,
  push,
  refOf,
  showMirror,
  untilCaughtUp,
  untilState,
} from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;
let visby: Cluster;
let owner: CatalogItem['owner'];

beforeAll(async () => {
  const flags = ['--sync-interval', '2'];
  [lubeck, bergen, visby] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'bergen', flags }),
    startCluster({ name: 'visby' }),
  ]);
  await linkClusters(lubeck, bergen);
  await linkClusters(lubeck, visby);
  const { body } = await lubeck.api<{ cluster: CatalogItem['owner'] }>('GET', '/status');
  owner = body.cluster;
});

async function seenBy(cluster: Cluster): Promise<string[]> {
  const listed = await must<{ items: CatalogItem[] }>(
    cluster,
    'catalog',
    'list',
    '--peer',
    'lubeck',
  );
  return listed.items.map(({ name }) => name);
}

async function rulesOf(cluster: Cluster): Promise<readonly ShownRule[]> {
  return (await must<{ rules: ShownRule[] }>(cluster, 'share', 'list')).rules;
}

function share(name: string, ...options: string[]): Promise<ShownRule> {
  return must<ShownRule>(lubeck, 'share', 'add', name, '--to', 'bergen', ...options);
}

function unshare({ id }: ShownRule): Promise<ShownRule> {
  return must<ShownRule>(lubeck, 'share', 'remove', id, '--yes');
}

test('what is shared is listed, mirrored and cloned by the peer it is shared with, and by no other', async () => {
  const work = await publish(lubeck, 'hansa');
  expect(await seenBy(bergen)).toEqual([]);
  await share('hansa');
  expect(await seenBy(bergen)).toEqual(['hansa']);
  expect(await seenBy(visby)).toEqual([]);
  await must(bergen, 'mirror', 'add', 'lubeck:hansa');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'hansa' });
  const clone = join(temporaryFolder('clone'), 'clone');
  await gitOk(work, 'clone', '--quiet', mirrorUrl(bergen, 'lubeck', 'hansa'), clone);
  expect(await gitOk(clone, 'rev-parse', 'HEAD')).toBe(await gitOk(work, 'rev-parse', 'HEAD'));
  const refused = await visby.hansa('mirror', 'add', 'lubeck:hansa');
  expect(refused.report().code).toBe('RESOURCE_NOT_FOUND');
  const unknown = await git(work, 'clone', mirrorUrl(visby, 'lubeck', 'hansa'), `${clone}-visby`);
  expect(unknown.code).not.toBe(0);
});

describe('what is not shared', () => {
  test('is answered as what does not exist, by name and by federated id', async () => {
    await publish(lubeck, 'secret');
    for (const spelled of ['lubeck:NAME', 'lubeck:git/NAME', `${owner}:git/NAME`]) {
      const [unshared, unknown] = await Promise.all(
        ['secret', 'nobody'].map(async (name) => {
          const done = await bergen.hansa('mirror', 'add', spelled.replace('NAME', name));
          return { code: done.code, stderr: done.stderr.replaceAll(name, 'NAME') };
        }),
      );
      expect(unshared).toEqual(unknown);
      expect(unshared?.code).toBe(3);
    }
    expect(await seenBy(bergen)).not.toContain('secret');
    expect((await bergen.hansa('mirror', 'show', 'lubeck:secret')).code).toBe(3);
  });

  test('is answered as what does not exist at the wire as well, byte for byte', async () => {
    const repository = await must<{ resource: string }>(lubeck, 'repo', 'show', 'secret');
    expect(repository.resource).toBe(`${owner}:git/secret`);
    const { carrier } = await linkByHand(await makePeer('oslo'), lubeck, { mine: true });
    const wire = remote(syncPeerContract, carrier);
    const blobs = remote(blobPeerContract, carrier);
    const blob = 'ab'.repeat(32) as Parameters<typeof blobs.manifest>[0]['blob'];
    const answers = async (name: string): Promise<string> => {
      const resource = federatedId(owner, localId('git', name));
      const follow = wire.follow({ resource, epoch: 0, sequence: 0 })[Symbol.asyncIterator]();
      const said = await Promise.allSettled([
        wire.heads({ resources: [resource] }),
        follow.next(),
        wire.challenge({ resource, prefix: '1', salt: new Uint8Array(32) }),
        blobs.manifest({ resource, blob }),
        blobs
          .chunks({ resource, blob, indexes: [0] })
          [Symbol.asyncIterator]()
          .next(),
      ]);
      const told = said.map((one) =>
        one.status === 'fulfilled' ? one.value : reportOf(one.reason),
      );
      return JSON.stringify(told).replaceAll(`git/${name}`, 'git/NAME');
    };
    expect(await answers('secret')).toBe(await answers('nobody'));
    expect((await remote(catalogPeerContract, carrier).list({})).items).toEqual([]);
  });
});

describe('taking a share back', () => {
  test('freezes the mirror, lets no later commit through, and leaves what had arrived', async () => {
    const work = await publish(lubeck, 'withdrawn');
    const rule = await share('withdrawn');
    await must(bergen, 'mirror', 'add', 'lubeck:withdrawn');
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'withdrawn' });
    const arrived = await refOf(bergen, 'lubeck:withdrawn');
    await unshare(rule);
    await untilState(bergen, 'lubeck:withdrawn', { state: 'frozen' });
    expect(await seenBy(bergen)).not.toContain('withdrawn');
    const late = await commit(work, 'Made after the share was taken back');
    await push(work, lubeck, 'withdrawn');
    const round = await bergen.hansa('sync', 'now', 'lubeck:withdrawn');
    expect(round.code).toBe(3);
    expect(await refOf(bergen, 'lubeck:withdrawn')).toBe(arrived);
    // Shared again, it goes on from where it stood.
    await share('withdrawn');
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'withdrawn' });
    expect(await refOf(bergen, 'lubeck:withdrawn')).toBe(late);
  });

  test('ends a stream in flight at once, whatever the peer does', async () => {
    const work = await publish(lubeck, 'stream');
    const { carrier } = await linkByHand(await makePeer('riga'), lubeck, { mine: true });
    const rule = await must<ShownRule>(lubeck, 'share', 'add', 'stream', '--to', 'riga');
    const resource = federatedId(owner, localId('git', 'stream'));
    const wire = remote(syncPeerContract, carrier);
    const stream = wire.follow({ resource, epoch: 0, sequence: 0 })[Symbol.asyncIterator]();
    let item = await stream.next();
    while (item.done !== true && 'change' in item.value) {
      item = await stream.next();
    }
    const waiting = stream.next().catch((error: unknown) => error);
    await unshare(rule);
    await commit(work, 'Not for riga any more');
    await push(work, lubeck, 'stream');
    expect(isHansaError(await waiting, 'RESOURCE_NOT_FOUND')).toBe(true);
    expect((await wire.heads({ resources: [resource] })).heads).toEqual([null]);
  });

  test('ends the transfer of a blob in flight: what was not sent yet is never sent', async () => {
    const work = await publish(lubeck, 'heavy');
    const chunksInAll = 24; // of 1 MiB: several times what both sides buffer
    writeFileSync(join(work, 'cargo.bin'), randomBytes(chunksInAll * 1_024 * 1_024));
    await commit(work, 'Take cargo on board');
    await push(work, lubeck, 'heavy');
    const { carrier } = await linkByHand(await makePeer('tallinn'), lubeck, { mine: true });
    const rule = await must<ShownRule>(lubeck, 'share', 'add', 'heavy', '--to', 'tallinn');
    const resource = federatedId(owner, localId('git', 'heavy'));
    const blob = await largestBlob(remote(syncPeerContract, carrier), resource);
    const indexes = Array.from({ length: chunksInAll }, (_, index) => index);
    const blobs = remote(blobPeerContract, carrier);
    const stream = blobs.chunks({ resource, blob, indexes })[Symbol.asyncIterator]();
    expect((await stream.next()).done).toBe(false);
    await unshare(rule);
    let arrived = 1;
    const drain = async (): Promise<void> => {
      while ((await stream.next()).done !== true) {
        arrived += 1;
      }
    };
    await expect(drain()).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    expect(arrived).toBeLessThan(chunksInAll);
  });
});

/** The one that a stranger would most like to have: named by the newest changes of the log. */
async function largestBlob(wire: SyncPeer, resource: FederatedId): Promise<BlobId> {
  let largest: { id: BlobId; sizeBytes: number } | undefined;
  for await (const item of wire.follow({ resource, epoch: 0, sequence: 0 })) {
    if ('head' in item) {
      break;
    }
    for (const op of item.change.change.ops) {
      for (const blob of 'put' in op ? op.put.blobs : []) {
        largest = largest === undefined || blob.sizeBytes > largest.sizeBytes ? blob : largest;
      }
    }
  }
  return largest!.id;
}

describe('a rule', () => {
  test('--plan tells who would gain and lose what, as it then comes, and changes nothing', async () => {
    await publish(lubeck, 'planned');
    const before = await rulesOf(lubeck);
    const words = ['share', 'add', 'planned', '--to', 'bergen'];
    const plan = await must<Plan>(lubeck, ...words, '--plan');
    const gain = { peerName: 'bergen', resource: 'git/planned', verbs: ['see', 'pull'] };
    expect(plan.rows).toEqual([expect.objectContaining({ change: 'gains', ...gain })]);
    expect(await rulesOf(lubeck)).toEqual(before);
    expect(await seenBy(bergen)).not.toContain('planned');

    const rule = await must<ShownRule>(lubeck, ...words);
    expect(await seenBy(bergen)).toContain('planned');
    const removal = await must<Plan>(lubeck, 'share', 'remove', rule.id, '--plan');
    expect(removal.rows).toEqual([expect.objectContaining({ change: 'loses', ...gain })]);
    expect(await seenBy(bergen)).toContain('planned');
    const again = await must<Plan>(lubeck, ...words, '--plan');
    expect(again.rows).toEqual([]);
    await unshare(rule);
    expect(await seenBy(bergen)).not.toContain('planned');
  });

  test('why names the rule that decides, or says that there is none', async () => {
    await publish(lubeck, 'asked');
    const why = (verb: string) => must<Decision>(lubeck, 'why', 'bergen', verb, 'asked');
    expect(await why('pull')).toMatchObject({ allowed: false, reason: 'no rule allows it' });
    const rule = await share('asked');
    expect(await why('pull')).toMatchObject({ allowed: true, rule: { id: rule.id } });
    expect(await why('push')).toMatchObject({ allowed: false, rule: { id: rule.id } });
  });

  test('that denies beats every rule that allows, whichever came first', async () => {
    await publish(lubeck, 'denied');
    const allow = await share('denied', '--allow', 'see,pull,push');
    expect(await seenBy(bergen)).toContain('denied');
    const deny = await share('den*', '--deny', 'see,pull,push');
    expect(await seenBy(bergen)).not.toContain('denied');
    const later = await share('denied');
    expect(await seenBy(bergen)).not.toContain('denied');
    const why = await must<Decision>(lubeck, 'why', 'bergen', 'pull', 'denied');
    expect(why).toMatchObject({ allowed: false, rule: { id: deny.id, effect: 'deny' } });
    await unshare(deny);
    expect(await seenBy(bergen)).toContain('denied');
    await Promise.all([unshare(allow), unshare(later)]);
  });

  test('with --expires ends by itself: the mirror freezes', async () => {
    await publish(lubeck, 'lent');
    const rule = await share('lent', '--expires', '4s');
    expect(rule.expiresMs).toBeGreaterThan(0);
    await must(bergen, 'mirror', 'add', 'lubeck:lent');
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'lent' });
    await until('the catalog no longer lists it', async () => {
      const names = await seenBy(bergen);
      return names.includes('lent') ? notYet(names) : true;
    });
    await untilState(bergen, 'lubeck:lent', { state: 'frozen' });
    expect((await showMirror(bergen, 'lubeck:lent')).applied?.sequence).toBeGreaterThan(0);
  });
});
