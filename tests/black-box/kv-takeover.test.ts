// Leases of a cluster of nodes on etcd: the node that counted their time dies, and another one goes
// on with it.
import { kvContract, type Kv } from '@hansa/capabilities/kv/contract';
import { createClusterCarrier } from '@hansa/client';
import { remote } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { must } from './harness/linking.ts';
import { startNodes, type ClusterOfNodes } from './harness/nodes.ts';
import { notYet, until } from './harness/until.ts';

const space = 'services';
const ttlSeconds = 20; // twice what a takeover takes: in between, nobody can keep it

describe.skipIf(!requires('etcd').available)('a lease on a cluster of nodes', () => {
  let cluster: ClusterOfNodes;
  let kv: Kv;

  beforeAll(async () => {
    cluster = await startNodes({ name: 'lubeck', count: 2 });
    await must(await cluster.active(), 'kv', 'create', space);
    const token = cluster.nodes[0]?.token();
    const nodes = cluster.nodes.map(({ url }) => ({ url, token }));
    kv = remote(kvContract, createClusterCarrier({ nodes, timeoutMs: 30_000 }));
  }, 120_000);

  const keysThere = async (): Promise<readonly string[]> =>
    (await kv.list({ space })).entries.map(({ key }) => key);

  test(
    'that is kept outlives its node, and one that is not ends at the next, never early',
    { timeout: 120_000 },
    async () => {
      const kept = await kv.grantLease({ space, ttlSeconds });
      const left = await kv.grantLease({ space, ttlSeconds });
      await kv.put({ space, key: 'kept', text: '', lease: kept.lease });
      await kv.put({ space, key: 'left', text: '', lease: left.lease });
      const grantedMs = Date.now();
      const keeping = setInterval(() => {
        kv.keepLease({ space, lease: kept.lease }).catch(() => undefined);
      }, 1_000);
      try {
        await (await cluster.active()).kill();
        await until('what was not kept is gone', async () => {
          const keys = await keysThere();
          return !keys.includes('left') || notYet(keys);
        });
        expect(Date.now() - grantedMs).toBeGreaterThanOrEqual(ttlSeconds * 1_000 - 500);
        expect(await keysThere()).toEqual(['kept']);
      } finally {
        clearInterval(keeping);
      }
      await until('what is kept no longer goes too', async () => {
        const keys = await keysThere();
        return keys.length === 0 || notYet(keys);
      });
    },
  );
});
