// Ties discovery to its host: what people ask, what peers say, and the duties of the ways that are
// on.
import { capability, type Capability, type Duty } from '@hansa/foundation';
import { discoveryContract } from './contract.ts';
import type { DiscoveryNeeds } from './parts.ts';
import { createDiscoveryPeer } from './peer-service.ts';
import { createDiscovery, lanProblemOf, type DiscoveryParts } from './service.ts';
import { discoveryPeerContract } from './wire.ts';

export type { DiscoveryOptions } from './parts.ts';

export function discoveryCapability(needs: DiscoveryNeeds): Capability {
  const parts = createDiscovery(needs);
  const peerService = createDiscoveryPeer({ ...parts, peers: needs.peers });
  const caches = new AbortController();
  return capability({
    name: 'discovery',
    serves: [{ contract: discoveryContract, service: parts.discovery }],
    servesPeers: [{ contract: discoveryPeerContract, service: peerService }],
    duties: dutiesOf(parts),
    start: () => parts.book.rows.start(caches.signal, needs.clock),
    stop: async () => caches.abort(),
  });
}

function dutiesOf(parts: DiscoveryParts): readonly Duty[] {
  const { announcing, gossip, lan, publishing, speaks } = parts;
  const duties: Duty[] = [{ name: 'discovery.prune', run: (signal) => parts.prune(signal) }];
  if (speaks) {
    duties.push(
      { name: 'discovery.announce', run: (signal) => announcing.run(signal) },
      { name: 'discovery.gossip', run: (signal) => gossip.run(signal) },
    );
  }
  if (publishing !== undefined) {
    duties.push({ name: 'discovery.directory', run: (signal) => publishing.run(signal) });
  }
  if (lan !== undefined) {
    duties.push({
      name: 'discovery.network',
      async run(signal) {
        parts.lanProblem = undefined;
        try {
          await lan.run(signal);
        } catch (error) {
          parts.lanProblem = signal.aborted ? undefined : lanProblemOf(error);
          throw error; // tried again, ever more slowly
        }
      },
    });
  }
  return duties;
}
