import { createSystemClock } from '@hansa/system-node';
import { utf8 } from '@hansa/foundation';
import { afterAll, beforeAll, describe } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { inScope, storeSuite } from '../../testkit/store.suite.ts';
import type { StoreFixture } from '../../testkit/store-fixture.ts';
import { openEtcdStore } from './etcd-store.ts';

describe.skipIf(!requires('etcd').available)('with etcd', () => {
  let etcd: EtcdCluster;
  let stores = 0;
  beforeAll(async () => {
    etcd = await startEtcd({ progressEveryMs: 500 });
  });
  afterAll(() => etcd.end());

  /** Every store has a part of etcd to itself; only compaction and revisions are everybody's. */
  const make = async (): Promise<StoreFixture> => {
    const { endpoints } = etcd;
    stores += 1;
    const prefix = utf8(`store${stores}/`);
    // A machine that tests on all cores may be slow to answer; nothing here fails on purpose.
    const times = { attemptMs: 10_000, callMs: 30_000 };
    const store = await openEtcdStore({ endpoints, prefix, times, clock: createSystemClock() });
    const cleanup = async (): Promise<void> => {
      // So that no lease of this store ends with a revision in the middle of the next one's test.
      await store.batchWrite([{ delete: { prefix: utf8('') } }]);
      await store.close();
    };
    return { store, cleanup };
  };

  storeSuite('the etcd store', make);
  storeSuite('a scope of the etcd store', inScope(make));
});
