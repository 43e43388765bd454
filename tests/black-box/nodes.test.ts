// A cluster of three nodes on etcd: real processes, killed, hung, drained and taken out, while
// clients call.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kvContract, type Kv } from '@hansa/capabilities/kv/contract';
import type { ScrubReport } from '@hansa/capabilities/scrub/contract';
import { createClusterCarrier } from '@hansa/client';
import { remote } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { gitOk, makeRepository } from './harness/git.ts';
import { linkClusters, must } from './harness/linking.ts';
import { listOf, startNodes, ticketOf, type ClusterOfNodes } from './harness/nodes.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';
import { loginTo } from './rooms/pair.ts';

const space = 'prices';

describe.skipIf(!requires('etcd').available)('a cluster of three nodes', () => {
  let cluster: ClusterOfNodes;
  let kv: Kv;

  beforeAll(async () => {
    cluster = await startNodes({ name: 'lubeck', count: 3, members: 3 });
    await must(await cluster.active(), 'kv', 'create', space);
    kv = clientOf(cluster.nodes);
  }, 120_000);

  async function allThere(): Promise<void> {
    await until('all nodes are there, and one is active', async () => {
      const listed = await listOf(await cluster.active());
      const well = listed.filter(({ role }) => role !== 'away').length === cluster.nodes.length;
      return well || notYet(listed);
    });
  }

  test('any node serves any request, and says the same', async () => {
    for (const [at, node] of cluster.nodes.entries()) {
      await must(node, 'kv', 'put', space, `from-${at}`, String(at));
    }
    for (const node of cluster.nodes) {
      const { entries } = await must<{ entries: { key: string }[] }>(node, 'kv', 'list', space);
      expect(entries.map(({ key }) => key)).toEqual(['from-0', 'from-1', 'from-2']);
      const roles = (await listOf(node)).map(({ role }) => role).toSorted();
      expect(roles).toEqual(['active', 'standby', 'standby']);
    }
    const health = await must<{ healthy: boolean; store: object }>(
      await cluster.active(),
      'cluster',
      'health',
    );
    expect(health).toMatchObject({ healthy: true, store: { engine: 'etcd' } });
  });

  test('a ticket lets one node in once; garbled, used and expired ones are told apart from good ones', async () => {
    const active = await cluster.active();
    const used = await ticketOf(active);
    const joined = await cluster.join('n4');
    const stranger = prepareCluster({ name: 'lubeck', flags: ['--join', used] });
    await stranger.restart();
    await stranger.stop();
    for (const ticket of [used, `${used}x`, 'hansa-node_e30']) {
      const late = prepareCluster({ name: 'lubeck' });
      const done = await late.hansa(
        'up',
        '--name',
        'lubeck',
        '--data',
        late.data,
        '--join',
        ticket,
      );
      expect(done.stderr).toContain('NODE_TICKET_INVALID');
      expect(done.code).toBe(4);
    }
    const names = (await listOf(active)).filter(({ role }) => role === 'away');
    for (const { name } of names) {
      await must(active, 'node', 'remove', name, '--yes');
    }
    await must(active, 'node', 'drain', 'n4', '--yes');
    await must(active, 'node', 'remove', 'n4', '--yes');
    await until(
      'the removed node ends',
      async () => (await listOf(joined).catch(() => 'gone')) === 'gone',
    );
    const again = await joined.hansa('up', '--name', 'lubeck', '--data', joined.data);
    expect(again.stderr).toContain('NODE_REMOVED');
    (cluster.nodes as Cluster[]).pop();
  });

  test('a folder that has a store of its own is not started on another', async () => {
    const solo = await startCluster({ name: 'solo' });
    await solo.stop();
    const args = ['up', '--name', 'solo', '--data', solo.data];
    const done = await solo.hansa(...args, '--store', `${cluster.storeUrl}-solo`);
    expect(done.stderr).toContain('hansa store migrate');
    expect(done.code).toBe(2);
    await solo.restart();
  });

  test(
    'the active node killed while clients write: another takes over, and nothing is lost',
    { timeout: 120_000 },
    async () => {
      const writing = writeUntil(kv, 'killed');
      await until('some are written', () => writing.acked.length > 20);
      const victim = await cluster.active();
      await victim.kill();
      const before = writing.acked.length;
      await until('writes are taken again', () => writing.acked.length > before + 5);
      await writing.end();
      await requireAll(kv, writing.acked);
      await victim.restart();
      await allThere();
    },
  );

  test(
    'nodes stopped and started one after another, as for an upgrade: no call fails',
    { timeout: 120_000 },
    async () => {
      const writing = writeUntil(kv, 'rolled');
      for (const node of cluster.nodes) {
        await until('some are written', () => writing.acked.length % 10 > 5);
        await node.restart();
        await allThere();
      }
      await writing.end();
      expect(writing.failed).toEqual([]);
      await requireAll(kv, writing.acked);
    },
  );

  test(
    'a node that hung past its lease has written nothing since, and stands by when it wakes',
    { timeout: 120_000 },
    async () => {
      const hung = await cluster.active();
      hung.pause();
      try {
        await until('another is active', async () => (await cluster.active()) !== hung);
        // Whoever asks the hung node waits: what it heard of this, nobody can know.
        const awake = clientOf(cluster.nodes.filter((node) => node !== hung));
        await awake.put({ space, key: 'after', text: 'hung' });
      } finally {
        hung.resume();
      }
      await until('it stands by', async () => {
        const { entries } = await must<{ entries: unknown[] }>(hung, 'kv', 'list', space);
        return entries.length > 0;
      });
      expect(hung.log()).toContain('nodes.deposed');
      expect(await kv.get({ space, key: 'after' })).toMatchObject({ text: 'hung' });
      await allThere();
    },
  );

  test(
    'the active node and etcd’s leader killed together: another takes over all the same',
    { timeout: 120_000 },
    async () => {
      const writing = writeUntil(kv, 'both');
      await until('some are written', () => writing.acked.length > 5);
      const victim = await cluster.active();
      const leader = await cluster.etcd.leader();
      await Promise.all([victim.kill(), leader.kill()]);
      const before = writing.acked.length;
      await until('writes are taken again', () => writing.acked.length > before + 5);
      await writing.end();
      await requireAll(kv, writing.acked);
      await leader.start();
      await victim.restart();
      await allThere();
    },
  );

  test('a drained node gives over and takes over nothing; resumed, it serves again', async () => {
    const drained = await cluster.active();
    const { name } = (await listOf(drained)).find(({ role }) => role === 'active') ?? { name: '' };
    await must(drained, 'node', 'drain', name, '--yes');
    await until('another is active', async () => (await cluster.active()) !== drained);
    const health = await (await cluster.active()).hansa('cluster', 'health');
    expect(health.code).toBe(7);
    expect(health.stdout).toContain(`${name} is drained`);
    await must(await cluster.active(), 'node', 'resume', name);
    await allThere();
  });

  test(
    'what was pushed lies on two nodes, and is cloned from the one that takes over',
    { timeout: 120_000 },
    async () => {
      const active = await cluster.active();
      await must(active, 'repo', 'create', 'hansa');
      const work = await makeRepository('pushed');
      await gitOk(
        work,
        ...loginTo(active),
        'push',
        '--quiet',
        `${active.url}/git/hansa.git`,
        'main',
      );
      const pushed = await gitOk(work, 'rev-parse', 'HEAD');
      await active.kill();
      const next = await until('another is active', () => cluster.active());
      const folder = temporaryFolder('cloned');
      await gitOk(folder, ...loginTo(next), 'clone', '--quiet', `${next.url}/git/hansa.git`, 'it');
      expect(await gitOk(`${folder}/it`, 'rev-parse', 'HEAD')).toBe(pushed);
      await active.restart();
      await allThere();
    },
  );

  test('a bit that flips in a standby’s copy is found before it is needed, and put right', async () => {
    const active = await cluster.active();
    const holder = cluster.nodes.find((node) => node !== active && blobsOf(node).length > 0);
    const [path = ''] = holder === undefined ? [] : blobsOf(holder);
    const whole = readFileSync(path);
    const at = whole.length >> 1;
    const flipped = Buffer.from(whole);
    flipped[at] = (whole[at] ?? 0) ^ 1;
    writeFileSync(path, flipped);
    const scrubbed = await active.hansa('scrub', '--repair');
    const { found } = scrubbed.json<ScrubReport>();
    expect(found).toMatchObject([{ class: 'blobs', from: 'another node' }]);
    expect(found[0]?.name).toMatch(/ on n\d$/);
    expect(found[0]?.concerns).toHaveLength(1);
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect((await must<ScrubReport>(active, 'scrub')).found).toEqual([]);
  });

  test('a linked cluster’s mirror goes on after a takeover', { timeout: 120_000 }, async () => {
    const bergen = await startCluster({ name: 'bergen', flags: ['--sync-interval', '2'] });
    const active = await cluster.active();
    await linkClusters(active, bergen);
    await must(active, 'share', 'add', `kv/${space}`, '--to', 'bergen', '--allow', 'see,pull');
    await must(bergen, 'mirror', 'add', `lubeck:kv/${space}`);
    const seen = (key: string, text: string) =>
      until(`bergen has ${key}`, async () => {
        const got = await bergen.hansa('kv', 'get', `lubeck:${space}`, key);
        return (got.code === 0 && got.stdout.includes(text)) || notYet(got.stderr);
      });
    await kv.put({ space, key: 'crossing', text: 'first' });
    await seen('crossing', 'first');
    await active.kill();
    await kv.put({ space, key: 'crossing', text: 'second' });
    await seen('crossing', 'second');
    await active.restart();
    await allThere();
  });
});

function blobsOf({ data }: Cluster): readonly string[] {
  const folder = join(data, 'blobs', 'blobs');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

interface Writing {
  readonly acked: string[];
  readonly failed: unknown[];
  end(): Promise<void>;
}

/** One caller that writes keys of its own, one after another. */
function writeUntil(kv: Kv, prefix: string): Writing {
  const acked: string[] = [];
  const failed: unknown[] = [];
  let isOver = false;
  const run = async (): Promise<void> => {
    for (let number = 0; !isOver; number += 1) {
      const key = `${prefix}-${number}`;
      try {
        await kv.put({ space, key, text: key });
        acked.push(key);
      } catch (error) {
        failed.push(error);
      }
    }
  };
  const running = run();
  return {
    acked,
    failed,
    async end() {
      isOver = true;
      await running;
    },
  };
}

async function requireAll(kv: Kv, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    expect(await kv.get({ space, key })).toMatchObject({ text: key });
  }
}

function clientOf(nodes: readonly Cluster[]): Kv {
  const [first] = nodes;
  const token = first?.token();
  const carrier = createClusterCarrier({
    nodes: nodes.map(({ url }) => ({ url, token })),
    timeoutMs: 30_000,
  });
  return remote(kvContract, carrier);
}
