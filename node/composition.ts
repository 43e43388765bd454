// One cluster's capabilities put together from drivers that are handed in: the same for the daemon
// on real disks and sockets, and for a simulated federation on virtual time.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import { appsCapability } from '@hansa/capabilities/apps/capability';
import type { AuditSink } from '@hansa/capabilities/audit/contract';
import { catalogCapability } from '@hansa/capabilities/catalog/capability';
import { identityCapability } from '@hansa/capabilities/identity/capability';
import type { LoginsCapability } from '@hansa/capabilities/logins/capability';
import { lanesCapability } from '@hansa/capabilities/lanes/capability';
import type { Peers } from '@hansa/capabilities/links/contract';
import { quarantineCapability } from '@hansa/capabilities/quarantine/capability';
import { receiptsCapability } from '@hansa/capabilities/receipts/capability';
import { resourcesCapability } from '@hansa/capabilities/resources/capability';
import type { Counts } from '@hansa/capabilities/metrics/capability';
import { syncCapability } from '@hansa/capabilities/sync/capability';
import type { HostedSignals } from '@hansa/capabilities/signals/capability';
import type { TokenAuthority } from '@hansa/capabilities/tokens/contract';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import {
  scopeStore,
  serve,
  type Capability,
  type Edge,
  type KeyValueStore,
} from '@hansa/foundation';
import { admitting } from './admitting.ts';
import type { Certifying } from './certifying.ts';
import type { CompositionNeeds } from './composition-needs.ts';
import { countingGate } from './counting-gate.ts';
import { governing } from './governing.ts';
import { kindsOf } from './kinds.ts';
import { lateEdge } from './late-edge.ts';
import { linkedSignals } from './linked-signals.ts';
import { reportingOn } from './reporting.ts';
import { safekeepingOn } from './safekeeping.ts';
import { signalsHost } from './signals-host.ts';
import { standingAlone } from './standing-alone.ts';

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
  /** Decides who may what, and who may pass it on. */
  readonly access: AccessControl;
  /** Keeps who did what. */
  readonly audit: AuditSink;
  /** Who has logged in; absent where nobody can. */
  readonly logins?: LoginsCapability | undefined;
  /** Told of every request that comes by the API. */
  readonly counts: Counts;
  /** Whose certificates count, what the listener shows, and what runs out. */
  readonly certifying: Certifying;
  /** The router that this process hosts. */
  readonly signals: HostedSignals;
}

export function compose(needs: CompositionNeeds): Composition {
  const { signer, keys } = needs.identity;
  const scoped = (name: string): { readonly store: KeyValueStore } => ({
    store: scopeStore(needs.store, name),
  });
  const peerEdge = lateEdge();
  const owned = resourcesCapability({ ...needs, ...scoped('resources'), signer, keys });
  const { log: resources, history } = owned;
  const standing = governing(needs, {
    resources,
    edge: peerEdge.edge,
    remark: (peer) => quarantining.reasonOf(peer),
    directories: () => admitted.directories,
    access: () => admitted.access,
  });
  const { tokening } = standing;
  const { peers } = standing.linking;
  const { enforcement, budgets } = standing.ruling;
  const federating = { ...needs, signer, keys, peers, resources, history, enforcement };
  const listing = catalogCapability(federating);
  const { news } = listing;
  const intervalMs = needs.syncIntervalMs;
  const syncing = syncCapability({ ...federating, ...scoped('sync'), budgets, news, intervalMs });
  const mirroring = { ...federating, mirrors: syncing.mirrors };
  const quarantining = quarantineCapability({ ...mirroring, ...scoped('quarantine') });
  const writing = lanesCapability({ ...mirroring, ...scoped('lanes'), news });
  const admitted = admitting(mirroring, () => capabilities);
  const signals = signalsHost(needs, admitted);
  const { recovering, scrubbing } = safekeepingOn(mirroring);
  const reporting = reportingOn(mirroring, {
    standing,
    admitted,
    writing,
    recovering,
    scrubbing,
    quarantining,
    signals,
    peerEdge,
    capabilities: () => capabilities,
  });
  const capabilities: readonly Capability[] = [
    identityCapability(needs.identity, { clock: needs.clock, peers }),
    owned.capability,
    // Before anything is served: what is rewound must not be published even once more.
    recovering.capability,
    ...standing.capabilities,
    listing.capability,
    // Kinds register, and open their caches, before sync settles mirrors into them.
    ...kindsOf({ ...mirroring, lanes: writing.lanes, scrubs: scrubbing.parts }),
    ...admitted.capabilities,
    syncing.capability,
    writing.capability,
    quarantining.capability,
    scrubbing.capability,
    receiptsCapability({ ...mirroring, ...scoped('receipts') }),
    appsCapability({ ...federating, ...scoped('apps'), checks: tokening.checks }),
    ...reporting.capabilities,
    ...standingAlone(needs),
    ...linkedSignals(mirroring, signals),
  ];
  const served = serve(
    capabilities.flatMap((each) => each.servesPeers),
    countingGate(needs.peerGate, reporting.counts, 'peer'),
  );
  peerEdge.set(served);
  const { access, auditing, certifying, logins } = admitted;
  const authorities = { tokens: tokening.authority, access, audit: auditing.sink, certifying };
  const composed = { capabilities, peerEdge: served, resources, peers };
  return { ...composed, ...authorities, logins, counts: reporting.counts, signals };
}
