// Ties kinds that programs serve to their host: a contract for those programs and for people, and
// one federated kind for each that is registered.
import { capability, type Capability } from '@hansa/foundation';
import { kindsContract } from './contract.ts';
import { blobRoutes } from './http.ts';
import { createKinds, type KindsNeeds } from './service.ts';

export function kindProvidersCapability(needs: KindsNeeds): Capability {
  const { kinds, known, start } = createKinds(needs);
  const caches = new AbortController();
  return capability({
    name: 'kind-providers',
    serves: [{ contract: kindsContract, service: kinds }],
    routes: blobRoutes({ blobs: needs.blobs, requireKind: (kind) => void known.require(kind) }),
    start: () => start(caches.signal),
    stop: async () => caches.abort(),
  });
}
