// What a session of the router writes to: a connection of any transport. The drivers make lines;
// the router gives each a session and knows no socket.

/** A connection that takes whole frames. */
export interface Line {
  /** How the peer is told of in lists and logs: an address and a port, say. */
  readonly remote: string;
  /**
   * Takes a frame and tells how many bytes wait behind the connection with it. Never throws: what
   * is sent on a closed line is dropped, and 0 waits. The bytes are not changed afterwards; they
   * may be a view of many more, so that whoever keeps them beyond this turn keeps a copy.
   */
  send(frame: Uint8Array): number;
  /** How many bytes were taken and are not yet written out. */
  waiting(): number;
  /**
   * With `false` nothing more is read from the peer until `true`: it asks faster than it takes
   * answers. A transport that cannot stop reading leaves it out.
   */
  read?(on: boolean): void;
  /** Sends what waits, then closes; the reason is for logs and for transports that can carry it. */
  close(reason: string): void;
}

/** What the other end of a line does. Each call is made by the transport, in order. */
export interface LineEvents {
  /** One whole frame, never as a Buffer. The bytes are the receiver's to keep. */
  frame(bytes: Uint8Array): void;
  /** The transport has room again after `waiting` was above zero. */
  drained(): void;
  /** The peer answered a ping of the transport's own. */
  alive?(): void;
  /** Once, last of all, whoever closed. */
  closed(reason: string): void;
}

/** A router, seen by a listener: every new line is accepted or closed by it. */
export type AcceptLine = (line: Line) => LineEvents;
