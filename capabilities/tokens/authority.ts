// Tokens on the roads of people and programs: who calls with one, and when what they started has to
// end. What it lets them call is for access to say.
import { type Clock, type ClusterId, HansaError } from '@hansa/foundation';
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
import { keysAmong } from './speaking.ts';

export interface AuthorityNeeds extends Verifying {
  readonly clock: Clock;
  readonly judge: Judge;
  readonly lapsing: Lapsing;
}

export interface Authority extends TokenAuthority {
  /** The cluster whose word the caller's token is; undefined for a caller of another road. */
  rootOf(caller: TokenCaller): ClusterId | undefined;
}

export function createAuthority(needs: AuthorityNeeds): Authority {
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
        principal: judge.speaker(token),
        root: token.root,
        scopes: token.caps,
        chain: token.ids,
        expiresMs: token.expiresMs,
      };
      tokens.set(caller, token);
      return caller;
    },
    rootOf: (caller) => tokens.get(caller)?.root,
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
  // Of a token that speaks for somebody the clusters in it do not hold it: they are where it is
  // good, for whoever has it, unless keys stand beside them.
  const holders = token.speaksFor === undefined ? token.audience : keysAmong(token.audience);
  if (token.audience.includes('bearer') || holders.length === 0) {
    return 'bearer';
  }
  if (possession === undefined) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `the token is bound to ${holders.join(', ')}, and nobody proved to be that`,
      { fix: 'send a proof of possession as "Hansa-Proof": hansa token prove' },
    );
  }
  return possessions.require(text, holders, possession);
}
