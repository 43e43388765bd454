// What links ask of a data plane: a second way between two nodes, for bulk. Whoever is at the far
// end is proven by its key alone; what it may do there, a ticket says. Drivers: plane-tls.
import type { FrameStream, NodeAddress, NodeId } from '@hansa/foundation';

export const ticketBytes = 32; // as random as a key
export const planeDialMs = 3_000; // three round trips of the slowest path we serve, and a name
// the ticket must follow the handshake at once; one who waits holds a socket of ours
export const planeGreetingMs = 5_000;

export interface PlaneConnection {
  /** Proven by the handshake. */
  readonly remote: NodeId;
  readonly dialled: boolean;
  /** Frames that arrive are `ticketBytes` long at most, until `admit`. */
  readonly stream: FrameStream;
  /** From now on frames may be as long as a frame may be. */
  admit(): void;
  /** Resolves, never rejects, when the connection is over. */
  readonly closed: Promise<{ readonly reason: string }>;
  close(reason: string): void;
}

/** Who may come in. */
export interface PlaneDoor {
  /** False: whoever knocks now is turned away before a word. */
  expectsAnybody(): boolean;
  /** Asked as soon as the key is proven; everybody else is turned away. */
  expects(node: NodeId): boolean;
  arrived(connection: PlaneConnection): Promise<void>;
}

export interface DataPlane {
  /** `host:port`; empty where nobody can dial us. */
  addresses(): readonly string[];
  /** Resolves when the far side has proven to be that node; DIAL_FAILED. */
  dial(to: NodeAddress, signal: AbortSignal): Promise<PlaneConnection>;
  /** Called once. */
  open(door: PlaneDoor): void;
  close(): Promise<void>;
}
