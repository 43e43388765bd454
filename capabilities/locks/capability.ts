// Locks and semaphores as the node hosts them.
import { capability, type Capability } from '@hansa/foundation';
import { lockContract, semaphoreContract } from './contract.ts';
import { createLocksService, type LocksNeeds } from './service.ts';

export function locksCapability(needs: LocksNeeds): Capability {
  const { locks, semaphores } = createLocksService(needs);
  return capability({
    name: 'locks',
    serves: [
      { contract: lockContract, service: locks },
      { contract: semaphoreContract, service: semaphores },
    ],
  });
}
