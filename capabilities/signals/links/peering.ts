// The router of a cluster and those of the clusters that it is linked to: what is whose is stated
// by namespaces, what may cross by policies, and who is there is what the links have proven.
import { capability, type Capability, type ClusterId } from '@hansa/foundation';
import type { FederationManager } from '../federation/manager.ts';
import { signalPeersContract, type SignalPeer, type SignalPeers } from '../peers-contract.ts';
import type { Router } from '../router/router.ts';
import { signalsPeerContract } from '../wire.ts';
import { createDialling, type Dialling, type DiallingNeeds } from './dialling.ts';
import { createPeerRights, type PeerRights, type RightsNeeds } from './rights.ts';
import { createServing, type Serving } from './serving.ts';

export interface PeeringNeeds
  extends Omit<DiallingNeeds, 'federation' | 'rights'>, Omit<RightsNeeds, 'cluster' | 'clock'> {
  /** SHUTTING_DOWN while it does not run. */
  readonly running: () => { readonly router: Router; readonly federation: FederationManager };
}

export function peerSignals(needs: PeeringNeeds): Capability {
  const known = new Map<ClusterId, PeerRights>();
  const rights = (peer: ClusterId): PeerRights => {
    const made = known.get(peer) ?? createPeerRights(needs, peer);
    known.set(peer, made);
    return made;
  };
  const serving = createServing({ ...needs, rights, router: () => needs.running().router });
  const dialling = createDialling({
    ...needs,
    rights,
    federation: () => needs.running().federation,
  });
  const look = (): void => {
    known.forEach((one) => one.outdate());
    serving.look();
    dialling.look();
  };
  const restate = (): void => {
    const { owned, others } = statementOf(needs);
    needs.running().federation.state(owned, others);
    look();
  };
  const stops: (() => void)[] = [];
  return capability({
    name: 'signal-peers',
    serves: [
      {
        contract: signalPeersContract,
        service: shownPeers({ ...needs, rights, serving, dialling }),
      },
    ],
    servesPeers: [{ contract: signalsPeerContract, service: serving.service }],
    duties: [{ name: 'signals.peers', run: (signal) => dialling.run(signal) }],
    async start() {
      restate();
      stops.push(
        needs.book.subscribe(restate),
        needs.enforcement.subscribe(look),
        needs.peers.subscribe(look),
      );
    },
    async stop() {
      stops.splice(0).forEach((stop) => stop());
      serving.stop();
    },
  });
}

function statementOf({ book, cluster }: PeeringNeeds): {
  readonly owned: readonly string[];
  readonly others: ReadonlyMap<string, readonly string[]>;
} {
  const others = new Map<string, readonly string[]>();
  const owned: string[] = [];
  for (const one of book.all()) {
    if (one.cluster === cluster) {
      owned.push(...one.patterns);
    } else {
      others.set(one.cluster, [...(others.get(one.cluster) ?? []), ...one.patterns]);
    }
  }
  return { owned, others };
}

function shownPeers(
  needs: PeeringNeeds & {
    readonly rights: (peer: ClusterId) => PeerRights;
    readonly serving: Serving;
    readonly dialling: Dialling;
  },
): SignalPeers {
  return {
    async list() {
      const linked = needs.peers.all().filter(({ active }) => active);
      return { peers: linked.map(({ cluster, name }) => shown(needs, { cluster, name })) };
    },
  };
}

function shown(
  { running, rights, serving, dialling, book }: Parameters<typeof shownPeers>[0],
  { cluster, name }: { readonly cluster: ClusterId; readonly name: string | undefined },
): SignalPeer {
  const { read, write } = rights(cluster).may();
  const dialled = dialling.dialled(cluster);
  const known = running().federation.peerInfo(cluster);
  const served = serving.has(cluster) ? (known?.state ?? 'handshaking') : 'disconnected';
  const state = dialled === undefined ? served : (dialled.link?.state ?? 'disconnected');
  const reason = state === 'active' ? undefined : dialled?.reason;
  return {
    cluster,
    name: name ?? cluster.slice(0, 8),
    state,
    dials: dialled !== undefined,
    ...(reason !== undefined && { reason }),
    reads: read,
    writes: write,
    owns: book.all().flatMap((one) => (one.cluster === cluster ? one.patterns : [])),
  };
}
