// Clusters in one process whose routers of signals meet over links: what policies grant and what
// namespaces say is set by the test.
import { peerSignals } from '@hansa/capabilities/signals/capability';
import type { NamespaceBook, StatedNamespace } from '@hansa/capabilities/namespaces/contract';
import type { Verb } from '@hansa/capabilities/policies/contract';
import type { SignalPeers } from '@hansa/capabilities/signals/contract';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  localId,
  silentLog,
  splitFederatedId,
  type Capability,
  type ClusterId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { FederationManager } from '../capabilities/signals/federation/manager.ts';
import { readValue, wireValue, type SignalValue } from '../capabilities/signals/frames/values.ts';
import type { SignalsPeer } from '../capabilities/signals/wire.ts';
import { createRouter, type Router } from '../capabilities/signals/router/router.ts';
import { createSeededRandom } from './seeded-random.ts';
import { carrierTo, clusterOf, createTestPeers, linked, type TestPeers } from './test-cluster.ts';

const crypto = createNodeCrypto();

export interface SignalCluster {
  readonly id: ClusterId;
  readonly name: string;
  readonly router: Router;
  readonly peers: TestPeers;
  readonly capability: Capability;
  /** What peers call. */
  readonly service: SignalsPeer;
  readonly shown: SignalPeers;
  /** One more namespace, own unless `role` says otherwise. */
  state(stated: {
    readonly owner: SignalCluster;
    readonly of?: SignalCluster;
    readonly patterns: readonly string[];
  }): FederatedId;
  unstate(resource: FederatedId): void;
  grant(peer: SignalCluster, verb: Verb, resource: FederatedId): void;
  withdraw(peer: SignalCluster, verb: Verb, resource: FederatedId): void;
  set(address: string, value: SignalValue): string | undefined;
  value(address: string): SignalValue | undefined;
  stop(): Promise<void>;
}

/** Not started: that is done when all it knows is said. */
export function createSignalCluster(byte: number, name: string): SignalCluster {
  const id = clusterOf(crypto, byte);
  const clock = createSystemClock();
  const random = createSeededRandom(byte);
  const log = silentLog;
  const peers = createTestPeers();
  const policy = createPolicy();
  const book = createTestBook();
  const federation = new FederationManager({ routerId: id }, { clock, random, log });
  const options = { name, messagesPerSecondMax: 0 };
  const router = createRouter({ clock, random, log, options, peers: federation.peers });
  federation.start(router);
  const running = (): { router: Router; federation: FederationManager } => ({ router, federation });
  const { enforcement } = policy;
  const needs = { cluster: id, clock, random, log, peers, book, enforcement };
  const capability = peerSignals({ ...needs, running });
  const ending = new AbortController();
  const duties: Promise<void>[] = [];
  return {
    id,
    name,
    router,
    peers,
    capability: {
      ...capability,
      async start(signal) {
        await capability.start(signal);
        duties.push(...capability.duties.map((duty) => duty.run(ending.signal)));
      },
    },
    service: capability.servesPeers[0]?.service as SignalsPeer,
    shown: capability.serves[0]?.service as SignalPeers,
    state: (stated) => book.state(id, stated),
    unstate: (resource) => book.unstate(resource),
    grant: (peer, verb, resource) => policy.set(peer.id, { verb, resource, granted: true }),
    withdraw: (peer, verb, resource) => policy.set(peer.id, { verb, resource, granted: false }),
    set(address, value) {
      const plain = { lock: false, unlock: false, writer: 'process' };
      const outcome = router.set({ address, value: wireValue(value), ...plain });
      return 'code' in outcome ? outcome.message : undefined;
    },
    value(address) {
      const param = router.get(address);
      return param === undefined ? undefined : readValue(param.value);
    },
    async stop() {
      ending.abort();
      await Promise.all(duties);
      await capability.stop();
      federation.stop();
      router.stop();
    },
  };
}

/** Each may call the other, and knows it by its name. */
export function join(one: SignalCluster, other: SignalCluster): void {
  const to = (far: SignalCluster, near: SignalCluster): void =>
    near.peers.set(
      linked(far.id, far.name),
      carrierTo(far.capability.servesPeers, {
        kind: 'cluster',
        cluster: near.id,
        node: near.id as never,
      }),
    );
  to(other, one);
  to(one, other);
}

function createTestBook(): NamespaceBook & {
  state(self: ClusterId, stated: Parameters<SignalCluster['state']>[0]): FederatedId;
  unstate(resource: FederatedId): void;
} {
  const listeners = new Set<() => void>();
  let all: readonly StatedNamespace[] = [];
  let generation = 0;
  const become = (now: readonly StatedNamespace[]): void => {
    all = now;
    generation += 1;
    listeners.forEach((listener) => listener());
  };
  return {
    all: () => all,
    get generation() {
      return generation;
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    state(self, { owner, of = owner, patterns }) {
      const resource = federatedId(owner.id, localId('namespace', `n-${generation}`));
      const role = owner.id === self ? 'own' : 'mirror';
      become([...all, { resource, role, patterns, outdone: [], cluster: of.id }]);
      return resource;
    },
    unstate: (resource) => become(all.filter((one) => one.resource !== resource)),
  };
}

interface Granted {
  readonly verb: Verb;
  readonly resource: FederatedId;
  readonly granted: boolean;
}

function createPolicy(): {
  readonly enforcement: Parameters<typeof peerSignals>[0]['enforcement'];
  set(peer: ClusterId, change: Granted): void;
} {
  const listeners = new Set<() => void>();
  const granted = new Set<string>();
  const of = (peer: ClusterId, verb: Verb): readonly FederatedId[] =>
    [...granted]
      .filter((key) => key.startsWith(`${peer} ${verb} `))
      .map((key) => key.split(' ')[2] as FederatedId);
  return {
    enforcement: {
      visible: (peer, verb) =>
        new Set<LocalId>(of(peer, verb).map((resource) => splitFederatedId(resource).local)),
      visibleMirrored: (peer, verb) => new Set(of(peer, verb)),
      subscribe(changed) {
        listeners.add(changed);
        return () => void listeners.delete(changed);
      },
    },
    set(peer, change) {
      const key = `${peer} ${change.verb} ${change.resource}`;
      if (change.granted) {
        granted.add(key);
      } else {
        granted.delete(key);
      }
      listeners.forEach((listener) => listener());
    },
  };
}
