// Who comes with a credential: the owner, a session, whoever holds a token, or nobody. Guesses are
// counted by where they come from. For the gate.
import { createHash, timingSafeEqual } from 'node:crypto';
import { sessionMark, type Sessions } from '@hansa/capabilities/logins/contract';
import type { TokenAuthority } from '@hansa/capabilities/tokens/contract';
import {
  HansaError,
  sourceNetwork,
  type Caller,
  type Credential,
  type ErrorCode,
  type Log,
} from '@hansa/foundation';
import { take, type Buckets } from './gate-limits.ts';

export interface IdentifyingNeeds {
  /** Whoever has it owns the cluster. */
  readonly token: string;
  readonly log: Log;
  readonly sessions?: Sessions;
  readonly tokens?: TokenAuthority;
}

export type Identify = (credential: Credential) => Promise<Caller>;

export function createIdentifying(needs: IdentifyingNeeds, failures: Buckets): Identify {
  const { log, sessions, tokens } = needs;
  const expected = digest(needs.token);
  return async (credential) => {
    if (credential.token === undefined) {
      return { kind: 'anonymous' }; // for what is open to everybody, and refused everything else
    }
    // The right token is let in even while its source is limited: all programs of this machine
    // share one source, and a stranger's wrong guesses at 256 bits must not lock the owner out.
    if (timingSafeEqual(digest(credential.token), expected)) {
      return { kind: 'owner' };
    }
    const { token, possession } = credential;
    try {
      if (sessions !== undefined && token.startsWith(sessionMark)) {
        return sessions.authenticate(token);
      }
      if (tokens !== undefined && token.includes('.')) {
        return tokens.authenticate({ token, possession });
      }
      throw new HansaError('UNAUTHENTICATED', 'the token is not the owner’s');
    } catch (error) {
      refuse(error, { failures, credential, log });
    }
  };
}

// Only these can be guesses: who has a token that ran out or is too narrow was given one.
const guesses: ReadonlySet<ErrorCode> = new Set([
  'TOKEN_ALGORITHM',
  'TOKEN_FORGED',
  'TOKEN_ISSUER',
  'TOKEN_KEY_UNKNOWN',
  'TOKEN_MALFORMED',
  'TOKEN_SUBJECT',
  'TOKEN_TOO_DEEP',
  'TOKEN_TOO_LARGE',
  // Nothing tells a session that was from one that never was: who comes with one once too often
  // has to log in as they had to before.
  'UNAUTHENTICATED',
]);

function refuse(
  error: unknown,
  { failures, credential, log }: { failures: Buckets; credential: Credential; log: Log },
): never {
  if (error instanceof HansaError) {
    if (guesses.has(error.code)) {
      const network = sourceNetwork(credential.source);
      take(failures, network, 'too many wrong tokens or sessions from here');
    }
    log.event('token.refused', { source: credential.source, reason: error.code });
  }
  throw error;
}

// Equal lengths for the comparison, whatever was sent; the token itself has the entropy.
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
