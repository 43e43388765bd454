// The linked clusters as the rest of the house sees them: how each stands to us, and a way to call
// it.
import type { Carrier, ClusterId } from '@hansa/foundation';
import type { TrustLevel } from '../policies/contract.ts';

/** How policy sees a cluster at the far end. */
export interface PeerStanding {
  readonly cluster: ClusterId;
  /** Our name for it; undefined for a stranger. */
  readonly name: string | undefined;
  readonly mine: boolean;
  readonly theirs: boolean;
  /** Confirmed here, not closed, and not blocked. */
  readonly active: boolean;
  readonly trust: TrustLevel;
  /** What we have written on the link; a stranger has none. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What a cluster holds of another's resources, as its beats say it. */
export interface ProgressSource {
  /** What we hold of the peer's: sent with our beats. */
  held(peer: ClusterId): { readonly root: Uint8Array; readonly missing: number };
  /** Compares what the peer says it holds of ours with our own heads. */
  judge(
    peer: ClusterId,
    said: { readonly root: Uint8Array; readonly missing: number },
    signal: AbortSignal,
  ): Promise<{ readonly behind: number; readonly diverged: number }>;
}

/** The linked clusters, for the capabilities that talk to them. */
export interface Peers {
  standing(cluster: ClusterId): PeerStanding;
  /** Every linked cluster that is not closed. */
  all(): readonly PeerStanding[];
  /** By our name for it, its id, or an unambiguous beginning of the id; LINK_NOT_FOUND. */
  resolve(nameOrId: string): PeerStanding;
  /**
   * CLUSTER_BLOCKED, LINK_NOT_FOUND, LINK_PENDING, LINK_NOT_OURS or LINK_DOWN where there is
   * nothing to call.
   */
  carrier(cluster: ClusterId): Carrier;
  /** Like `carrier`, for questions about the link itself: needs no half-link of ours. */
  observer(cluster: ClusterId): Carrier;
  /** Called whenever a link connects, disconnects or changes standing. */
  subscribe(changed: (cluster: ClusterId) => void): () => void;
  connected(cluster: ClusterId): boolean;
  /**
   * So many bytes of bulk are about to be asked for: resolves when the best way for them is open,
   * or is not worth waiting for. Never rejects.
   */
  expectBulk(cluster: ClusterId, bytes: number): Promise<void>;
  /**
   * What state travels on just now, to be compared by identity: whoever watches for long opens the
   * watch anew where it has moved. Undefined while there is no choice.
   */
  road(cluster: ClusterId): unknown;
  /** Something of theirs was applied here: tell them with an early beat. */
  hurry(cluster: ClusterId): void;
  setProgressSource(source: ProgressSource): void;
  /** Rises whenever any standing changes: what policy derives can be cached against it. */
  readonly generation: number;
}
