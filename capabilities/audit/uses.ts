// What writes to the audit, in process: the node's gates, and capabilities whose acts no request
// shows (a role mapped by a peer's change, a certificate that renewed itself).
import type { AuditEntry } from '@hansa/foundation';

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
  /** Resolves when it is kept, for what must be; at once for what is counted. Never rejects. */
  request(entry: AuditEntry): void | Promise<void>;
  act(act: Act): Promise<void>;
}
