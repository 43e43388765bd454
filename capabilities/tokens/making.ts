// Tokens made: the first of a chain by a cluster, every other by whoever holds its parent, with no
// node in reach.
import { type Crypto, HansaError, parseScope, type Random, toBase64Url } from '@hansa/foundation';
import {
  chainMark,
  clustersOf,
  proofHash,
  readChain,
  requireDescent,
  type Member,
} from './chain.ts';
import { readClaims, tooDeep } from './claims.ts';
import { tokenBytesMax, tokenDepthMax, type TokenHolder } from './contract.ts';
import { readJws, writeJws, type Signing } from './jws.ts';
import { speakerOf } from './speaking.ts';

const idBytes = 16; // nobody can guess one, and no two are equal

/** What a new token says; times in milliseconds, told in whole seconds. */
export interface Wish {
  readonly subject: string;
  readonly audience: readonly TokenHolder[];
  readonly caps: readonly string[];
  readonly nowMs: number;
  readonly expiresMs: number;
  readonly delegable: boolean;
  readonly facts: readonly string[];
}

export interface Making {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly signing: Signing;
}

export interface Made {
  readonly text: string;
  readonly jti: string;
  readonly expiresMs: number;
}

/** A token that descends from nothing: its issuer's word is all there is. */
export function mintToken(making: Making, wish: Wish): Made {
  return make(making, wish, undefined);
}

/** The same checks as whoever verifies it makes, so that nobody makes a token that is refused. */
export function attenuateToken(making: Making, parentText: string, wish: Wish): Made {
  const ancestors = readChain(parentText);
  const [parent] = ancestors;
  if (parent === undefined || parent.claims.depth >= tokenDepthMax) {
    throw tooDeep();
  }
  // A minute's tolerance is the verifier's to give, not the holder's to take.
  if (wish.nowMs >= parent.claims.exp * 1_000) {
    throw new HansaError('TOKEN_EXPIRED', `its parent ${parent.claims.jti} has run out`);
  }
  return make(making, wish, { member: parent, ancestors, text: parentText });
}

function make(
  { crypto, random, signing }: Making,
  wish: Wish,
  parent:
    | { readonly member: Member; readonly ancestors: readonly Member[]; readonly text: string }
    | undefined,
): Made {
  const jti = newId(random);
  const exp = Math.floor(wish.expiresMs / 1_000);
  const iat = Math.floor(wish.nowMs / 1_000);
  const payload = {
    iss: signing.issuer,
    sub: wish.subject,
    aud: wish.audience,
    exp,
    nbf: iat,
    iat,
    jti,
    caps: wish.caps,
    depth: parent === undefined ? 0 : parent.member.claims.depth + 1,
    del: wish.delegable,
    ...(wish.facts.length === 0 ? {} : { fct: wish.facts }),
    prf: parent === undefined ? [] : [proofHash(crypto, parent.member.jws.text)],
  };
  const scopes = wish.caps.map(parseScope);
  const own = writeJws(signing, 'hansa-cap+jwt', payload);
  const jws = readJws(own, 'hansa-cap+jwt');
  const made: Member = { jws, claims: readClaims(jws), scopes };
  if (parent !== undefined) {
    requireDescent(crypto, made, parent.member);
    requirePlaces([made, ...parent.ancestors]);
  }
  const text = parent === undefined ? own : `${own}${chainMark}${parent.text}`;
  if (text.length > tokenBytesMax) {
    throw new HansaError('TOKEN_TOO_LARGE', `the token has ${text.length} bytes`, {
      fix: `a token has at most ${tokenBytesMax} bytes: name fewer scopes`,
      facts: { tokenBytesMax },
    });
  }
  return { text, jti, expiresMs: exp * 1_000 };
}

/** People type it: none begins as an option of a command does. */
function newId(random: Random): string {
  const id = toBase64Url(random.bytes(idBytes));
  return id.startsWith('-') ? newId(random) : id;
}

function requirePlaces(members: readonly Member[]): void {
  if (speakerOf(members.at(-1)?.claims.sub ?? '') !== undefined) {
    clustersOf(members);
  }
}
