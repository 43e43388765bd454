// One cluster's capabilities put together from drivers that are handed in: the same for the daemon
// on real disks and sockets, and for a simulated federation on virtual time.
import { accessCapability } from '@hansa/capabilities/access/capability';
import type { AccessControl } from '@hansa/capabilities/access/contract';
import { daemonCapability } from '@hansa/capabilities/daemon/capability';
import { appsCapability } from '@hansa/capabilities/apps/capability';
import { auditCapability } from '@hansa/capabilities/audit/capability';
import type { AuditSink } from '@hansa/capabilities/audit/contract';
import { catalogCapability } from '@hansa/capabilities/catalog/capability';
import { directoryCapability } from '@hansa/capabilities/directory/capability';
import { createGreetingCapability } from '@hansa/capabilities/greeting/capability';
import { identityCapability } from '@hansa/capabilities/identity/capability';
import { loginsCapability, type LoginsCapability } from '@hansa/capabilities/logins/capability';
import { lanesCapability } from '@hansa/capabilities/lanes/capability';
import type { Peers } from '@hansa/capabilities/links/contract';
import { quarantineCapability } from '@hansa/capabilities/quarantine/capability';
import { receiptsCapability } from '@hansa/capabilities/receipts/capability';
import { recoveryCapability } from '@hansa/capabilities/recovery/capability';
import { resourcesCapability } from '@hansa/capabilities/resources/capability';
import { countingGate } from './counting-gate.ts';
import type { Counts } from '@hansa/capabilities/metrics/capability';
import { measuring } from './measuring.ts';
import { sealingCapability } from '@hansa/capabilities/sealing/capability';
import { syncCapability } from '@hansa/capabilities/sync/capability';
import type { TokenAuthority } from '@hansa/capabilities/tokens/contract';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import {
  scopeStore,
  serve,
  type Capability,
  type Edge,
  type KeyValueStore,
} from '@hansa/foundation';
import { certifying, type Certifying } from './certifying.ts';
import type { CompositionNeeds } from './composition-needs.ts';
import { lookingInto } from './examining.ts';
import { governing } from './governing.ts';
import { kindsOf } from './kinds.ts';
import { lateAccess } from './late-access.ts';
import { lateEdge } from './late-edge.ts';

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
}

export function compose(needs: CompositionNeeds): Composition {
  const { identity } = needs;
  const { signer, keys } = identity;
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
    directories: () => directories,
    access: () => deciding.control,
  });
  const { linking, ruling, trusting, tokening } = standing;
  const { peers } = linking;
  const { enforcement, budgets } = ruling;
  const federating = { ...needs, signer, keys, peers, resources, history, enforcement };
  const listing = catalogCapability(federating);
  const { news } = listing;
  const intervalMs = needs.syncIntervalMs;
  const syncing = syncCapability({ ...federating, ...scoped('sync'), budgets, news, intervalMs });
  const mirroring = { ...federating, mirrors: syncing.mirrors };
  const quarantining = quarantineCapability({ ...mirroring, ...scoped('quarantine') });
  const writing = lanesCapability({ ...mirroring, ...scoped('lanes'), news });
  const granting = lateAccess();
  const { requireGrantable } = granting;
  const knowing = directoryCapability({
    ...mirroring,
    ...scoped('directory'),
    requireGrantable,
  });
  const { directories } = knowing;
  const deciding = accessCapability({
    ...federating,
    ...scoped('access'),
    directories,
    served: () => ({
      contracts: capabilities.flatMap((each) => each.serves.map(({ contract }) => contract)),
      routes: capabilities.flatMap((each) => each.routes),
    }),
  });
  granting.set(deciding.control);
  const auditing = auditCapability({ ...mirroring, ...scoped('audit'), intervalMs });
  const certified = certifying({
    ...federating,
    ...scoped('certificates'),
    access: () => deciding.control,
    audit: auditing.sink,
  });
  const entering =
    needs.logins &&
    loginsCapability({
      ...needs,
      ...needs.logins,
      ...scoped('logins'),
      ...knowing,
      access: deciding.control,
      audit: auditing.sink,
      address: needs.facts.api,
    });
  const { cluster } = signer;
  const recovering = recoveryCapability({ ...mirroring, ...scoped('recovery'), cluster });
  const metering = measuring({
    ...mirroring,
    capabilities: () => capabilities,
    links: linking.links,
    audit: auditing.audit,
    expiries: () => certified.expiries.expiries(),
    sessions: () => entering?.counted() ?? 0,
    tokens: () => tokening.counted(),
  });
  const capabilities: readonly Capability[] = [
    identityCapability(identity, { clock: needs.clock, peers }),
    owned.capability,
    // Before anything is served: what is rewound must not be published even once more.
    recovering.capability,
    trusting.capability,
    linking.capability,
    standing.finding,
    tokening.capability,
    ruling.capability,
    listing.capability,
    // Kinds register, and open their caches, before sync settles mirrors into them.
    ...kindsOf({ ...mirroring, lanes: writing.lanes }),
    knowing.capability,
    deciding.capability,
    auditing.capability,
    ...(entering === undefined ? [] : [entering.capability]),
    ...certified.capabilities,
    syncing.capability,
    writing.capability,
    quarantining.capability,
    receiptsCapability({ ...mirroring, ...scoped('receipts') }),
    appsCapability({ ...federating, ...scoped('apps'), checks: tokening.checks }),
    ...lookingInto(mirroring, {
      ...scoped('doctor'),
      linking,
      writing,
      recovering,
      quarantining,
      auditing,
      peerEdge,
    }),
    sealingCapability(needs.seals),
    metering.capability,
    createGreetingCapability({ ...needs, ...scoped('greeting') }),
    daemonCapability({
      ...mirroring,
      identity: identity.identity,
      warnings: () =>
        [recovering, writing, auditing, certified.expiries].flatMap((each) => each.warnings()),
      links: linking.links,
      policies: ruling.policies,
      trust: trusting.trust,
    }),
  ];
  const served = serve(
    capabilities.flatMap((each) => each.servesPeers),
    countingGate(needs.peerGate, metering.counts, 'peer'),
  );
  peerEdge.set(served);
  const { authority: tokens } = tokening;
  const authorities = { tokens, access: deciding.control, audit: auditing.sink };
  const composed = { capabilities, peerEdge: served, resources, peers };
  const { counts } = metering;
  return { ...composed, ...authorities, counts, certifying: certified, logins: entering };
}
