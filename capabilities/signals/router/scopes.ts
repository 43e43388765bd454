// Scopes as this protocol writes them, `action:pattern`, and tokens that are known by heart. An
// action is read, write or admin, or its first letter; `*` is admin.
import { HansaError, type Clock } from '@hansa/foundation';
import { signalErrors } from '../frames/messages.ts';
import { patternProblem } from '../patterns/address.ts';
import { covers } from '../patterns/covering.ts';
import { matcherOf } from '../patterns/matching.ts';
import type { AdmissionRefusal, Doorkeeper, SignalAccess, SignalVerb } from './access.ts';

type Action = 'read' | 'write' | 'admin';

const actions: Readonly<Record<string, Action>> = {
  r: 'read',
  read: 'read',
  w: 'write',
  write: 'write',
  a: 'admin',
  admin: 'admin',
  '*': 'admin',
};

/**
 * Who may write somewhere may also read what stands there; to be told of changes one has to be
 * allowed to read, or everything. Whoever owns addresses shuts all others out of judging them: that
 * is `admin`.
 */
const granting: Readonly<Record<SignalVerb, readonly Action[]>> = {
  read: ['read', 'write', 'admin'],
  watch: ['read', 'admin'],
  write: ['write', 'admin'],
  own: ['admin'],
};

export function isScope(scope: string): boolean {
  const [name = '', ...rest] = scope.split(':');
  return Object.hasOwn(actions, name) && patternProblem(rest.join(':')) === undefined;
}

/** CONFIG_INVALID where one is none. */
export function requireScopes(scopes: readonly string[]): void {
  scopes.forEach(ruleOf);
}

/** What each says; CONFIG_INVALID where one is no scope. */
export function scopeRules(
  scopes: readonly string[],
): readonly { readonly action: Action; readonly pattern: string }[] {
  return scopes.map(ruleOf);
}

/** CONFIG_INVALID where one is no scope. */
export function scopesAllow(scopes: readonly string[]): SignalAccess['allows'] {
  const rules = scopes.map(ruleOf);
  return (verb, asked) =>
    rules.some(
      ({ action, pattern, matches }) =>
        granting[verb].includes(action) &&
        (verb === 'watch' || verb === 'own' ? covers(pattern, asked) : matches(asked)),
    );
}

interface ScopeRule {
  readonly action: Action;
  readonly pattern: string;
  readonly matches: (address: string) => boolean;
}

function ruleOf(scope: string): ScopeRule {
  const [name = '', ...rest] = scope.split(':');
  const pattern = rest.join(':');
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined || patternProblem(pattern) !== undefined) {
    throw new HansaError('CONFIG_INVALID', `"${scope}" is no scope`, {
      fix: 'write read:, write: or admin: and a pattern, as in read:/stage/**',
    });
  }
  return { action, pattern, matches: matcherOf(pattern) };
}

/** A token that is looked up, not read. */
export interface KnownToken {
  readonly token: string;
  readonly scopes: readonly string[];
  /** Milliseconds since 1970; absent: it does not expire. */
  readonly expiresMs?: number | undefined;
  /** Absent: what all have; 0: as many as it likes. */
  readonly messagesPerSecondMax?: number | undefined;
  readonly subject: string;
}

/** Lets in whoever brings one of the tokens. CONFIG_INVALID where a scope is none. */
export function createTokenBook(clock: Clock, tokens: readonly KnownToken[]): Doorkeeper {
  const book = new Map(
    tokens.map((known) => [known.token, { ...known, allows: scopesAllow(known.scopes) }]),
  );
  return {
    admit({ token }): SignalAccess | AdmissionRefusal {
      if (token === undefined) {
        return { code: signalErrors.authentication, message: 'Authentication required' };
      }
      const known = book.get(token);
      if (known === undefined) {
        return { code: signalErrors.authentication, message: 'Authentication failed' };
      }
      const { expiresMs, messagesPerSecondMax, subject, allows } = known;
      return expiresMs !== undefined && expiresMs <= clock.now()
        ? { code: signalErrors.expired, message: 'the token has expired' }
        : { expiresMs, messagesPerSecondMax, subject, allows };
    },
  };
}
