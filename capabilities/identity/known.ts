// What identity is handed, and what it holds while the process lives.
import type {
  Clock,
  ClusterId,
  Codec,
  Crypto,
  HansaError,
  KeyValueStore,
  Log,
  Mutex,
  NodeId,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { KeyLog, NodeCertificate } from './contract.ts';
import type { KeptKeyBook } from './key-book.ts';
import type { IdentityTables } from './keys.ts';

/** 32-byte seeds, or the reason why there are none: a bad key file must not stop local service. */
export interface KeySeeds {
  readonly cluster: Uint8Array;
  readonly next: Uint8Array;
  readonly node: Uint8Array;
  /** Made for a rotation that a crash may have cut short. */
  readonly after?: Uint8Array | undefined;
}

/** Where the cluster's seeds lie: what a rotation changes there, each step whole or not at all. */
export interface KeyVault {
  /** The cluster's seeds that can be read, whichever they are: also where others cannot. */
  candidates(): Promise<readonly Uint8Array[]>;
  /** A fresh seed, durable before it is promised; ROTATION_UNPREPARED where none can be kept. */
  prepare(): Promise<Uint8Array>;
  /** From now on exactly these are kept; a seed that was rotated away is destroyed. */
  settle(seeds: { readonly cluster: Uint8Array; readonly next: Uint8Array }): Promise<void>;
}

export interface IdentityNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: KeySeeds | HansaError;
  readonly name: string;
  /** Without one there is no rotation. */
  readonly vault?: KeyVault | undefined;
}

/** The seeds that are in use now. */
export interface ActiveSeeds {
  readonly cluster: Uint8Array;
  readonly next: Uint8Array;
  readonly node: Uint8Array;
}

/** What a cluster is, once its key log is found and its keys are judged by it. */
export interface Known extends IdentityNeeds {
  readonly tables: IdentityTables;
  readonly problem: HansaError | undefined;
  readonly node: NodeId;
  readonly keeper: KeptKeyBook;
  readonly oneAtATime: Mutex;
  /** In force: a rotation is told to peers before it gets here. */
  keyLog: KeyLog;
  /** Undefined where they are unusable. */
  seeds: ActiveSeeds | undefined;
  /** Undefined before the first renewal. */
  certificate: NodeCertificate | undefined;
  /** Undefined until links are attached. */
  peers: Peers | undefined;
  /** Peers that have met this identity in two processes, by the latest word of each. */
  readonly twins: Map<ClusterId, Twin>;
}

export interface Twin {
  readonly instances: number;
  readonly seenMs: number;
}
