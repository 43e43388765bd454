// What discovery is made of: what a host hands in, the outside worlds it asks, and the parts that
// the service and the peers' road share.
import type {
  Clock,
  ClusterId,
  Codec,
  Crypto,
  KeyValueStore,
  Log,
  NodeId,
  Random,
} from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Peers, Reaching } from '../links/contract.ts';

/** Which keys of clusters are known here. */
export type ClusterKeys = Pick<KeyBook, 'keyOf' | 'present' | 'signing'>;

/** What a node says on the local network: an id and a port, nothing that has to be believed. */
export interface LanWord {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** Of the announcement that the node will hand over. */
  readonly counter: number;
}

export interface LanClaim extends LanWord {
  /** `host:port`: where the word came from, with the port that it names. */
  readonly address: string;
}

/** The local network. Driver: discovery-mdns. */
export interface LocalNetwork {
  /** Speaks and listens until the signal aborts; rejects where it cannot. */
  run(
    talk: {
      /** Undefined where there is nothing to say yet. */
      readonly word: () => (LanWord & { readonly port: number }) | undefined;
      readonly heard: (claim: LanClaim) => void;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** Says the word, which has changed. */
  speak(): void;
  /** Asks everybody to speak now. */
  ask(): void;
}

/** A record of a directory: only the holder of the key can write it, and nothing older. */
export interface DirectoryItem {
  readonly value: Uint8Array;
  readonly sequence: number;
}

/** A directory that belongs to nobody: BEP-44 mutable items. Driver: discovery-dht. */
export interface Directory {
  /** Resolves once some node has taken it. */
  put(
    item: DirectoryItem & {
      readonly key: Uint8Array;
      readonly salt: Uint8Array;
      sign(message: Uint8Array): Uint8Array;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** The item of the highest sequence that nodes have, signed by the key; undefined for none. */
  get(
    place: { readonly key: Uint8Array; readonly salt: Uint8Array },
    signal: AbortSignal,
  ): Promise<DirectoryItem | undefined>;
  /** How many nodes are known. */
  nodes(): number;
}

export interface DiscoveryNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly reaching: Reaching;
  readonly keys: ClusterKeys;
  /** Clusters with which nothing is exchanged. */
  readonly isBlocked?: ((cluster: ClusterId) => boolean) | undefined;
  /** Names of the apps that this cluster offers. */
  readonly apps?: (() => readonly string[]) | undefined;
  readonly options?: DiscoveryOptions | undefined;
}

/** What the owner has switched on; nothing by default. */
export interface DiscoveryOptions {
  /** Tell linked clusters where we are, and pass on what others want passed on. */
  readonly gossip?: boolean | undefined;
  readonly lan?: LocalNetwork | undefined;
  readonly directory?: Directory | undefined;
  readonly relays?: readonly string[] | undefined;
}
