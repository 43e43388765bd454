// Bytes between nodes, as frames. A peer is a node key; addresses are hints. Drivers:
// transport-memory, transport-iroh. Suite: testkit/transport.suite.ts.
import type { NodeId } from './ids.ts';

// one blob chunk with its envelope, and room
export const frameBytesMax: number = 2 * 1_024 * 1_024;
export const dialTimeoutMs = 5_000; // iroh's own is 30 s and cannot be set

export interface NodeAddress {
  readonly node: NodeId;
  /** `host:port`, IPv6 hosts in brackets. */
  readonly addresses: readonly string[];
}

export interface Transport {
  readonly node: NodeId;
  /** Where this node can be reached, as far as it knows. */
  addresses(): readonly string[];
  /** Resolves when the far side has accepted; DIAL_FAILED after 5 s or on the signal. */
  dial(to: NodeAddress, protocol: string, signal?: AbortSignal): Promise<Connection>;
  /**
   * Serves a protocol (its name ends in its version, `/hansa/link/1`); one handler per protocol.
   */
  accept(protocol: string, handler: (connection: Connection) => Promise<void>): void;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

export interface Connection {
  /** Proven by the transport's own handshake. */
  readonly remote: NodeId;
  readonly protocol: string;
  readonly dialled: boolean;
  /** Opens a bidirectional stream; the far side sees it once the first frame was sent. */
  openStream(): Promise<FrameStream>;
  /** The next stream the far side opened; undefined once the connection ended. */
  acceptStream(): Promise<FrameStream | undefined>;
  /** Resolves, never rejects, when the connection is over. */
  readonly closed: Promise<{ reason: string }>;
  close(reason: string): void;
}

export interface FrameStream {
  /** Resolves when the frame is in the bounded outgoing queue; frames keep their order. */
  send(frame: Uint8Array): Promise<void>;
  /** The next frame; undefined when the far side finished; CONNECTION_CLOSED where it broke. */
  receive(): Promise<Uint8Array | undefined>;
  /** Sends what is queued, then tells the far side that no more comes. */
  finish(): Promise<void>;
  /** Drops both directions at once. */
  abort(reason: string): void;
}
