// Ties links to their host: what people call, what peers call, and the duty that keeps links
// connected.
import { capability, type Capability } from '@hansa/foundation';
import { linksContract, type Links, type Peers } from './contract.ts';
import { createLinkPeer } from './peer-service.ts';
import { createLinks, type LinksNeeds } from './service.ts';
import { linkPeerContract } from './wire.ts';

export interface LinksCapability {
  readonly capability: Capability;
  readonly peers: Peers;
  readonly links: Links;
}

export function linksCapability(needs: LinksNeeds): LinksCapability {
  const { links, parts } = createLinks(needs);
  const caches = new AbortController();
  return {
    peers: parts.roster.peers,
    links,
    capability: capability({
      name: 'links',
      serves: [{ contract: linksContract, service: links }],
      servesPeers: [{ contract: linkPeerContract, service: createLinkPeer(parts) }],
      duties: [{ name: 'links.connect', run: (signal) => parts.roster.run(signal) }],
      start: () => parts.records.links.start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
