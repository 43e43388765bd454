// Ties the daemon's own contract to its host.
import { capability, type Capability } from '@hansa/foundation';
import { daemonContract } from './contract.ts';
import { createDaemon, type DaemonNeeds } from './service.ts';

export type { ProcessFacts } from './service.ts';

export function daemonCapability(needs: DaemonNeeds): Capability {
  return capability({
    name: 'daemon',
    serves: [{ contract: daemonContract, service: createDaemon(needs) }],
  });
}
