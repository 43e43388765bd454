// Tokens on the roads of people and programs: who calls with one, what it lets them call, and when
// what they started has to end.
import { anyContains, type Clock, HansaError, readScope } from '@hansa/foundation';
import type {
  TokenHolder,
  PossessionProof,
  TokenAuthority,
  TokenCaller,
  VerifiedToken,
} from './contract.ts';
import type { Judge } from './judge.ts';
import type { Verifying } from './jws.ts';
import type { Lapsing } from './lapsing.ts';
import { createPossessions, type Possessions } from './possession.ts';

export interface AuthorityNeeds extends Verifying {
  readonly clock: Clock;
  readonly judge: Judge;
  readonly lapsing: Lapsing;
}

export function createAuthority(needs: AuthorityNeeds): TokenAuthority {
  const { judge, lapsing } = needs;
  const possessions = createPossessions(needs);
  // A caller lives as long as its request: its token is found by it and forgotten with it.
  const tokens = new WeakMap<TokenCaller, VerifiedToken>();
  return {
    authenticate({ token: text, possession }) {
      const token = judge.verify(text);
      const caller: TokenCaller = {
        kind: 'token',
        holder: holderOf(possessions, { text, token, possession }),
        subject: token.subject,
        scopes: token.caps,
        chain: token.ids,
        expiresMs: token.expiresMs,
      };
      tokens.set(caller, token);
      return caller;
    },
    authorise({ scopes }, permission) {
      const wanted = readScope(`api:${permission}`);
      const had = scopes.flatMap((scope) => readScope(scope) ?? []);
      if (wanted === undefined || !anyContains(had, wanted)) {
        throw new HansaError('TOKEN_SCOPE', `the token has no scope for "${permission}"`, {
          fix: `it would need the scope "api:${permission}"`,
          facts: { permission },
        });
      }
    },
    lapse(caller) {
      const token = tokens.get(caller);
      const ending = new AbortController();
      if (token === undefined) {
        return { signal: ending.signal, done: () => undefined };
      }
      const done = lapsing.hold(token, (reason) => ending.abort(reason));
      return { signal: ending.signal, done };
    },
  };
}

function holderOf(
  possessions: Possessions,
  given: {
    readonly text: string;
    readonly token: VerifiedToken;
    readonly possession: PossessionProof | undefined;
  },
): TokenHolder {
  const { text, token, possession } = given;
  if (token.audience.includes('bearer')) {
    return 'bearer';
  }
  if (possession === undefined) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `the token is bound to ${token.audience.join(', ')}, and nobody proved to be that`,
      { fix: 'send a proof of possession as "Hansa-Proof": hansa token prove' },
    );
  }
  return possessions.require(text, token.audience, possession);
}
