// Spaces of one cluster on a store in memory, for tests of what is built over them.
import type { Kv } from '@hansa/capabilities/kv/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { scopeStore, silentLog } from '@hansa/foundation';
import { createKv } from '../capabilities/kv/service.ts';
import { noLanes } from './no-lanes.ts';
import { noMirrors } from './no-mirrors.ts';
import { createResourceBench } from './resource-bench.ts';
import { createSeededRandom } from './seeded-random.ts';

export async function openKv(): Promise<Kv> {
  const bench = createResourceBench();
  const { kv } = createKv({
    codec: createMsgpackCodec(),
    clock: bench.clock,
    signer: bench.signer,
    resources: await bench.open(),
    mirrors: noMirrors,
    lanes: noLanes,
    log: silentLog,
    store: scopeStore(bench.store, 'kv'),
    random: createSeededRandom(7),
  });
  return kv;
}
