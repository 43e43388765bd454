// Clusters that own, serve and mirror, without links between them: each is told whom it may call,
// and every answer takes the road of the contract. For tests of what crosses between two.
import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import type { Policies } from '@hansa/capabilities/policies/contract';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import type { FederatedKind } from '@hansa/capabilities/sync/contract';
import { mirrorTables, type MirrorTables } from '@hansa/capabilities/sync/keys';
import { silentLog, type Blobs, type Carrier, type ClusterId, type Log } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { createPolicies } from '../capabilities/policies/service.ts';
import type { ResourceLogNeeds } from '../capabilities/resources/appending.ts';
import { createHistory } from '../capabilities/resources/history.ts';
import { createResourceLog, type StartedLog } from '../capabilities/resources/log.ts';
import { createSync, type SyncService } from '../capabilities/sync/service.ts';
import { blobPeerContract, syncPeerContract } from '../capabilities/sync/wire.ts';
import { createSeededRandom } from './seeded-random.ts';
import {
  callerOf,
  carrierTo,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  type TestPeers,
} from './test-cluster.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const clock = createSystemClock();
const peerNode = 99; // the node from which everybody calls

export interface PairedCluster {
  readonly id: ClusterId;
  readonly sync: SyncService;
  readonly resources: ResourceLog;
  readonly started: StartedLog;
  readonly policies: Policies;
  readonly peers: TestPeers;
  readonly tables: MirrorTables;
  readonly store: ReturnType<typeof createMemoryStore>;
  readonly blobs: Blobs;
  /** Ends what runs by itself; the store stays, and another cluster can be found on it. */
  end(): Promise<void>;
}

export interface PairOptions {
  readonly kept?: ResourceLogNeeds['kept'];
  readonly store?: ReturnType<typeof createMemoryStore>;
  readonly blobs?: Blobs;
  readonly log?: Log;
  /** Between two rounds of repair. */
  readonly intervalMs?: number;
}

const plainKind: FederatedKind = {
  kind: 'kv',
  stage: async () => ({ commit: async () => undefined, discard: async () => undefined }),
  settle: async () => undefined,
  purge: async () => undefined,
};

export async function foundCluster(
  byte: number,
  name: string,
  options: PairOptions = {},
): Promise<PairedCluster> {
  const life = new AbortController();
  const signer = createTestSigner(crypto, byte, name);
  const peers = createTestPeers();
  const base = {
    codec,
    crypto,
    clock,
    signer,
    peers,
    random: createSeededRandom(byte),
    log: options.log ?? silentLog,
    news: { subscribe: () => () => undefined },
  };
  const { kept, intervalMs } = options;
  const started = createResourceLog({ ...base, store: createMemoryStore({ clock }), kept });
  await started.start(life.signal);
  const resources = started.log;
  const ruled = createPolicies({ ...base, store: createMemoryStore({ clock }), resources });
  await ruled.start(life.signal);
  const store = options.store ?? createMemoryStore({ clock });
  const blobs = options.blobs ?? createMemoryBlobs({ crypto });
  const { enforcement } = ruled;
  const history = createHistory(crypto);
  const sync = createSync({ ...base, store, blobs, history, resources, enforcement, intervalMs });
  sync.mirrors.registerKind(plainKind);
  await sync.start(life.signal);
  const running = sync.mirroring.run(life.signal);
  const tables = mirrorTables(store, codec);
  const { policies } = ruled;
  return {
    id: signer.cluster,
    sync,
    resources,
    started,
    policies,
    peers,
    tables,
    store,
    blobs,
    async end() {
      life.abort();
      await running.catch(() => undefined);
    },
  };
}

/** `to` may call `at`, as a link lets it; `through` sees every call on its way. */
export function connectTo(
  to: PairedCluster,
  at: PairedCluster,
  given: { readonly name: string; through?(carrier: Carrier): Carrier },
): void {
  const caller = callerOf(to.id, nodeOf(crypto, peerNode));
  const served = [
    { contract: syncPeerContract, service: at.sync.syncPeer },
    { contract: blobPeerContract, service: at.sync.blobPeer },
  ];
  const carrier = carrierTo(served, caller);
  to.peers.set(linked(at.id, given.name), given.through?.(carrier) ?? carrier);
}
