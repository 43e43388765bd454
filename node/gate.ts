// The decisions of the owner's roads: HTTP with the owner token or a capability token, and calls
// the transport has proven. What only linked clusters may ask, no token opens.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { TokenAuthority } from '@hansa/capabilities/tokens/contract';
import {
  HansaError,
  type AnyContract,
  type AuditEntry,
  type Caller,
  type Clock,
  type Credential,
  type ErrorCode,
  type Gate,
  type HttpRoute,
  type Log,
} from '@hansa/foundation';

export interface GateLimits {
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
  readonly failuresPerMinute: number;
  readonly sourcesMax: number;
}

export const gateLimits: GateLimits = {
  requestsPerSecond: 500, // a busy console and a deployment script together stay far below
  requestsBurst: 1_000, // two seconds of it at once: a page opening, a script starting
  failuresPerMinute: 10, // a person mistypes a few times; a guesser tries thousands
  sourcesMax: 4_096, // addresses remembered; about 1 MiB, and the oldest is forgotten first
};

/** Raw routes have no contract; they are audited and limited under this name. */
export const rawContract = 'http';

export interface OwnerGateNeeds {
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: GateLimits;
  /** Where `record` learns which calls are writes; only those are logged. */
  readonly contracts?: readonly AnyContract[];
  readonly routes?: readonly HttpRoute[];
  /** Judges capability tokens; without it only the owner has one. */
  readonly tokens?: TokenAuthority;
}

export function createOwnerGate(needs: OwnerGateNeeds): Gate {
  const { clock, log, tokens, limits = gateLimits } = needs;
  const expected = digest(needs.token);
  const writes = writeNames(needs.contracts ?? [], needs.routes ?? []);
  const requests = createBuckets({
    clock,
    perSecond: limits.requestsPerSecond,
    burst: limits.requestsBurst,
    sourcesMax: limits.sourcesMax,
  });
  const failures = createBuckets({
    clock,
    perSecond: limits.failuresPerMinute / 60,
    burst: limits.failuresPerMinute,
    sourcesMax: limits.sourcesMax,
  });
  return {
    admit(credential) {
      // This process's own calls are bounded by whoever caused them; a limit here would only
      // deadlock.
      if (credential.proven?.kind !== 'owner') {
        take(requests, credential.source, 'too many requests from here');
      }
    },
    async authenticate(credential): Promise<Caller> {
      if (credential.proven !== undefined) {
        return credential.proven;
      }
      if (credential.token === undefined) {
        throw new HansaError('UNAUTHENTICATED', 'no token came with the request');
      }
      // The right token is let in even while its source is limited: all programs of this machine
      // share one source, and a stranger's wrong guesses at 256 bits must not lock the owner out.
      if (timingSafeEqual(digest(credential.token), expected)) {
        return { kind: 'owner' };
      }
      if (tokens === undefined || !credential.token.includes('.')) {
        refuse(failures, credential, log);
      }
      const { token, possession } = credential;
      try {
        return tokens.authenticate({ token, possession });
      } catch (error) {
        refuseToken(error, { failures, credential, log });
      }
    },
    authorise(caller, permission) {
      if (caller.kind === 'token' && permission !== 'open' && tokens !== undefined) {
        tokens.authorise(caller, permission);
      } else if (!mayCall(caller, permission)) {
        throw new HansaError('FORBIDDEN', `${named(caller)} may not use "${permission}"`, {
          facts: { permission },
        });
      }
    },
    record(entry) {
      if (entry.fault !== undefined) {
        log.problem('call.failed', entry.fault, fieldsOf(entry));
      } else if (writes.has(`${entry.contract}.${entry.method}`)) {
        log.event('call.served', fieldsOf(entry));
      }
    },
  };
}

function mayCall(caller: Caller, permission: string): boolean {
  if (permission === 'open') {
    return true;
  }
  return permission === 'peer' ? caller.kind === 'cluster' : caller.kind === 'owner';
}

function named(caller: Caller): string {
  return caller.kind === 'cluster' ? `cluster ${caller.cluster}` : `the ${caller.kind} caller`;
}

function fieldsOf(entry: AuditEntry): Record<string, string> {
  const { contract, method, caller, source, outcome } = entry;
  const who =
    caller.kind === 'cluster'
      ? caller.cluster
      : caller.kind === 'token'
        ? `token ${caller.chain[0] ?? ''}`
        : caller.kind;
  return { method: `${contract}.${method}`, caller: who, source, outcome };
}

function refuse(failures: Buckets, credential: Credential, log: Log): never {
  take(failures, credential.source, 'too many wrong tokens from here');
  log.event('token.refused', { source: credential.source });
  throw new HansaError('UNAUTHENTICATED', 'the token is not the owner’s');
}

// Only these can be guesses: who has a token that ran out or is too narrow was given one.
const guesses: ReadonlySet<ErrorCode> = new Set([
  'TOKEN_FORGED',
  'TOKEN_MALFORMED',
  'TOKEN_TOO_DEEP',
  'TOKEN_TOO_LARGE',
]);

function refuseToken(
  error: unknown,
  { failures, credential, log }: { failures: Buckets; credential: Credential; log: Log },
): never {
  if (error instanceof HansaError) {
    if (guesses.has(error.code)) {
      take(failures, credential.source, 'too many wrong tokens from here');
    }
    log.event('token.refused', { source: credential.source, reason: error.code });
  }
  throw error;
}

// Equal lengths for the comparison, whatever was sent; the token itself has the entropy.
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
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

interface Buckets {
  /** 0 where it was granted, else the seconds until one more will be. */
  take(source: string): number;
}

function createBuckets(bounds: {
  readonly clock: Clock;
  readonly perSecond: number;
  readonly burst: number;
  readonly sourcesMax: number;
}): Buckets {
  const { clock, perSecond, burst, sourcesMax } = bounds;
  const levels = new Map<string, { level: number; atMs: number }>();
  return {
    take(source) {
      const atMs = clock.monotonicMs();
      const before = levels.get(source) ?? { level: burst, atMs };
      const level = Math.min(burst, before.level + ((atMs - before.atMs) / 1_000) * perSecond);
      const granted = level >= 1;
      // Deleted first so that the map's order is the order of last use.
      levels.delete(source);
      levels.set(source, { level: granted ? level - 1 : level, atMs });
      if (levels.size > sourcesMax) {
        const oldest = levels.keys().next().value;
        levels.delete(oldest ?? source);
      }
      return granted ? 0 : (1 - level) / perSecond;
    },
  };
}

function take(buckets: Buckets, source: string, sentence: string): void {
  const waitSeconds = buckets.take(source);
  if (waitSeconds > 0) {
    const retryAfterSeconds = Math.ceil(waitSeconds);
    throw new HansaError('RATE_LIMITED', sentence, {
      fix: `retry in ${retryAfterSeconds} s`,
      facts: { retryAfterSeconds },
    });
  }
}
