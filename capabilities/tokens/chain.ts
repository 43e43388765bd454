// A whole token: the text of each token of its chain, the last child first, joined by "~". Whether
// it is good is decided here, over the whole chain, by whoever it is shown to.
import {
  anyContains,
  type ClusterId,
  type Crypto,
  HansaError,
  momentText,
  parseScope,
  type Principal,
  readScope,
  type Scope,
  toBase64Url,
  utf8,
} from '@hansa/foundation';
import { readClaims, tooDeep, type Claims } from './claims.ts';
import {
  tokenBytesMax,
  tokenDepthMax,
  tokenSkewMs,
  type TokenLink,
  type VerifiedToken,
} from './contract.ts';
import { malformed, readJws, requireSignature, type Jws, type KeyOf } from './jws.ts';
import { clustersAmong, speakerOf } from './speaking.ts';

export const chainMark = '~';

/** One token of a chain. */
export interface Member {
  readonly jws: Jws;
  readonly claims: Claims;
  readonly scopes: readonly Scope[];
}

/** What a verifier knows besides the token. */
export interface Judging {
  readonly crypto: Crypto;
  readonly nowMs: number;
  readonly keyOf: KeyOf;
  /** TOKEN_ISSUER where tokens of that cluster do not count here; otherwise how far they reach. */
  ceiling(root: ClusterId, speaker: Principal | undefined): 'all' | readonly Scope[];
  /** Whether that cluster, whose word the chain is, or this one has taken it back. */
  isRevoked(jti: string, root: ClusterId): boolean;
  /** Where it is to be good; absent where that is not asked. */
  readonly here?: ClusterId;
}

/** Its members, the child first; their form is right, and nothing more is known. */
export function readChain(text: string): readonly Member[] {
  // Only ASCII passes the form, so that characters are bytes.
  if (text.length > tokenBytesMax) {
    throw new HansaError('TOKEN_TOO_LARGE', `a token has at most ${tokenBytesMax} bytes`, {
      facts: { tokenBytesMax },
    });
  }
  const texts = text.split(chainMark);
  if (texts.length > tokenDepthMax + 1) {
    throw tooDeep();
  }
  const members = texts.map(readMember);
  members.forEach(({ claims }, at) => {
    const ancestors = members.length - 1 - at;
    if (claims.depth !== ancestors || claims.prf.length !== Math.min(ancestors, 1)) {
      throw malformed(
        `a token of depth ${claims.depth} came with ${ancestors} that it descends from`,
      );
    }
  });
  return members;
}

function readMember(text: string): Member {
  const jws = readJws(text, 'hansa-cap+jwt');
  const claims = readClaims(jws);
  const scopes = claims.caps.map((cap) => {
    const scope = readScope(cap);
    if (scope === undefined) {
      throw malformed('one of its scopes has no form that is known here');
    }
    return scope;
  });
  return { jws, claims, scopes };
}

/**
 * Throws what is wrong, the worst first: what was never signed before what is too wide, and that
 * before what has run out.
 */
export function verifyChain(text: string, judging: Judging): VerifiedToken {
  const members = readChain(text);
  const [leaf] = members;
  const last = members.at(-1);
  if (leaf === undefined || last === undefined) {
    throw malformed('it is empty');
  }
  const { root, ceiling } = requireRoot(last, judging);
  // From the root on: whoever has no token of ours makes us verify one signature and no more.
  for (const { jws, claims } of members.toReversed()) {
    requireSignature(judging, jws, claims.iat * 1_000);
  }
  members.forEach((child, at) => {
    const parent = members[at + 1];
    if (parent !== undefined) {
      requireDescent(judging.crypto, child, parent);
    }
  });
  requireWithin(ceiling, last, 'what tokens of that cluster may say here');
  const speaksFor = speakerOf(last.claims.sub);
  const clusters = speaksFor === undefined ? undefined : clustersOf(members);
  requireHere(judging, clusters);
  requireUnrevoked(members, { ...judging, root });
  members.forEach(({ claims }) => requireTime(claims, judging.nowMs));
  return {
    ...linkOf(leaf),
    root,
    speaksFor,
    clusters,
    rootCaps: last.claims.caps,
    rootIssuedMs: last.claims.iat * 1_000,
    rootKeyIndex: last.jws.keyIndex,
    ids: members.map(({ claims }) => claims.jti),
    endsMs: Math.min(...members.map(({ claims }) => claims.exp * 1_000)) + tokenSkewMs,
    grants: (scope) => anyContains(leaf.scopes, parseScope(scope)),
  };
}

function requireRoot(
  { jws, claims }: Member,
  judging: Judging,
): { readonly root: ClusterId; readonly ceiling: 'all' | readonly Scope[] } {
  const [form, id = ''] = jws.issuer.split(':');
  const root = id as ClusterId;
  if (form !== 'cluster') {
    throw issuerRefused(claims.iss, 'only a cluster can issue one that descends from nothing');
  }
  return { root, ceiling: judging.ceiling(root, speakerOf(claims.sub)) };
}

export function issuerRefused(issuer: string, why: string, fix?: string): HansaError {
  const sentence = `tokens of ${issuer} do not count here: ${why}`;
  return new HansaError('TOKEN_ISSUER', sentence, fix === undefined ? {} : { fix });
}

/**
 * Where a chain that speaks for somebody is good: what its root names, narrowed by each that names
 * clusters, too. TOKEN_WIDENED where one names another than its parent has.
 */
export function clustersOf(members: readonly Member[]): readonly ClusterId[] {
  return members.reduceRight<readonly ClusterId[]>((had, { claims }) => {
    const named = clustersAmong(claims.aud);
    const wide = had.length === 0 ? undefined : named.find((one) => !had.includes(one));
    if (wide !== undefined) {
      throw new HansaError('TOKEN_WIDENED', `its parent is not good at cluster:${wide}`);
    }
    return named.length === 0 ? had : named;
  }, []);
}

function requireHere({ here }: Judging, clusters: readonly ClusterId[] | undefined): void {
  if (here !== undefined && clusters?.includes(here) === false) {
    const where = clusters.map((one) => `cluster:${one}`).join(', ');
    throw new HansaError('TOKEN_WRONG_AUDIENCE', `it was made for ${where}, and not for here`, {
      fix: 'make one that names this cluster: hansa token issue --at <peer>',
    });
  }
}

/** That the parent, and no other, allows just this child. */
export function requireDescent(crypto: Crypto, child: Member, parent: Member): void {
  if (child.claims.prf[0] !== proofHash(crypto, parent.jws.text)) {
    throw new HansaError('TOKEN_FORGED', 'it came with another parent than it was made of');
  }
  if (!parent.claims.aud.some((holder) => holder === child.claims.iss)) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `${child.claims.iss} signed it, and its parent is bound to ${parent.claims.aud.join(', ')}`,
    );
  }
  requireSpeaking(child, parent);
  if (!parent.claims.del) {
    throw new HansaError('TOKEN_WIDENED', 'its parent may not be delegated', {
      fix: 'ask for a token that was issued with --delegable',
    });
  }
  if (child.claims.exp > parent.claims.exp) {
    throw new HansaError('TOKEN_WIDENED', 'it outlives its parent');
  }
  requireWithin(parent.scopes, child, 'its parent’s scopes');
}

/** What speaks for somebody goes on doing so, and its children are made by holders of keys. */
function requireSpeaking({ claims: child }: Member, { claims: parent }: Member): void {
  const speaker = speakerOf(parent.sub) ?? speakerOf(child.sub);
  if (speaker === undefined) {
    return;
  }
  if (child.sub !== parent.sub) {
    throw new HansaError('TOKEN_WIDENED', `it speaks for ${child.sub}, its parent ${parent.sub}`);
  }
  if (!child.iss.startsWith('key:')) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `it speaks for ${speaker}: only who has the key it is bound to may delegate it`,
    );
  }
}

export function requireWithin(
  outer: 'all' | readonly Scope[],
  { claims, scopes }: { claims: Pick<Claims, 'caps'>; scopes: readonly Scope[] },
  what: string,
): void {
  const wide = outer === 'all' ? -1 : scopes.findIndex((scope) => !anyContains(outer, scope));
  const cap = claims.caps[wide];
  if (cap !== undefined) {
    throw new HansaError('TOKEN_WIDENED', `"${cap}" is not within ${what}`);
  }
}

export function proofHash(crypto: Crypto, text: string): string {
  return toBase64Url(crypto.hash(utf8(text)));
}

function requireUnrevoked(
  members: readonly Member[],
  { root, isRevoked }: Pick<Judging, 'isRevoked'> & { readonly root: ClusterId },
): void {
  const revoked = members.find(({ claims }) => isRevoked(claims.jti, root));
  if (revoked !== undefined) {
    const which = revoked === members[0] ? 'it' : 'one that it descends from';
    throw new HansaError('TOKEN_REVOKED', `${which} was revoked: ${revoked.claims.jti}`);
  }
}

function requireTime({ exp, nbf, iat, jti }: Claims, nowMs: number): void {
  if (nowMs >= exp * 1_000 + tokenSkewMs) {
    throw new HansaError('TOKEN_EXPIRED', `${jti} ran out at ${momentText(exp * 1_000)}`);
  }
  // Its making counts too: how long it lives is counted from there.
  if (nowMs < Math.max(nbf, iat) * 1_000 - tokenSkewMs) {
    throw new HansaError(
      'TOKEN_NOT_YET',
      `${jti} counts from ${momentText(Math.max(nbf, iat) * 1_000)} on`,
      { fix: 'wait, or compare both clocks' },
    );
  }
}

export function linkOf({ jws, claims }: Member): TokenLink {
  return {
    jti: claims.jti,
    issuer: claims.iss,
    keyIndex: jws.keyIndex,
    subject: claims.sub,
    audience: claims.aud,
    caps: claims.caps,
    notBeforeMs: claims.nbf * 1_000,
    expiresMs: claims.exp * 1_000,
    depth: claims.depth,
    delegable: claims.del,
    facts: claims.fct ?? [],
  };
}
