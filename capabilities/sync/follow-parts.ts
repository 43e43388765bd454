// What following an owner needs, and what it reports as it goes: for all who follow, copy or
// repair.
import type { Blobs, ClusterId, Log, Random } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Head } from '../resources/contract.ts';
import type { FederatedKind, MirrorBlame } from './contract.ts';
import type { Copies, CopiesNeeds } from './copies.ts';

export interface FollowNeeds extends CopiesNeeds {
  readonly random: Random;
  readonly log: Log;
  readonly blobs: Blobs;
  readonly peers: Peers;
  readonly copies: Copies;
  kind(name: string): FederatedKind;
  /** Told of everything bad that came, and of who answers for it. */
  accuse?(blame: MirrorBlame): void;
  /** Nothing is fetched from such a peer that somebody else may have. */
  avoids?(peer: ClusterId): boolean;
}

/** What the follower reports as it goes. */
export interface FollowReport {
  head(head: Head): void;
  pulling(): void;
  arrived(bytes: number): void;
  fetched(blobs: number): void;
  /** `more`: what the owner has goes on after it. */
  applied(head: Head, more: boolean): void;
  verified?(): void;
  /** So many bytes of blobs were asked of that cluster. */
  asked?(cluster: ClusterId, bytes: number): void;
}
