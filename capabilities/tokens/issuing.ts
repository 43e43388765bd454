// Tokens made and taken back. The keys sign, the store remembers; no text of an issued token is
// kept anywhere.
import {
  type Call,
  type Clock,
  type ClusterId,
  type Crypto,
  HansaError,
  type Log,
  nameLengthMax,
  type Principal,
  type Random,
  splitPrincipal,
  toBase64Url,
  type WatchedTable,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { Directories } from '../directory/contract.ts';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import {
  issuedPageMax,
  keysShownMax,
  originsMax,
  tokenTtlDefaultMs,
  type IssuedRow,
  type IssuedToken,
  type IssueRequest,
  type TokenCaller,
  type TokenHolder,
  type Tokens,
  type VerificationKey,
} from './contract.ts';
import { requireKnown, type Judge } from './judge.ts';
import { isIssuer } from './jws.ts';
import type { IssuedRecord } from './keys.ts';
import { mintToken, type Making } from './making.ts';
import type { Ledger } from './revoking.ts';
import { clustersAmong, keysAmong } from './speaking.ts';
import { narrowed } from './usual-caps.ts';
import { askerOf, ownPrincipal, requireGivable, speakerFor, type Asker } from './who.ts';

export interface IssuingNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  readonly keys: KeyBook;
  readonly peers: Peers;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly ledger: Ledger;
  readonly judge: Judge;
  /** The cluster whose word a caller's token is. */
  readonly rootOf: (caller: TokenCaller) => ClusterId | undefined;
  readonly directories?: (() => Directories | undefined) | undefined;
  readonly access?: (() => AccessControl | undefined) | undefined;
}

type Issuing = Pick<
  Tokens,
  'issue' | 'issueOwn' | 'list' | 'own' | 'revoke' | 'revokeOwn' | 'revocations' | 'keys'
>;

export function issuing(needs: IssuingNeeds): Issuing {
  const { log, ledger, issued, judge } = needs;
  const revoke = async (jti: string): ReturnType<Ledger['revoke']> => {
    const revoked = await ledger.revoke(jti);
    log.event('token.revoked', { jti, more: revoked.alsoRevoked.length });
    return revoked;
  };
  return {
    issue: (request, call) => issueOne(needs, request, call),
    async issueOwn(request, call) {
      const asker = askerOf(call);
      return issueOne(needs, { ...request, for: ownPrincipal(asker) }, call);
    },
    list: async ({ after }) => pageOf(needs, after, () => true),
    async own({ after }, call) {
      const mine = ownPrincipal(askerOf(call));
      return pageOf(needs, after, ({ subject }) => subject === mine);
    },
    revoke: ({ jti }) => revoke(jti),
    async revokeOwn({ jti }, call) {
      const mine = ownPrincipal(askerOf(call));
      if (issued.find(jti)?.value.subject !== mine) {
        throw new HansaError('TOKEN_NOT_FOUND', `no token ${jti} speaks for you`, {
          fix: 'hansa token list --mine',
        });
      }
      return revoke(jti);
    },
    revocations: async () => ({ revocations: judge.revocations() }),
    keys: async () => ({ keys: verificationKeys(needs) }),
  };
}

async function issueOne(
  needs: IssuingNeeds,
  request: IssueRequest,
  call: Call | undefined,
): Promise<IssuedToken> {
  const asker = askerOf(call);
  const speaker = speakerFor(asker, request);
  const audience = speaker === undefined ? heldBy(needs, request) : goodAt(needs, request, speaker);
  const caps = [...new Set(request.caps ?? usualCaps(needs, asker, speaker))];
  const elsewhere =
    speaker !== undefined && clustersAmong(audience).some((one) => one !== needs.signer.cluster);
  requireGivable({ asker, speaker, elsewhere, call }, caps, needs.access?.());
  const made = await mintKept(needs, { ...request, audience, caps }, { asker, speaker });
  return { ...made, ...(speaker === undefined ? {} : { speaksFor: speaker }) };
}

/** Its id is kept before anybody sees its text. */
async function mintKept(
  needs: IssuingNeeds,
  request: IssueRequest & {
    readonly audience: readonly TokenHolder[];
    readonly caps: readonly string[];
  },
  { asker, speaker }: { readonly asker: Asker; readonly speaker: Principal | undefined },
): Promise<IssuedToken> {
  const { audience, caps, delegable = false, facts = [], ttlMs = tokenTtlDefaultMs } = request;
  const nowMs = needs.clock.now();
  const subject = speaker ?? request.subject ?? audience.join(', ').slice(0, nameLengthMax);
  const endMs = asker.token?.expiresMs ?? Number.MAX_SAFE_INTEGER;
  const said = { subject, audience, caps, delegable };
  const wish = { ...said, facts, nowMs, expiresMs: Math.min(nowMs + ttlMs, endMs) };
  const { text, jti, expiresMs } = mintToken(makingOf(needs), wish);
  const origin = originOf(needs, asker);
  await needs.ledger.issue({ ...said, ...origin, jti, issuedMs: nowMs, expiresMs });
  needs.log.event('token.issued', { jti, subject, expiresMs });
  return { token: text, jti, audience, caps, expiresMs, delegable };
}

/** Who may use a token that speaks for nobody. */
function heldBy(needs: IssuingNeeds, { audience, at }: IssueRequest): readonly TokenHolder[] {
  if (at !== undefined) {
    throw new HansaError(
      'INPUT_INVALID',
      'only a token that speaks for somebody is good elsewhere',
      {
        fix: 'say for whom: --for <user>',
      },
    );
  }
  if (audience === undefined) {
    throw new HansaError('INPUT_INVALID', 'nobody is named who may use it', {
      fix: 'say who: --audience <holder>, or whom it speaks for: --for <user>',
    });
  }
  return audienceOf(needs, audience);
}

/** Clusters that were chosen for whom it speaks for, and keys it is bound to. */
function goodAt(
  needs: IssuingNeeds,
  { audience = [], at = [] }: IssueRequest,
  speaker: Principal,
): readonly TokenHolder[] {
  const { signer, directories } = needs;
  // Made now: younger than any account.
  requireKnown(needs, speaker, { code: 'PRINCIPAL_UNKNOWN', issuedMs: needs.clock.now() });
  const named = audienceOf(needs, [...audience, ...at]);
  const clusters = clustersAmong(named);
  const allowed = directories?.()?.find(speaker)?.clusters ?? [];
  const refused = clusters.find((one) => one !== signer.cluster && !allowed.includes(one));
  if (refused !== undefined) {
    throw clusterRefused(needs, speaker, { refused, allowed });
  }
  const home: TokenHolder = `cluster:${signer.cluster}`;
  const places = clusters.map((one): TokenHolder => `cluster:${one}`);
  return [...(places.length === 0 ? [home] : places), ...keysAmong(named)];
}

/** The fix names those again that are open already: `--cluster` says all of them. */
function clusterRefused(
  { peers }: IssuingNeeds,
  speaker: Principal,
  { refused, allowed }: { readonly refused: ClusterId; readonly allowed: readonly ClusterId[] },
): HansaError {
  const nameOf = (one: ClusterId): string => peers.standing(one).name ?? one;
  const { kind, name } = splitPrincipal(speaker);
  const flags = [...allowed, refused].map((one) => `--cluster ${nameOf(one)}`).join(' ');
  const sentence = `no token of ${speaker} is made for ${nameOf(refused)}`;
  return new HansaError('TOKEN_CLUSTER_REFUSED', sentence, {
    fix: `hansa ${kind} set ${name} ${flags}`,
    facts: { cluster: refused },
  });
}

export function audienceOf(
  { peers, signer }: Pick<IssuingNeeds, 'peers' | 'signer'>,
  spelled: readonly string[],
): readonly TokenHolder[] {
  const clusterOf = (one: string): ClusterId =>
    one === signer.name ? signer.cluster : peers.resolve(one).cluster;
  const named = spelled.map((one): TokenHolder =>
    one === 'bearer' || isIssuer(one) ? one : `cluster:${clusterOf(one)}`,
  );
  return [...new Set(named)];
}

/** What whoever it speaks for may do of the API here; of a token's holder, what that one has. */
function usualCaps(
  { access }: IssuingNeeds,
  { token }: Asker,
  speaker: Principal | undefined,
): readonly string[] {
  if (speaker === undefined) {
    throw new HansaError('INPUT_INVALID', 'no scopes are named', {
      fix: 'say what it allows: --cap',
    });
  }
  return token?.scopes ?? narrowed(access?.()?.scopesOf(speaker) ?? 'all');
}

/** The token that somebody came with, all that it descends from, and what those were issued by. */
function originOf(
  { issued, signer, rootOf }: IssuingNeeds,
  { token }: Asker,
): Pick<IssuedRecord, 'via' | 'viaRoot'> {
  if (token === undefined) {
    return { via: [] };
  }
  const { chain } = token;
  const via = [...chain, ...chain.flatMap((jti) => issued.find(jti)?.value.via ?? [])];
  if (via.length > originsMax) {
    throw new HansaError('TOKEN_TOO_DEEP', 'too many tokens were issued by way of one another', {
      facts: { originsMax },
    });
  }
  const root = rootOf(token);
  return root === undefined || root === signer.cluster ? { via } : { via, viaRoot: root };
}

function pageOf(
  { issued, clock, judge }: IssuingNeeds,
  after = '',
  wanted: (row: IssuedRecord) => boolean,
): { readonly tokens: readonly IssuedRow[]; readonly more: boolean } {
  const nowMs = clock.now();
  const rows = [...issued.rows.values()]
    .map(({ value }) => value)
    .filter((row) => row.expiresMs > nowMs && row.jti > after && wanted(row))
    .toSorted((a, b) => (a.jti < b.jti ? -1 : 1));
  const tokens = rows.slice(0, issuedPageMax).map(({ via: _via, viaRoot: _root, ...row }) => ({
    ...row,
    revoked: judge.isRevoked(row.jti),
  }));
  return { tokens, more: rows.length > issuedPageMax };
}

export function makingOf({
  crypto,
  random,
  signer,
}: Pick<IssuingNeeds, 'crypto' | 'random' | 'signer'>): Making {
  const signing = {
    issuer: `cluster:${signer.cluster}` as const,
    sign: (message: Uint8Array) => signer.sign(message),
  };
  return { crypto, random, signing };
}

/** The newest first: tokens that live were signed with the last few. */
function verificationKeys({ keys, signer }: IssuingNeeds): readonly VerificationKey[] {
  const { cluster } = signer;
  const newest = keys.present(cluster).keyIndex;
  const shown = Array.from({ length: Math.min(newest + 1, keysShownMax) }, (_, at) => newest - at);
  return shown.flatMap((keyIndex) => {
    const key = keys.keyOf(cluster, keyIndex);
    return key === undefined ? [] : [jwkOf(`cluster:${cluster}#${keyIndex}`, key)];
  });
}

function jwkOf(kid: string, key: Uint8Array): VerificationKey {
  return { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x: toBase64Url(key) };
}
