// Barriers as the node hosts them.
import { capability, type Capability } from '@hansa/foundation';
import { barrierContract } from './contract.ts';
import { createBarriers, type BarriersNeeds } from './service.ts';

export function barriersCapability(needs: BarriersNeeds): Capability {
  return capability({
    name: 'barriers',
    serves: [{ contract: barrierContract, service: createBarriers(needs) }],
  });
}
