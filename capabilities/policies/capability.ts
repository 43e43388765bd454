// Ties policies to their host.
import { capability, type Capability } from '@hansa/foundation';
import { policiesContract, type Enforcement, type Policies } from './contract.ts';
import { createPolicies, type PoliciesNeeds } from './service.ts';

export function policiesCapability(needs: PoliciesNeeds): {
  readonly capability: Capability;
  readonly enforcement: Enforcement;
  readonly policies: Policies;
} {
  const { policies, enforcement, start } = createPolicies(needs);
  const caches = new AbortController();
  return {
    enforcement,
    policies,
    capability: capability({
      name: 'policies',
      serves: [{ contract: policiesContract, service: policies }],
      start: () => start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
