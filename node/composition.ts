// One cluster's capabilities put together from drivers that are handed in: the same for the daemon
// on real disks and sockets, and for a simulated federation on virtual time.
import { daemonCapability, type ProcessFacts } from '@hansa/capabilities/daemon/capability';
import { appsCapability } from '@hansa/capabilities/apps/capability';
import type { AppEndpoints } from '@hansa/capabilities/apps/endpoint';
import { catalogCapability } from '@hansa/capabilities/catalog/capability';
import { discoveryCapability, type DiscoveryOptions } from '@hansa/capabilities/discovery/capability';
import { documentCapability } from '@hansa/capabilities/document/capability';
import { forgeCapability } from '@hansa/capabilities/forge/capability';
import type { Git } from '@hansa/capabilities/forge/git';
import { createGreetingCapability } from '@hansa/capabilities/greeting/capability';
import { identityCapability, type IdentityService } from '@hansa/capabilities/identity/capability';
import type { Signer } from '@hansa/capabilities/identity/contract';
import { kindProvidersCapability } from '@hansa/capabilities/kind-providers/capability';
import { kvCapability } from '@hansa/capabilities/kv/capability';
import { lanesCapability } from '@hansa/capabilities/lanes/capability';
import type { LaneWriting } from '@hansa/capabilities/lanes/contract';
import { linksCapability, type LinksCapability } from '@hansa/capabilities/links/capability';
import type { Peers } from '@hansa/capabilities/links/contract';
import type { DataPlane } from '@hansa/capabilities/links/planes-driver';
import { policiesCapability } from '@hansa/capabilities/policies/capability';
import { receiptsCapability } from '@hansa/capabilities/receipts/capability';
import { recoveryCapability } from '@hansa/capabilities/recovery/capability';
import { resourcesCapability, type KeptChanges } from '@hansa/capabilities/resources/capability';
import { streamCapability } from '@hansa/capabilities/stream/capability';
import { syncCapability } from '@hansa/capabilities/sync/capability';
import { tokensCapability } from '@hansa/capabilities/tokens/capability';
import type { TokenAuthority } from '@hansa/capabilities/tokens/contract';
import type { FederatedKind, Mirrors } from '@hansa/capabilities/sync/contract';
import { tracingCapability } from '@hansa/capabilities/tracing/capability';
import { trustCapability, trustLevels } from '@hansa/capabilities/trust/capability';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import {
  HansaError,
  scopeStore,
  serve,
  type Blobs,
  type Capability,
  type Clock,
  type Codec,
  type Crypto,
  type Edge,
  type EdgeRequest,
  type Gate,
  type KeyValueStore,
  type Log,
  type Random,
  type Transport,
} from '@hansa/foundation';

export interface Drivers {
  readonly store: KeyValueStore;
  readonly blobs: Blobs;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent where federation is off. */
  readonly transport: Transport | undefined;
  /** Absent where bulk stays on the link. */
  readonly plane?: DataPlane | undefined;
  /** Absent in simulations: then there is no forge. */
  readonly git: Git | undefined;
}

export interface CompositionNeeds extends Drivers {
  readonly identity: IdentityService;
  readonly facts: ProcessFacts;
  /** Decides calls of peers over the wire. */
  readonly peerGate: Gate;
  readonly syncIntervalMs?: number | undefined;
  /** How much of a history is kept; simulations keep less. */
  readonly kept?: KeptChanges | undefined;
  /** Calls of apps are passed on, and taken from peers; default: neither. */
  readonly proxy?: boolean | undefined;
  /** Absent in simulations: then no app answers. */
  readonly endpoints?: AppEndpoints | undefined;
  /** Ways of finding clusters that are on; none by default. */
  readonly discovery?: DiscoveryOptions | undefined;
  /** Kinds besides git. */
  readonly kinds?: readonly FederatedKind[];
}

export interface Composition {
  /** In the order of their start. */
  readonly capabilities: readonly Capability[];
  /** What peers may call. */
  readonly peerEdge: Edge;
  readonly resources: ResourceLog;
  /** Who is linked, and the way to each: for programs that ask peers themselves. */
  readonly peers: Peers;
  /** Judges callers who come with a capability token. */
  readonly tokens: TokenAuthority;
}

export function compose(needs: CompositionNeeds): Composition {
  const { store, identity, facts } = needs;
  const { signer, keys } = identity;
  const scoped = (name: string): KeyValueStore => scopeStore(store, name);
  const peerEdge = lateEdge();

  const {
    log: resources,
    history,
    capability: resourcing,
  } = resourcesCapability({
    ...needs,
    store: scoped('resources'),
    signer,
    keys,
  });
  const { linking, ruling, trusting, tokening, finding } = governing(needs, { resources, edge: peerEdge.edge });
  const { peers } = linking;
  const { enforcement } = ruling;
  const listing = catalogCapability({ ...needs, signer, peers, resources, enforcement });
  const syncing = syncCapability({
    ...needs,
    store: scoped('sync'),
    signer,
    resources,
    history,
    peers,
    enforcement,
    budgets: ruling.budgets,
    news: listing.news,
    intervalMs: needs.syncIntervalMs,
  });
  const { mirrors } = syncing;
  const writing = lanesCapability({
    ...needs,
    store: scoped('lanes'),
    signer,
    peers,
    resources,
    enforcement,
    mirrors,
    news: listing.news,
  });
  const recovering = recoveryCapability({
    ...needs,
    store: scoped('recovery'),
    cluster: signer.cluster,
    peers,
    resources,
    history,
    mirrors,
    enforcement,
  });
  needs.kinds?.forEach((kind) => mirrors.registerKind(kind));
  const capabilities = [
    identityCapability(identity, { clock: needs.clock, peers }),
    resourcing,
    // Before anything is served: what is rewound must not be published even once more.
    recovering.capability,
    trusting.capability,
    linking.capability,
    finding,
    tokening.capability,
    ruling.capability,
    listing.capability,
    // The forge registers its kind, and opens its caches before sync settles mirrors into them.
    ...forgingWith(needs, { signer, resources, mirrors, lanes: writing.lanes }),
    streamCapability({ ...needs, store: scoped('stream'), signer, resources, mirrors }),
    kvCapability({ ...needs, signer, resources, mirrors, lanes: writing.lanes }),
    documentCapability({ ...needs, signer, resources, mirrors, lanes: writing.lanes }),
    // Registers the kinds of programs, before sync settles the mirrors that it has of them.
    kindProvidersCapability({ ...needs, store: scoped('kinds'), signer, resources, mirrors }),
    syncing.capability,
    writing.capability,
    receiptsCapability({
      ...needs,
      store: scoped('receipts'),
      signer,
      keys,
      peers,
      resources,
      enforcement,
      mirrors,
    }),
    appsCapability({ ...needs, store: scoped('apps'), signer, peers, checks: tokening.checks }),
    tracingCapability({
      ...needs,
      signer,
      keys,
      peers,
      resources,
      history,
      mirrors,
      enforcement,
      lanes: async () => (await writing.listing.list({})).lanes,
    }),
    createGreetingCapability({ ...needs, store: scoped('greeting') }),
    daemonCapability({
      ...needs,
      identity: identity.identity,
      warnings: recovering.warnings,
      links: linking.links,
      policies: ruling.policies,
      trust: trusting.trust,
      resources,
      mirrors,
      facts,
    }),
  ];
  const served = serve(
    capabilities.flatMap((each) => each.servesPeers),
    needs.peerGate,
  );
  peerEdge.set(served);
  return { capabilities, peerEdge: served, resources, peers, tokens: tokening.authority };
}

/** Who is let in, how each cluster stands, and what it may: these three ask one another. */
function governing(
  needs: CompositionNeeds,
  { resources, edge }: { readonly resources: ResourceLog; readonly edge: Edge },
): {
  readonly linking: LinksCapability;
  readonly ruling: ReturnType<typeof policiesCapability>;
  readonly trusting: ReturnType<typeof trustCapability>;
  readonly tokening: ReturnType<typeof tokensCapability>;
  readonly finding: Capability;
} {
  const { signer, keys } = needs.identity;
  const trustStore = scopeStore(needs.store, 'trust');
  const judging = trustLevels({ ...needs, store: trustStore });
  const linking = linksCapability({
    ...needs,
    store: scopeStore(needs.store, 'links'),
    signer,
    keys,
    edge,
    trust: judging.levels,
    forecast: (change) => ruling.forecast(change),
  });
  const { peers, reaching } = linking;
  const tokenStore = scopeStore(needs.store, 'tokens');
  const tokening = tokensCapability({ ...needs, store: tokenStore, signer, keys, peers });
  const ruling = policiesCapability({
    ...needs,
    store: scopeStore(needs.store, 'policies'),
    signer,
    resources,
    peers,
    judged: judging.levels.judged,
    tokens: tokening.presented,
  });
  const { forecast } = ruling;
  const asked = { signer, peers, reaching, forecast, judging };
  const trusting = trustCapability({ ...needs, ...asked, store: trustStore });
  const finding = discoveryCapability({
    ...needs,
    store: scopeStore(needs.store, 'discovery'),
    signer,
    keys,
    peers,
    reaching,
    isBlocked: (cluster) => judging.levels.level(cluster) === 'blocked',
    options: needs.discovery,
  });
  return { linking, ruling, trusting, tokening, finding };
}

function forgingWith(
  needs: CompositionNeeds,
  others: {
    readonly signer: Signer;
    readonly resources: ResourceLog;
    readonly mirrors: Mirrors;
    readonly lanes: LaneWriting;
  },
): readonly Capability[] {
  const { git, facts } = needs;
  return git === undefined
    ? []
    : [forgeCapability({ ...needs, ...others, git, apiUrl: () => facts.api() })];
}

/**
 * Links need the edge that serves all capabilities, links among them: it is set once all are made.
 */
function lateEdge(): { readonly edge: Edge; set(edge: Edge): void } {
  let real: Edge | undefined;
  const open = (): Edge => {
    if (real === undefined) {
      throw new HansaError('INTERNAL', 'a peer called before the node was put together');
    }
    return real;
  };
  return {
    set(edge) {
      real = edge;
    },
    edge: {
      get contracts() {
        return open().contracts;
      },
      call: (request: EdgeRequest) => open().call(request),
      watch: (request: EdgeRequest) => open().watch(request),
    },
  };
}
