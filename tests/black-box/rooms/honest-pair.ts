// Two honest clusters, one of which mirrors the other: what a third one must not disturb.
import { randomBytes } from 'node:crypto';
import type { Link } from '@hansa/capabilities/links/contract';
import { expect } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { linkClusters, must } from '../harness/linking.ts';
import { notYet, until } from '../harness/until.ts';
import { residentBytes } from './processes.ts';

// what may wait for one peer, and what a runtime has not cleared away yet; a gigabyte is claimed
const memoryGrowthMax = 400 * 1_024 * 1_024;

export interface HonestPair {
  /** Mirrors lubeck's space `honest`. */
  readonly bergen: Cluster;
  readonly lubeck: Cluster;
  /** What lubeck writes now arrives, the link is green, and bergen's memory has not grown much. */
  requireUnharmed(): Promise<void>;
}

export async function startHonestPair(): Promise<HonestPair> {
  const [bergen, lubeck] = await Promise.all([
    startCluster({ name: 'bergen', flags: ['--sync-interval', '2'] }),
    startCluster({ name: 'lubeck' }),
  ]);
  await linkClusters(lubeck, bergen);
  await must(lubeck, 'kv', 'create', 'honest');
  await must(lubeck, 'share', 'add', 'honest', '--to', 'bergen');
  await must(lubeck, 'kv', 'put', 'honest', 'word', '0');
  await must(bergen, 'mirror', 'add', 'lubeck:kv/honest');
  const residentBefore = residentBytes(bergen.pid);
  return {
    bergen,
    lubeck,
    async requireUnharmed() {
      const word = randomBytes(8).toString('hex');
      await must(lubeck, 'kv', 'put', 'honest', 'word', word);
      await until('the honest word arrives', async () => {
        const done = await bergen.hansa('kv', 'get', 'lubeck:honest', 'word');
        return done.stdout.includes(word) ? true : notYet(done);
      });
      const { body } = await bergen.api<Link>('GET', '/links/lubeck');
      expect(['live', 'idle']).toContain(body.status);
      expect(residentBytes(bergen.pid) - residentBefore).toBeLessThan(memoryGrowthMax);
    },
  };
}
