// Greeting as the node hosts it.
import { capability, type Capability } from '@hansa/foundation';
import { greetingContract } from './contract.ts';
import { createGreeting, type GreetingNeeds } from './service.ts';

export function createGreetingCapability(needs: GreetingNeeds): Capability {
  return capability({
    name: greetingContract.name,
    serves: [{ contract: greetingContract, service: createGreeting(needs) }],
  });
}
