// A peer that moved is found again: by its own word, by others that pass it on, and by a directory.
// What is found links nobody and is believed only as far as its key has signed it.
import type { DiscoveryStatus, Found } from '@hansa/capabilities/discovery/contract';
import type { Profile } from '@hansa/capabilities/identity/contract';
import type { Link } from '@hansa/capabilities/links/contract';
import { createNodeCrypto } from '@hansa/crypto-node';
import { openDhtDirectory, type DhtDirectory } from '@hansa/discovery-dht';
import { silentLog } from '@hansa/foundation';
import { afterAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, linkOf, must, untilLinked, untilStatus } from './harness/linking.ts';
import { until } from './harness/until.ts';
import { freeUdpPort } from './rooms/free-ports.ts';

const started: DhtDirectory[] = [];
afterAll(async () => {
  await Promise.all(started.map((node) => node.close()));
});

async function idOf(cluster: Cluster): Promise<string> {
  return (await cluster.api<Profile>('GET', '/identity')).body.cluster;
}

async function foundBy(cluster: Cluster): Promise<readonly Found[]> {
  return (await must<{ found: Found[] }>(cluster, 'discovery', 'list')).found;
}

/** Ends it, lets its peer see that, and starts it elsewhere: the new port. */
async function move(cluster: Cluster, seenBy: Cluster, flags: readonly string[]): Promise<number> {
  const port = await freeUdpPort();
  await cluster.stop();
  await untilStatus(seenBy, cluster.name, { statuses: ['disconnected', 'connecting'] });
  await cluster.restart([...flags, '--link-port', String(port)]);
  return port;
}

function addressesOf({ endpoints }: Pick<Link, 'endpoints'>): readonly string[] {
  return endpoints.flatMap(({ addresses }) => addresses);
}

describe('a peer that comes back on another port', () => {
  test('and dials us has told us its new address with that', async () => {
    const [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await linkClusters(lubeck, bergen);
    const port = await move(bergen, lubeck, []);
    await untilLinked(lubeck, 'bergen');
    await until('lubeck knows the new port', async () =>
      addressesOf(await linkOf(lubeck, 'bergen')).some((each) => each.endsWith(`:${port}`)),
    );
    expect(await foundBy(lubeck)).toEqual([]);
  });

  test('and cannot dial us is found by what a third cluster passes on', async () => {
    const gossip = ['--gossip', 'on'];
    const [lubeck, bergen, visby] = await Promise.all([
      startCluster({ name: 'lubeck', flags: gossip }),
      startCluster({ name: 'bergen', flags: gossip }),
      startCluster({ name: 'visby', flags: gossip }),
    ]);
    await linkClusters(lubeck, bergen, { serveOnlyB: true });
    await Promise.all([linkClusters(lubeck, visby), linkClusters(bergen, visby)]);
    const port = await move(bergen, lubeck, gossip);
    await untilLinked(lubeck, 'bergen');
    const link = await until('lubeck keeps the new address', async () => {
      const now = await linkOf(lubeck, 'bergen');
      return addressesOf(now).some((each) => each.endsWith(`:${port}`)) && now;
    });
    expect(link.mine).toBe(true);

    const [found] = (await foundBy(lubeck)).filter(({ linkedAs }) => linkedAs === 'bergen');
    expect(found).toMatchObject({ name: 'bergen', verified: true });
    expect(found?.heard.map(({ source }) => source)).toEqual(['gossip']);
    expect(addressesOf(found ?? { endpoints: [] }).join()).toContain(`:${port}`);
    const asked = await must<Found>(lubeck, 'discovery', 'find', await idOf(bergen));
    expect(asked.counter).toBe(found?.counter);
    const { gossip: told } = await must<DiscoveryStatus>(visby, 'discovery', 'status');
    expect(told).toMatchObject({ on: true, refused: 0 });
    expect(told.forwarded).toBeGreaterThan(0);
  });

  test('and cannot dial us is found in the DHT, where both want that', async () => {
    const crypto = createNodeCrypto();
    const bind = { host: '127.0.0.1', port: 0 };
    const open = async (bootstrap: readonly string[]): Promise<DhtDirectory> => {
      const node = await openDhtDirectory({ bind, bootstrap, crypto, log: silentLog });
      started.push(node);
      return node;
    };
    const { address } = await open([]);
    await Promise.all([open([address]), open([address])]);
    const dht = ['--dht', 'on', '--dht-bootstrap', address];
    const [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck', flags: dht }),
      startCluster({ name: 'bergen', flags: dht }),
    ]);
    await linkClusters(lubeck, bergen, { serveOnlyB: true });
    const port = await move(bergen, lubeck, dht);
    await until('bergen has published', async () => {
      const { body } = await bergen.api<DiscoveryStatus>('GET', '/discovery/status');
      return body.dht.publishedMs !== undefined;
    });
    const found = await must<Found>(lubeck, 'discovery', 'find', await idOf(bergen));
    expect(found).toMatchObject({ name: 'bergen', linkedAs: 'bergen', verified: true });
    expect(found.heard[0]?.source).toBe('dht');
    expect(addressesOf(found).join()).toContain(`:${port}`);
    await untilLinked(lubeck, 'bergen');
  });
});

describe('what is found', () => {
  test('links nobody, and where every way is off nothing is said or known', async () => {
    const [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen', flags: ['--gossip', 'on'] }),
    ]);
    await linkClusters(lubeck, bergen);
    await until('lubeck has heard of bergen', async () => (await foundBy(lubeck)).length === 1);
    expect(await foundBy(bergen)).toEqual([]);
    const { announced } = await must<DiscoveryStatus>(lubeck, 'discovery', 'status');
    expect(announced).toBeUndefined();
    const unknown = await lubeck.hansa('discovery', 'find', '1'.repeat(64));
    expect(unknown.code).toBe(3);
    expect(unknown.report().code).toBe('CLUSTER_UNKNOWN');
  });

  test('a relay that is no https URL stops the start with CONFIG_INVALID', async () => {
    const flags = ['--relays', 'http://relay.example'];
    await expect(startCluster({ name: 'lubeck', flags })).rejects.toThrow('https://');
  });

  test('a relay is shown, and the node runs on where nobody answers there', async () => {
    const flags = ['--relays', 'https://127.0.0.1:9'];
    const lubeck = await startCluster({ name: 'lubeck', flags });
    const { relays } = await must<DiscoveryStatus>(lubeck, 'discovery', 'status');
    expect(relays).toEqual(['https://127.0.0.1:9']);
  });
});

test('a node that dials a peer which is gone stops at once', async () => {
  const [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'bergen' }),
  ]);
  await linkClusters(lubeck, bergen);
  await bergen.kill();
  await untilStatus(lubeck, 'bergen', { statuses: ['connecting'], withinMs: 60_000 });
  const began = performance.now();
  await lubeck.stop();
  expect(performance.now() - began).toBeLessThan(2_000);
});
