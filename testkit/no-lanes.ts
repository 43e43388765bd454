// Lanes of a cluster where nobody else writes anything.
import type { LaneWriting } from '@hansa/capabilities/lanes/contract';
import { HansaError } from '@hansa/foundation';

export const noLanes: LaneWriting = {
  registerKind: () => undefined,
  find: () => undefined,
  taken: () => false,
  open: async () => {
    throw new HansaError('LANES_UNSUPPORTED', 'nobody else writes here');
  },
  offer: async () => undefined,
};
