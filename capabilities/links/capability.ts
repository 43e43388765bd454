// Ties links to their host: what people call, what peers call, and the duty that keeps links
// connected.
import { capability, type Capability } from '@hansa/foundation';
import { linksContract, type Links, type Peers, type Reaching } from './contract.ts';
import type { LinksNeeds } from './parts.ts';
import { createLinkPeer } from './peer-service.ts';
import { createLinks } from './service.ts';
import { linkPeerContract } from './wire.ts';

export interface LinksCapability {
  readonly capability: Capability;
  readonly peers: Peers;
  readonly links: Links;
  readonly reaching: Reaching;
}

export function linksCapability(needs: LinksNeeds): LinksCapability {
  const { links, parts } = createLinks(needs);
  const caches = new AbortController();
  return {
    peers: parts.roster.peers,
    links,
    reaching: parts.roster.reaching,
    capability: capability({
      name: 'links',
      serves: [{ contract: linksContract, service: links }],
      servesPeers: [{ contract: linkPeerContract, service: createLinkPeer(parts) }],
      duties: [{ name: 'links.connect', run: (signal) => parts.roster.run(signal) }],
      start: () => parts.records.links.start(caches.signal, needs.clock),
      stop: async () => caches.abort(),
    }),
  };
}
