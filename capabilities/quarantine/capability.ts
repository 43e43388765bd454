// Ties quarantines to their host.
import { capability, type Capability, type ClusterId } from '@hansa/foundation';
import { quarantinesContract, type Quarantines } from './contract.ts';
import { createQuarantines, type QuarantineNeeds } from './service.ts';

export interface QuarantineCapability {
  readonly capability: Capability;
  readonly quarantines: Quarantines;
  /** Why nothing is pulled from the peer now; undefined where it is. */
  reasonOf(peer: ClusterId): string | undefined;
}

export function quarantineCapability(needs: QuarantineNeeds): QuarantineCapability {
  const service = createQuarantines(needs);
  const caches = new AbortController();
  return {
    quarantines: service.quarantines,
    reasonOf: (peer) => service.reasonOf(peer),
    capability: capability({
      name: 'quarantine',
      serves: [{ contract: quarantinesContract, service: service.quarantines }],
      start: () => service.start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
