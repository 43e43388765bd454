// Counters, sequences and rate limiters as the node hosts them.
import { capability, type Capability } from '@hansa/foundation';
import { counterContract, limiterContract, sequenceContract } from './contract.ts';
import { createNumberServices, type CountersNeeds } from './service.ts';

export function countersCapability(needs: CountersNeeds): Capability {
  const { counters, sequences, limiters } = createNumberServices(needs);
  return capability({
    name: 'counters',
    serves: [
      { contract: counterContract, service: counters },
      { contract: sequenceContract, service: sequences },
      { contract: limiterContract, service: limiters },
    ],
  });
}
