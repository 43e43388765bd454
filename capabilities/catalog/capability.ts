// Ties the catalog to its host.
import { capability, type Capability } from '@hansa/foundation';
import { catalogContract, type CatalogNews } from './contract.ts';
import { createCatalogPeer, type CatalogPeerNeeds } from './peer-service.ts';
import { createCatalog } from './service.ts';
import { createCatalogWatching, type CatalogWatchingNeeds } from './watching.ts';
import { catalogPeerContract } from './wire.ts';

export function catalogCapability(needs: CatalogPeerNeeds & CatalogWatchingNeeds): {
  readonly capability: Capability;
  readonly news: CatalogNews;
} {
  const watching = createCatalogWatching(needs);
  return {
    news: watching.news,
    capability: capability({
      name: 'catalog',
      serves: [{ contract: catalogContract, service: createCatalog(needs) }],
      servesPeers: [{ contract: catalogPeerContract, service: createCatalogPeer(needs) }],
      duties: [{ name: 'catalog.watch', run: (signal) => watching.run(signal) }],
    }),
  };
}
