// A gate that also counts: what is over, and what was turned away before anybody asked who it is.
import type { Counts, Road } from '@hansa/capabilities/metrics/capability';
import type { Gate } from '@hansa/foundation';

export function countingGate(gate: Gate, counts: Counts, road: Road): Gate {
  return {
    ...gate,
    admit(credential) {
      try {
        gate.admit(credential);
      } catch (error) {
        counts.limited(road);
        throw error;
      }
    },
    record(entry) {
      counts.served(road, entry);
      return gate.record(entry);
    },
  };
}
