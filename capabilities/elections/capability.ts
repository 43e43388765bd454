// Elections as the node hosts them.
import { capability, type Capability } from '@hansa/foundation';
import { electionContract } from './contract.ts';
import { createElections, type ElectionsNeeds } from './service.ts';

export function electionsCapability(needs: ElectionsNeeds): Capability {
  return capability({
    name: 'elections',
    serves: [{ contract: electionContract, service: createElections(needs) }],
  });
}
