// The registry as the node hosts it.
import { capability, type Capability } from '@hansa/foundation';
import { registryContract } from './contract.ts';
import { createServices, type ServicesNeeds } from './service.ts';

export function servicesCapability(needs: ServicesNeeds): Capability {
  return capability({
    name: 'services',
    serves: [{ contract: registryContract, service: createServices(needs) }],
  });
}
