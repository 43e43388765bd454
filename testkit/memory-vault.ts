// Where a cluster's seeds lie in tests: what a folder of key files is to a node. It outlives the
// process that uses it, and can be cut off between any two steps.
import type { KeySeeds, KeyVault } from '@hansa/capabilities/identity/capability';
import type { Random } from '@hansa/foundation';

export interface MemoryVault extends KeyVault {
  /** As the next start reads them. */
  readonly keys: KeySeeds;
  /** Of the cluster, all that it ever had. */
  seeds(): readonly Uint8Array[];
}

export function createMemoryVault(first: KeySeeds, random: Pick<Random, 'bytes'>): MemoryVault {
  let keys = first;
  const seeds = [first.cluster, first.next];
  return {
    get keys() {
      return keys;
    },
    seeds: () => seeds,
    async candidates() {
      return [keys.cluster, keys.next, ...(keys.after === undefined ? [] : [keys.after])];
    },
    async prepare() {
      const after = random.bytes(32);
      keys = { ...keys, after };
      seeds.push(after);
      return after;
    },
    async settle({ cluster, next }) {
      keys = { cluster, next, node: keys.node };
    },
  };
}
