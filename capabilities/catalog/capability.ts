// Ties the catalog to its host.
import { capability, type Capability } from '@hansa/foundation';
import { catalogContract } from './contract.ts';
import { createCatalogPeer, type CatalogPeerNeeds } from './peer-service.ts';
import { createCatalog } from './service.ts';
import { catalogPeerContract } from './wire.ts';

export function catalogCapability(needs: CatalogPeerNeeds): Capability {
  return capability({
    name: 'catalog',
    serves: [{ contract: catalogContract, service: createCatalog(needs) }],
    servesPeers: [{ contract: catalogPeerContract, service: createCatalogPeer(needs) }],
  });
}
