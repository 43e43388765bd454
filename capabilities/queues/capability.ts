// Queues as the node hosts them.
import { capability, type Capability } from '@hansa/foundation';
import { queueContract } from './contract.ts';
import type { QueuesNeeds } from './parts.ts';
import { createQueues } from './service.ts';

export function queuesCapability(needs: QueuesNeeds): Capability {
  return capability({
    name: 'queues',
    serves: [{ contract: queueContract, service: createQueues(needs) }],
  });
}
