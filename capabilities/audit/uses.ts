// What writes to the audit, in process: the node's gates, and capabilities whose acts no request
// shows (a role mapped by a peer's change, a certificate that renewed itself).
import type { AuditEntry, Beginning } from '@hansa/foundation';

/** An act that came by no request. Never a secret: names, ids and outcomes alone. */
export interface Act {
  /** Dotted, the subsystem first: `certificate.renewed`. */
  readonly act: string;
  readonly principal: string;
  readonly target?: string | undefined;
  readonly outcome: string;
  readonly facts?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface AuditSink {
  /**
   * Resolves when it is kept, for what must be; at once for what is counted. Never rejects. `facts`
   * are the gate's own, such as the policies that decided.
   */
  request(entry: AuditEntry, facts?: Act['facts']): void | Promise<void>;
  act(act: Act): Promise<void>;
  /**
   * Asked before something is done: keeps that it was allowed, where it has to be kept, until
   * `request` hears with the id that this gives how it ended. AUDIT_UNAVAILABLE where it cannot be.
   */
  begin(beginning: Beginning): Promise<string> | undefined;
}
