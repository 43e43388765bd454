// The decisions of the wire road: the transport has proven who calls; whether a resource may be
// seen, pulled or pushed is policy's question inside the service.
import type { AuditSink } from '@hansa/capabilities/audit/contract';
import { HansaError, type Gate, type Log } from '@hansa/foundation';

/** The audit is made after the edge that this gate is for. */
export function createPeerGate(log: Log, audit?: () => AuditSink | undefined): Gate {
  return {
    admit: () => undefined, // wire sessions bound requests themselves (foundation/wire/limits.ts)
    async authenticate(credential) {
      if (credential.proven?.kind !== 'cluster') {
        throw new HansaError('UNAUTHENTICATED', 'only a cluster that proved who it is may call');
      }
      return credential.proven;
    },
    authorise(caller, { permission }) {
      if (permission !== 'peer' || caller.kind !== 'cluster') {
        throw new HansaError('FORBIDDEN', `peers may not use "${permission}"`);
      }
    },
    record(entry) {
      if (entry.fault !== undefined) {
        const { contract, method, source } = entry;
        log.problem('peer-call.failed', entry.fault, { method: `${contract}.${method}`, source });
      }
      // Not waited for: an act may end the connection, and its answer has to be out before.
      void audit?.()?.request(entry);
    },
  };
}
