import { federatedId, HansaError, localId, silentLog } from '@hansa/foundation';
import { createNodeCrypto } from '@hansa/crypto-node';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, settled } from '../../testkit/test-cluster.ts';
import type { StoredRepository } from './caches.ts';
import { keepRepacking, packsKeptMax, repackIntervalMs } from './repacking.ts';

function repository(name: string): StoredRepository {
  return {
    resource: federatedId(clusterOf(createNodeCrypto(), 1), localId('git', name)),
    epoch: 1,
    entry: async () => undefined,
    async *entries() {
      yield* [];
    },
  };
}

test('repositories of many packs are repacked by and by, and one that cannot be keeps no other from it', async () => {
  const clock = createHandClock();
  const ending = new AbortController();
  const packs = new Map([
    ['few', packsKeptMax],
    ['broken', packsKeptMax + 1],
    ['many', packsKeptMax + 1],
  ]);
  const ready: string[] = [];
  const nameOf = ({ resource }: Pick<StoredRepository, 'resource'>): string =>
    resource.slice(resource.indexOf('/') + 1);
  const over = keepRepacking(
    {
      clock,
      log: silentLog,
      repositories: async () => [...packs.keys()].map(repository),
      caches: {
        key: nameOf,
        exclusively: (_key, work) => work(),
        ready: async (each) => void ready.push(nameOf(each)),
      },
      git: {
        countObjects: async (key) => ({ objects: 1, packs: packs.get(key) ?? 0, sizeBytes: 1 }),
        async repack(key) {
          if (key === 'broken') {
            throw new HansaError('GIT_FAILED', 'a pack is damaged');
          }
          packs.set(key, 1);
        },
      },
    },
    ending.signal,
  ).catch(() => 'ended');
  await settled(() => clock.sleepers === 1);
  expect(ready).toEqual([]);
  clock.advance(repackIntervalMs);
  await settled(() => clock.sleepers === 1);
  expect(ready).toEqual(['few', 'broken', 'many']);
  expect([...packs.values()]).toEqual([packsKeptMax, packsKeptMax + 1, 1]);
  ending.abort();
  expect(await over).toBe('ended');
});
