// What the host gives to the capability of nodes, and what it takes from it.
import type { NodeId } from '@hansa/foundation';

/** What only the host can do for a cluster of several nodes. */
export interface NodesHost {
  /** How a further node opens the store: `etcd://…`. */
  readonly storeUrl: string;
  /** Everything that a new node needs, sealed under the ticket's secret. */
  sealFor(secret: Uint8Array): Promise<Uint8Array>;
  /** What the last look at the copies of blobs has found. */
  copies(): { readonly copies: number; readonly short: number; readonly lookedMs: number };
}

/** This node, where it is the only one there can be. */
export interface LoneNode {
  readonly node: NodeId;
  readonly name: string;
  readonly api: () => string;
  readonly version: string;
}
