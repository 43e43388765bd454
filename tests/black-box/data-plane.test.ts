// Large transfers leave the link for a plane of their own, and nothing depends on it: a cluster
// that keeps everything on QUIC gets the same, the link beats on, and a mirror helps out.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Link } from '@hansa/capabilities/links/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { gitOk } from './harness/git.ts';
import { linkClusters, linkOf, must } from './harness/linking.ts';
import { mirrorUrl, publish, push, untilCaughtUp } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { until } from './harness/until.ts';

const largeBytes = 8 * 1_024 * 1_024;

/** A file that no pack makes smaller. */
async function commitLarge(folder: string, name: string): Promise<string> {
  const bytes = randomBytes(largeBytes);
  writeFileSync(join(folder, name), bytes);
  await gitOk(folder, 'add', '.');
  await gitOk(folder, 'commit', '--quiet', '--message', name);
  return hashOf(bytes);
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What stock git gets of a mirror. */
async function hashAt(cluster: Cluster, name: string, file: string): Promise<string> {
  const folder = temporaryFolder('clone');
  await gitOk(folder, 'clone', '--quiet', mirrorUrl(cluster, 'lubeck', name), 'clone');
  return hashOf(readFileSync(join(folder, 'clone', file)));
}

/** Looks at a link until the work is done: every status, and the longest silence. */
async function watching(
  cluster: Cluster,
  peer: string,
  work: Promise<unknown>,
): Promise<{ statuses: Set<string>; silentMsMax: number }> {
  const seen = { statuses: new Set<string>(), silentMsMax: 0 };
  let over = false;
  const ended = work.finally(() => {
    over = true;
  });
  await until(
    'the work is done',
    async () => {
      const link = await linkOf(cluster, peer);
      seen.statuses.add(link.status);
      seen.silentMsMax = Math.max(seen.silentMsMax, link.silentMs ?? 0);
      return over ? true : undefined;
    },
    60_000,
  );
  await ended;
  return seen;
}

describe('a large transfer', () => {
  let lubeck: Cluster;
  let bergen: Cluster;
  let visby: Cluster;
  let folder: string;
  let sent: string;

  beforeAll(async () => {
    [lubeck, bergen, visby] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
      startCluster({ name: 'visby', flags: ['--data-plane', 'iroh-only'] }),
    ]);
    await linkClusters(lubeck, bergen);
    await linkClusters(lubeck, visby);
    folder = await publish(lubeck, 'large');
    sent = await commitLarge(folder, 'first.bin');
    await push(folder, lubeck, 'large');
    await must(lubeck, 'share', 'add', 'large', '--to', 'bergen');
    await must(lubeck, 'share', 'add', 'large', '--to', 'visby');
  });

  test('goes over the plane and leaves the link alone: every beat comes, and it stays live', async () => {
    await must(bergen, 'mirror', 'add', 'lubeck:large');
    const arrival = untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'large' });
    const { statuses, silentMsMax } = await watching(bergen, 'lubeck', arrival);
    expect(await hashAt(bergen, 'large', 'first.bin')).toBe(sent);
    const [here, there] = [await linkOf(bergen, 'lubeck'), await linkOf(lubeck, 'bergen')];
    expect(here.bulk).toMatchObject({ carries: 'tls' });
    expect(here.bulk?.tls.receivedBytes).toBeGreaterThan(largeBytes);
    expect(there.bulk?.tls.sentBytes).toBe(here.bulk?.tls.receivedBytes);
    expect(here.bulk?.iroh.receivedBytes ?? 0).toBeLessThan(largeBytes / 4);
    expect([...statuses].filter((each) => !['live', 'idle'].includes(each))).toEqual([]);
    // A beat comes every 2 s; three missed ones would be called stalled.
    expect(silentMsMax).toBeLessThan(4_000);
    const shown = await bergen.hansaPlain('link', 'show', 'lubeck');
    expect(shown.stdout).toMatch(/bulk\s+over tls since/);
  });

  test('stays on the link where one side says so, and arrives all the same', async () => {
    await must(visby, 'mirror', 'add', 'lubeck:large');
    const arrival = untilCaughtUp({ owner: lubeck, cluster: visby, name: 'large' });
    const { statuses } = await watching(visby, 'lubeck', arrival);
    expect(await hashAt(visby, 'large', 'first.bin')).toBe(sent);
    const { bulk } = await linkOf(visby, 'lubeck');
    expect(bulk).toMatchObject({ carries: 'iroh', reason: /keeps all traffic on the link/ });
    expect(bulk?.tls).toEqual({ sentBytes: 0, receivedBytes: 0 });
    expect(bulk?.iroh.receivedBytes).toBeGreaterThan(largeBytes);
    expect([...statuses].filter((each) => !['live', 'idle'].includes(each))).toEqual([]);
    const shown = await visby.hansaPlain('link', 'show', 'lubeck');
    expect(shown.stdout).toMatch(/bulk\s+over iroh: this cluster keeps all traffic on the link/);
  });

  test('goes over the link again where the owner comes back without a plane', async () => {
    await lubeck.restart(['--data-plane', 'iroh-only']);
    const again = await commitLarge(folder, 'second.bin');
    await push(folder, lubeck, 'large');
    await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'large' });
    expect(await hashAt(bergen, 'large', 'second.bin')).toBe(again);
    const { bulk } = await linkOf(bergen, 'lubeck');
    const reason = /the peer keeps all traffic on the link/;
    expect(bulk).toMatchObject({ carries: 'iroh', reason });
  });

  test('has a port that is kept, where nobody is let in without a ticket', async () => {
    const ports = (): { plane: number } =>
      JSON.parse(readFileSync(join(bergen.data, 'ports.json'), 'utf8')) as { plane: number };
    const { plane } = ports();
    await bergen.restart();
    expect(ports().plane).toBe(plane);
    const socket = connect(plane, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });

  test('comes from a mirror as well, where the mirror shares it on', async () => {
    await lubeck.restart([]);
    const malmo = await startCluster({ name: 'malmo' });
    await linkClusters(lubeck, malmo);
    await linkClusters(bergen, malmo);
    const owner = (await linkOf(bergen, 'lubeck')).peer;
    const rule = {
      effect: 'allow',
      resources: { kind: 'git', name: 'large', owner },
      peers: { peer: 'malmo' },
      verbs: ['see', 'pull'],
    };
    const made = await bergen.api('POST', '/rules', rule);
    expect(made.status).toBe(200);
    await must(lubeck, 'share', 'add', 'large', '--to', 'malmo');
    await must(malmo, 'mirror', 'add', 'lubeck:large');
    await untilCaughtUp({ owner: lubeck, cluster: malmo, name: 'large' });
    expect(await hashAt(malmo, 'large', 'first.bin')).toBe(sent);
    const moved = async (peer: string): Promise<number> => {
      const { bulk }: Link = await linkOf(malmo, peer);
      return (bulk?.tls.receivedBytes ?? 0) + (bulk?.iroh.receivedBytes ?? 0);
    };
    const [fromOwner, fromMirror] = [await moved('lubeck'), await moved('bergen')];
    expect(fromOwner).toBeGreaterThan(0);
    expect(fromMirror).toBeGreaterThan(1_024 * 1_024);
    expect(fromOwner + fromMirror).toBeLessThan(3 * largeBytes);
  });
});
