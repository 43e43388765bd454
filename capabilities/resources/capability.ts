// Ties the resource log to its host.
import { capability, type Capability } from '@hansa/foundation';
import type { ResourceLogNeeds } from './appending.ts';
import { resourcesContract, type ResourceLog } from './contract.ts';
import { createResourceLog } from './log.ts';
import { createResources } from './service.ts';

export function resourcesCapability(needs: ResourceLogNeeds): {
  readonly capability: Capability;
  readonly log: ResourceLog;
} {
  const { log, start } = createResourceLog(needs);
  const caches = new AbortController();
  return {
    log,
    capability: capability({
      name: 'resources',
      serves: [{ contract: resourcesContract, service: createResources(log) }],
      start: () => start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
