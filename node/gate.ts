// The decisions of the roads of people and programs: HTTP with the owner token, a session or a
// capability token, and calls the transport has proven. What only linked clusters may ask, nothing
// of these opens.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { AuditSink } from '@hansa/capabilities/audit/contract';
import type { Sessions } from '@hansa/capabilities/logins/contract';
import type { TokenAuthority } from '@hansa/capabilities/tokens/contract';
import {
  HansaError,
  sourceNetwork,
  type AnyContract,
  type AuditEntry,
  type Caller,
  type Clock,
  type Gate,
  type Held,
  type HttpRoute,
  type Log,
} from '@hansa/foundation';
import { createBuckets, gateLimits, take, type Buckets, type GateLimits } from './gate-limits.ts';
import { createIdentifying } from './identifying.ts';

/** Raw routes have no contract; they are audited and limited under this name. */
export const rawContract = 'http';
/** What it is called in the records where somebody is turned away before a method is known. */
export const doorMethod = 'authenticate';

export interface ApiGateNeeds {
  /** Whoever has it owns the cluster. */
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: GateLimits;
  /** Where `record` learns which calls are writes; only those are logged. */
  readonly contracts?: readonly AnyContract[];
  readonly routes?: readonly HttpRoute[];
  /** Judge sessions, capability tokens and who may what: without them there is only the owner. */
  readonly sessions?: Sessions;
  readonly tokens?: TokenAuthority;
  readonly access?: AccessControl;
  readonly audit?: AuditSink;
}

export function createApiGate(needs: ApiGateNeeds): Gate {
  const { clock, log, access, audit, limits = gateLimits } = needs;
  const writes = writeNames(needs.contracts ?? [], needs.routes ?? []);
  const { sourcesMax } = limits;
  const bucketsOf = (perSecond: number, burst: number): Buckets =>
    createBuckets({ clock, perSecond, burst, sourcesMax });
  const requests = bucketsOf(limits.requestsPerSecond, limits.requestsBurst);
  const callers = bucketsOf(limits.callerRequestsPerSecond, limits.callerRequestsBurst);
  const failures = bucketsOf(limits.failuresPerMinute / 60, limits.failuresPerMinute);
  const identify = createIdentifying(needs, failures);
  return {
    admit(credential) {
      // This process's own calls are bounded by whoever caused them; a limit here would only
      // deadlock.
      if (credential.proven?.kind !== 'owner' && credential.admitted !== true) {
        take(requests, sourceNetwork(credential.source), 'too many requests from here');
      }
    },
    async authenticate(credential): Promise<Caller> {
      if (credential.proven !== undefined) {
        return credential.proven;
      }
      const caller = await identify(credential);
      if (caller.kind === 'anonymous') {
        return caller; // bounded by address: nobody may use up what strangers have together
      }
      take(callers, nameOf(caller), 'too many requests of this caller');
      return caller;
    },
    authorise(caller, asked) {
      const { permission } = asked;
      if (caller.kind === 'anonymous' && permission !== 'open') {
        throw unauthenticated();
      }
      if (access !== undefined) {
        access.authorise(caller, asked);
      } else if (!mayCall(caller, permission)) {
        throw new HansaError('FORBIDDEN', `${named(caller)} may not use "${permission}"`, {
          facts: { permission },
        });
      }
    },
    begin: (beginning) => audit?.begin(beginning),
    hold: ({ caller, asked, lapsed }) => holding(access, { caller, asked, lapsed }),
    record(entry) {
      const kept = audit?.request(entry, deciding(access, entry));
      if (entry.fault !== undefined) {
        log.problem('call.failed', entry.fault, fieldsOf(entry));
      } else if (writes.has(`${entry.contract}.${entry.method}`)) {
        log.event('call.served', fieldsOf(entry));
      }
      return kept;
    },
  };
}

function holding(access: AccessControl | undefined, { caller, asked, lapsed }: Held): () => void {
  if (access === undefined || caller.kind === 'owner' || caller.kind === 'anonymous') {
    return () => undefined;
  }
  const look = (): void => {
    try {
      access.authorise(caller, asked);
    } catch (error) {
      leave();
      lapsed(error);
    }
  };
  const leave = access.subscribe(look);
  // It may have changed since it was allowed; nobody would say so again.
  look();
  return leave;
}

/** The door refuses with the same words, before it reads a body. */
export function unauthenticated(): HansaError {
  return new HansaError('UNAUTHENTICATED', 'no token came with the request');
}

/** The policies that forbade it, by their ids. */
function deciding(
  access: AccessControl | undefined,
  { caller, asked, outcome }: AuditEntry,
): { readonly policies: string } | undefined {
  if (access === undefined || asked === undefined || outcome !== 'FORBIDDEN') {
    return undefined;
  }
  const { policies } = access.decide(caller, asked);
  return policies.length === 0 ? undefined : { policies: policies.join(' ') };
}

function mayCall(caller: Caller, permission: string): boolean {
  if (permission === 'open' || permission === 'self') {
    return permission === 'open' || caller.kind === 'principal';
  }
  return permission === 'peer' ? caller.kind === 'cluster' : caller.kind === 'owner';
}

/** Whoever it is, by whatever way they come: several tokens of one principal are one caller. */
function nameOf(caller: Caller): string {
  return caller.kind === 'token' && caller.principal !== undefined
    ? caller.principal
    : idOf(caller);
}

function named(caller: Caller): string {
  return caller.kind === 'cluster' ? `cluster ${caller.cluster}` : `the ${caller.kind} caller`;
}

function fieldsOf(entry: AuditEntry): Record<string, string> {
  const { contract, method, caller, source, outcome } = entry;
  return { method: `${contract}.${method}`, caller: idOf(caller), source, outcome };
}

function idOf(caller: Caller): string {
  switch (caller.kind) {
    case 'cluster':
      return caller.cluster;
    case 'principal':
      return caller.principal;
    case 'token':
      return `token ${caller.chain[0] ?? ''}`;
    default:
      return caller.kind;
  }
}

function writeNames(
  contracts: readonly AnyContract[],
  routes: readonly HttpRoute[],
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const contract of contracts) {
    for (const [method, { permission }] of Object.entries(contract.methods)) {
      if (permission.endsWith('.write')) {
        names.add(`${contract.name}.${method}`);
      }
    }
  }
  for (const route of routes) {
    if (route.permission.endsWith('.write')) {
      names.add(`${rawContract}.${route.method} ${route.path}`);
    }
  }
  return names;
}
