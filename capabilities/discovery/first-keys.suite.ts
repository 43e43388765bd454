// The keys of clusters that never rotated, for the tests of discovery.
import { fromHex, HansaError, type ClusterId } from '@hansa/foundation';
import type { ClusterKeys } from './parts.ts';

export const firstKeys: ClusterKeys = {
  keyOf: (cluster, keyIndex) => (keyIndex === 0 ? fromHex(cluster) : undefined),
  present: (cluster: ClusterId) => ({ keyIndex: 0, key: fromHex(cluster) }),
  signing(cluster, { keyIndex }) {
    if (keyIndex !== 0) {
      throw new HansaError('KEY_UNKNOWN', `key ${keyIndex} is not known here`);
    }
    return fromHex(cluster);
  },
};
