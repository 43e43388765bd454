// Ties policies to their host.
import { capability, type Capability } from '@hansa/foundation';
import {
  policiesContract,
  type Budgets,
  type Forecast,
  type MirrorEnforcement,
  type Policies,
} from './contract.ts';
import { createPolicies, type PoliciesNeeds } from './service.ts';

export function policiesCapability(needs: PoliciesNeeds): {
  readonly capability: Capability;
  readonly enforcement: MirrorEnforcement;
  readonly policies: Policies;
  readonly budgets: Budgets;
  readonly forecast: Forecast;
} {
  const { policies, enforcement, budgets, forecast, start } = createPolicies(needs);
  const caches = new AbortController();
  return {
    enforcement,
    policies,
    budgets,
    forecast,
    capability: capability({
      name: 'policies',
      serves: [{ contract: policiesContract, service: policies }],
      start: () => start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
