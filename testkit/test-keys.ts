// A key book for tests of what only asks it: every cluster has its first key and no other.
import type { KeyBook } from '@hansa/capabilities/identity/contract';
import { fromHex, HansaError } from '@hansa/foundation';

export function createTestKeys(): KeyBook {
  return {
    keyOf: (cluster, keyIndex) => (keyIndex === 0 ? fromHex(cluster) : undefined),
    signing(cluster, { keyIndex }) {
      if (keyIndex !== 0) {
        throw new HansaError('KEY_UNKNOWN', `key ${keyIndex} of ${cluster} is not known`);
      }
      return fromHex(cluster);
    },
    present: (cluster) => ({ keyIndex: 0, key: fromHex(cluster) }),
    log: () => undefined,
    fork: () => undefined,
    blocked: () => false,
    learn: async () => 0,
    met: () => undefined,
    twins: () => undefined,
    generation: 0,
    subscribe: () => () => undefined,
  };
}
