// What links tell the manager, and whoever takes its receiver.
import type { PublishMessage, WireValue } from '../frames/messages.ts';
import type { PeerState } from './config.ts';

export type FederationEvent =
  /** A peer said which addresses are its own. */
  | { readonly type: 'peerNamespaces'; readonly peer: string; readonly patterns: readonly string[] }
  | { readonly type: 'connected'; readonly peer: string }
  | { readonly type: 'disconnected'; readonly peer: string; readonly reason: string }
  | { readonly type: 'syncComplete'; readonly peer: string; readonly patterns: readonly string[] }
  | {
      readonly type: 'remoteSet';
      readonly peer: string;
      readonly address: string;
      readonly value: WireValue;
    }
  | { readonly type: 'remotePublish'; readonly peer: string; readonly message: PublishMessage };

export interface PeerInfo {
  readonly routerId: string;
  readonly state: PeerState;
  /** None while it is disconnected. */
  readonly namespaces: readonly string[];
}

export type Emit = (event: FederationEvent) => void;
