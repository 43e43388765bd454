// What the doctor is told by the rest of the node: ways of finding clusters, quarantines, the disk.
import type { DiscoveryOptions } from '@hansa/capabilities/discovery/capability';
import type { Check, Finding } from '@hansa/capabilities/doctor/contract';
import type { ClusterId } from '@hansa/foundation';

export function waysOf(discovery: DiscoveryOptions | undefined): readonly string[] {
  const relays = discovery?.relays?.length ?? 0;
  return [
    ...(discovery?.gossip === true ? ['gossip'] : []),
    ...(discovery?.lan === undefined ? [] : ['mdns']),
    ...(discovery?.directory === undefined ? [] : ['dht']),
    ...(relays === 0 ? [] : [`${relays} relay(s)`]),
  ];
}

/** Whoever is kept at a distance gets nothing pulled, however well its link is. */
export function quarantineCheck(reasonOf: (peer: ClusterId) => string | undefined): Check {
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
