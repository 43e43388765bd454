// What checks of invariants look at: everything, from outside.
import type { Codec, Crypto } from '@hansa/foundation';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Trace } from './trace.ts';

export interface InvariantNeeds {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly trace: Trace;
  readonly clusters: readonly SimulatedCluster[];
  network(): SimulatedNetwork;
  nowMs(): number;
}
