// Ties the resource log to its host.
import { capability, type Capability } from '@hansa/foundation';
import type { KeyBook } from '../identity/contract.ts';
import type { KeptChanges, ResourceLogNeeds } from './appending.ts';
import {
  compactIntervalMs,
  resourcesContract,
  type History,
  type ResourceLog,
} from './contract.ts';
import { createHistory } from './history.ts';
import { createResourceLog } from './log.ts';
import { createResources } from './service.ts';

export { carriedValue } from './carrying.ts';
export type { KeptChanges };

export function resourcesCapability(needs: ResourceLogNeeds & { readonly keys: KeyBook }): {
  readonly capability: Capability;
  readonly log: ResourceLog;
  readonly history: History;
} {
  const { log, start, compact, rest } = createResourceLog(needs);
  const caches = new AbortController();
  return {
    log,
    history: createHistory(needs.crypto, needs.keys),
    capability: capability({
      name: 'resources',
      serves: [{ contract: resourcesContract, service: createResources(log) }],
      duties: [
        {
          name: 'resources.compact',
          async run(signal) {
            for (;;) {
              await needs.clock.sleep(needs.kept?.intervalMs ?? compactIntervalMs, signal);
              await compact(signal);
            }
          },
        },
      ],
      start: () => start(caches.signal),
      async stop() {
        await rest();
        caches.abort();
      },
    }),
  };
}
