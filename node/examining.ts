// Those who look into what the others do: traces and the doctor, and what the rest of the node
// tells them of lanes, quarantines and ways of finding clusters.
import type { DiscoveryOptions } from '@hansa/capabilities/discovery/capability';
import { doctorCapability } from '@hansa/capabilities/doctor/capability';
import type { Check, Finding } from '@hansa/capabilities/doctor/contract';
import type { IdentityService } from '@hansa/capabilities/identity/capability';
import type { Lanes } from '@hansa/capabilities/lanes/contract';
import type { LinksCapability } from '@hansa/capabilities/links/capability';
import { tracingCapability } from '@hansa/capabilities/tracing/capability';
import type { Capability, ClusterId, Edge, ErrorReport, KeyValueStore } from '@hansa/foundation';

type Mirroring = Omit<Parameters<typeof tracingCapability>[0], 'lanes'> &
  Omit<
    Parameters<typeof doctorCapability>[0],
    'identity' | 'links' | 'reaching' | 'ways' | 'contracts' | 'checks' | 'rewound'
  > & {
    readonly identity: IdentityService;
    readonly discovery?: DiscoveryOptions | undefined;
  };

export interface Others {
  readonly store: KeyValueStore;
  readonly linking: Pick<LinksCapability, 'links' | 'reaching'>;
  readonly writing: { readonly listing: Pick<Lanes, 'list'> };
  readonly recovering: { warnings(): readonly ErrorReport[] };
  readonly quarantining: { reasonOf(peer: ClusterId): string | undefined };
  readonly auditing: { warningsOf(peer: ClusterId | undefined): readonly ErrorReport[] };
  readonly peerEdge: { readonly edge: Pick<Edge, 'contracts'> };
}

export function lookingInto(mirroring: Mirroring, others: Others): readonly Capability[] {
  const { store, linking, writing, recovering, quarantining, auditing, peerEdge } = others;
  const { links, reaching } = linking;
  return [
    tracingCapability({
      ...mirroring,
      lanes: async () => (await writing.listing.list({})).lanes,
    }),
    doctorCapability({
      ...mirroring,
      store,
      links,
      reaching,
      identity: mirroring.identity.identity,
      ways: waysOf(mirroring.discovery),
      contracts: () => peerEdge.edge.contracts,
      rewound: () => recovering.warnings(),
      checks: [
        quarantineCheck((peer) => quarantining.reasonOf(peer)),
        auditCheck((peer) => auditing.warningsOf(peer)),
      ],
    }),
  ];
}

function waysOf(discovery: DiscoveryOptions | undefined): readonly string[] {
  const relays = discovery?.relays?.length ?? 0;
  return [
    ...(discovery?.gossip === true ? ['gossip'] : []),
    ...(discovery?.lan === undefined ? [] : ['mdns']),
    ...(discovery?.directory === undefined ? [] : ['dht']),
    ...(relays === 0 ? [] : [`${relays} relay(s)`]),
  ];
}

/** Whoever is kept at a distance gets nothing pulled, however well its link is. */
function quarantineCheck(reasonOf: (peer: ClusterId) => string | undefined): Check {
  return {
    async look(peer) {
      const reason = peer === undefined ? undefined : reasonOf(peer);
      const finding: Finding | undefined =
        reason === undefined
          ? undefined
          : {
              check: 'quarantine',
              side: 'here',
              passed: false,
              finding: reason,
              fix: 'hansa quarantine show has the evidence; to end it: hansa quarantine lift',
              code: 'PEER_QUARANTINED',
            };
      return finding === undefined ? [] : [finding];
    },
  };
}

/** An audit that is not written is this node's matter; one that is contradicted, a peer's. */
function auditCheck(warningsOf: (peer: ClusterId | undefined) => readonly ErrorReport[]): Check {
  return {
    async look(peer) {
      return warningsOf(peer).map(({ code, message, fix }): Finding => ({
        check: 'audit',
        side: 'here',
        passed: false,
        note: code === 'AUDIT_FULL',
        finding: message,
        fix,
        code,
      }));
    },
  };
}
