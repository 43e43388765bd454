// What writes to the audit, in process: the node's gates, and capabilities whose acts no request
// shows (a role mapped by a peer's change, a certificate that renewed itself).
import type { Asked, AuditEntry } from '@hansa/foundation';

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
  /** AUDIT_UNAVAILABLE where this would have to be kept and cannot be: asked before it is done. */
  requireReady(asked: Asked): void;
}
