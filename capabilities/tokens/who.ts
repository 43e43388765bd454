// Who asks for a token, and for whom: a principal for themself, somebody who may for others, the
// owner for anybody or for nobody.
import {
  HansaError,
  isPrincipal,
  nameLengthMax,
  parseScope,
  splitPrincipal,
  type Call,
  type Principal,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import { requireWithin } from './chain.ts';
import type { IssueRequest, TokenCaller } from './contract.ts';
import { isForeign, speakerOf } from './speaking.ts';

/** Whose rights whoever asks has; neither: all of them. */
export interface Asker {
  readonly principal?: Principal | undefined;
  readonly token?: TokenCaller | undefined;
}

/** FORBIDDEN for whoever is nobody here. */
export function askerOf(call: Call | undefined): Asker {
  const caller = call?.caller;
  switch (caller?.kind) {
    case undefined:
    case 'owner':
      return {};
    case 'principal':
      return { principal: caller.principal };
    case 'token':
      return { principal: caller.principal, token: caller };
    default:
      throw new HansaError('FORBIDDEN', 'tokens are made for whoever has said who they are');
  }
}

export function tokenCaller(call: Call | undefined): TokenCaller | undefined {
  return call?.caller?.kind === 'token' ? call.caller : undefined;
}

/** The principal that asks; FORBIDDEN where it is none, or another cluster's. */
export function ownPrincipal({ principal }: Asker): Principal {
  if (principal === undefined) {
    throw new HansaError('FORBIDDEN', 'only who has logged in has tokens of their own', {
      fix: 'say whom it is for: hansa token issue --for <user>, or --audience <holder>',
    });
  }
  requireHome(principal);
  return principal;
}

/** Whom a new token speaks for; undefined where for nobody. */
export function speakerFor(
  asker: Asker,
  { for: spelled, subject }: Pick<IssueRequest, 'for' | 'subject'>,
): Principal | undefined {
  const said = spelled ?? (isPrincipal(subject ?? '') ? subject : undefined);
  const named = said === undefined ? undefined : readSpeaker(said, asker);
  if (asker.principal !== undefined && named === undefined) {
    if (subject !== undefined) {
      throw new HansaError('INPUT_INVALID', 'a token that you make speaks for you', {
        fix: 'leave out the subject, or say whom it is for',
      });
    }
    return ownPrincipal(asker);
  }
  return named;
}

function readSpeaker(spelled: string, asker: Asker): Principal {
  if (spelled === 'me') {
    return ownPrincipal(asker);
  }
  const text = spelled.includes(':') ? spelled : `user:${spelled}`;
  const speaker = speakerOf(text);
  if (speaker === undefined) {
    throw new HansaError('INPUT_INVALID', `"${spelled.slice(0, nameLengthMax)}" names nobody`, {
      fix: 'write anna or service:ci',
    });
  }
  requireHome(speaker);
  return speaker;
}

function requireHome(speaker: Principal): void {
  if (isForeign(speaker)) {
    const { home = '' } = splitPrincipal(speaker);
    throw new HansaError('FORBIDDEN', `tokens of ${speaker} are made by their own cluster`, {
      fix: `ask cluster ${home} for one that names this cluster`,
    });
  }
}

const everything = ['api:*', 'app:*', '*:*:**'];

/**
 * Nobody gives others what they lack; what speaks for oneself gives nothing. Whoever makes a token
 * that speaks for another can use it, so they may no less than the other; and what the other may
 * elsewhere is not known here, so there the owner alone makes it.
 */
export function requireGivable(
  asked: {
    readonly asker: Asker;
    readonly speaker: Principal | undefined;
    readonly elsewhere: boolean;
    readonly call: Call | undefined;
  },
  caps: readonly string[],
  access: AccessControl | undefined,
): void {
  const { asker, speaker, elsewhere, call } = asked;
  if (speaker === asker.principal) {
    requireOwn(asker.token, caps);
    return;
  }
  requireGrantable({ access: () => access }, elsewhere ? everything : caps, call);
  if (speaker !== undefined) {
    access?.requireStandIn(call?.caller, speaker);
  }
}

/** Nobody gives what they lack, to people or to other clusters; the owner lacks nothing. */
export function requireGrantable(
  { access }: { readonly access?: (() => AccessControl | undefined) | undefined },
  caps: readonly string[],
  call: Call | undefined,
): void {
  const { principal, token } = askerOf(call);
  requireOwn(token, caps);
  const control = access?.();
  if (principal !== undefined && control === undefined) {
    throw new HansaError('FORBIDDEN', 'only the owner gives others what they may here');
  }
  control?.requireGrantable(call?.caller, caps);
}

/** The owner may give anything; who came with a token, what that one has. */
export function requireOwn(by: TokenCaller | undefined, caps: readonly string[]): void {
  const scopes = caps.map(parseScope);
  const outer = by === undefined ? 'all' : by.scopes.map(parseScope);
  requireWithin(outer, { claims: { caps }, scopes }, 'the scopes of the token you came with');
}
