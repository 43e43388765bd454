// What a token lets its holder do: issued by this cluster, narrowed by whoever holds it, without
// asking anybody.
import {
  clusterIdSchema,
  errorReportSchema,
  nameLengthMax,
  scopeLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
} from '@hansa/foundation';
import { z } from 'zod';
import type { TokenHolder, TokenLink } from './uses.ts';

// fits a header line of every HTTP server, with room
export const tokenBytesMax: number = 8 * 1_024;
export const tokenDepthMax = 8; // delegations: longer chains no person can follow
export const tokenScopesMax = 32; // every check walks them
export const tokenAudienceMax = 8; // holders of one token; more people get tokens of their own
export const tokenFactsMax = 8; // marks like `proxy`
export const tokenTtlDefaultMs = 3_600_000; // an hour: as long as a session at work
// a month: a token is no account
export const tokenTtlMaxMs: number = 30 * 24 * 3_600_000;
export const tokenSkewMs = 60_000; // clocks differ; the same tolerance as certificates have
export const possessionWindowMs = 60_000; // how old or early a proof of possession may be
// proofs of two minutes, at five hundred requests a second
export const possessionsKeptMax = 65_536;
export const issuedMax = 10_000; // ids of tokens that have not run out
export const originsMax = 64; // tokens whose holders issued one another; each is written down
export const issuedPageMax = 1_000; // rows of one answer
export const revocationsMax = 10_000; // as many as can be issued
export const receivedMax = 1_024; // as many as there may be links
export const presentedPerPeerMax = 16; // tokens that one cluster shows at a time
export const showingsPerPeerMax = 4; // streams that show them: one, and those that are just ending
export const honouredMax = 256; // clusters whose tokens count here

/** A token as it was made: only its maker ever sees the text again. */
export interface IssuedToken {
  readonly token: string;
  readonly jti: string;
  readonly audience: readonly TokenHolder[];
  readonly caps: readonly string[];
  readonly expiresMs: number;
  readonly delegable: boolean;
}

/** What is kept of an issued token. */
export interface IssuedRow {
  readonly jti: string;
  readonly subject: string;
  readonly audience: readonly TokenHolder[];
  readonly caps: readonly string[];
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly delegable: boolean;
  readonly revoked: boolean;
}

/** What a token says, and why it would fail now. */
export interface TokenReport {
  /** The token itself first, the one it all comes from last. */
  readonly chain: readonly TokenLink[];
  readonly usable: boolean;
  /** Its time is over, or has not begun: it is taken only because clocks differ. */
  readonly tolerated?: boolean | undefined;
  readonly problem?: ErrorReport | undefined;
}

/** What became of a revocation. */
export interface Revoked extends Revocation {
  /** Otherwise no token of that id was issued here, or it has long run out. */
  readonly issuedHere: boolean;
  readonly alsoRevoked: readonly string[];
}

export interface Revocation {
  readonly jti: string;
  readonly revokedMs: number;
  /** When every token of that id has run out, and the entry goes. */
  readonly untilMs: number;
}

/** A token that somebody gave to this cluster. */
export interface ReceivedRow {
  readonly jti: string;
  readonly issuer: string;
  /** The cluster it is shown to. */
  readonly presentTo: ClusterId;
  readonly presentToName?: string | undefined;
  readonly caps: readonly string[];
  readonly expiresMs: number;
  /** What that cluster last said of it; undefined before it was asked. */
  readonly taken?: boolean | undefined;
  readonly problem?: ErrorReport | undefined;
}

/** A cluster whose tokens count here, as far as these scopes reach. */
export interface Honoured {
  readonly cluster: ClusterId;
  readonly name?: string | undefined;
  readonly caps: readonly string[];
}

export interface IssueRequest {
  /** `bearer`, `key:…`, `cluster:…`, or a linked cluster as it is called here. */
  readonly audience: readonly string[];
  readonly caps: readonly string[];
  readonly ttlMs?: number | undefined;
  /** The holder may make narrower ones of it for others. */
  readonly delegable?: boolean | undefined;
  readonly subject?: string | undefined;
  readonly facts?: readonly string[] | undefined;
}

export interface DelegateRequest extends Omit<IssueRequest, 'subject'> {
  /** Of a received token. */
  readonly jti: string;
}

/** Who was given what for how long. */
export interface Tokens {
  /** Makes a token; a caller with a token cannot give more than it has. */
  issue(input: IssueRequest, call?: Call): Promise<IssuedToken>;
  /** Issued tokens that have not run out, in the order of their ids; never their texts. */
  list(
    input: { after?: string | undefined },
    call?: Call,
  ): Promise<{ tokens: readonly IssuedRow[]; more: boolean }>;
  /** What a token says, and whether it would be taken here now. */
  check(input: { token: string }, call?: Call): Promise<TokenReport>;
  /** Kills the token of that id and all that descend from it, at the next request. */
  revoke(input: { jti: string }, call?: Call): Promise<Revoked>;
  revocations(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ revocations: readonly Revocation[] }>;
  /** Keeps a token that was given to this cluster; it is shown to whom it is for by itself. */
  add(input: { token: string; to?: string | undefined }, call?: Call): Promise<ReceivedRow>;
  received(input: Record<string, never>, call?: Call): Promise<{ tokens: readonly ReceivedRow[] }>;
  forget(input: { jti: string }, call?: Call): Promise<{ jti: string }>;
  /** A narrower child, for somebody else, of a token that this cluster was given. */
  delegate(input: DelegateRequest, call?: Call): Promise<IssuedToken>;
  /** From now on, tokens that the cluster issues count here too, within these scopes. */
  honour(input: { peer: string; caps: readonly string[] }, call?: Call): Promise<Honoured>;
  dishonour(input: { peer: string }, call?: Call): Promise<{ cluster: ClusterId }>;
  honoured(input: Record<string, never>, call?: Call): Promise<{ clusters: readonly Honoured[] }>;
}

// ---- in process, for other capabilities and the node ----

export type {
  Passing,
  PossessionProof,
  TokenHolder,
  TokenAuthority,
  TokenCaller,
  TokenChecks,
  TokenLink,
  VerifiedToken,
} from './uses.ts';

const principal = z
  .string()
  .regex(/^(?:bearer|(?:cluster|key):[0-9a-f]{64})$/) as unknown as z.ZodType<TokenHolder>;
const jti = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/, 'a token id is 16 to 64 letters');
const scopes = z.array(z.string().min(1).max(scopeLengthMax)).min(1).max(tokenScopesMax);
const subject = z
  .string()
  .min(1)
  .max(nameLengthMax)
  .regex(/^\P{C}*$/u);
const facts = z.array(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/)).max(tokenFactsMax);
const tokenText = z.string().min(1).max(tokenBytesMax);
const spelledPeer = z.string().min(1).max(nameLengthMax);
const audience = z.array(z.string().min(1).max(nameLengthMax)).min(1).max(tokenAudienceMax);
const ttlMs = z.number().int().min(1_000).max(tokenTtlMaxMs);
const nothing = z.strictObject({});

export const tokenFields: {
  readonly jti: z.ZodType<string>;
  readonly subject: z.ZodType<string>;
  readonly principal: z.ZodType<TokenHolder>;
  readonly scopes: z.ZodType<string[]>;
  readonly facts: z.ZodType<string[]>;
  readonly text: z.ZodType<string>;
} = { jti, subject, principal, scopes, facts, text: tokenText };

const issuedFields = {
  jti,
  audience: z.array(principal),
  caps: scopes,
  expiresMs: z.number(),
  delegable: z.boolean(),
};
const revocationFields = { jti, revokedMs: z.number(), untilMs: z.number() };
const revocation: z.ZodType<Revocation> = z.object(revocationFields);
const received: z.ZodType<ReceivedRow> = z.object({
  jti,
  issuer: z.string(),
  presentTo: clusterIdSchema,
  presentToName: z.string().optional(),
  caps: scopes,
  expiresMs: z.number(),
  taken: z.boolean().optional(),
  problem: errorReportSchema.optional(),
});
const honoured: z.ZodType<Honoured> = z.object({
  cluster: clusterIdSchema,
  name: z.string().optional(),
  caps: scopes,
});
const tokenReport: z.ZodType<TokenReport> = z.object({
  chain: z.array(
    z.object({
      jti,
      issuer: z.string(),
      keyIndex: z.number(),
      subject: z.string(),
      audience: z.array(principal),
      caps: z.array(z.string()),
      notBeforeMs: z.number(),
      expiresMs: z.number(),
      depth: z.number(),
      delegable: z.boolean(),
      facts: z.array(z.string()),
    }),
  ),
  usable: z.boolean(),
  tolerated: z.boolean().optional(),
  problem: errorReportSchema.optional(),
});

export const tokensContract: Contract<Tokens> = {
  name: 'tokens',
  version: 1,
  methods: {
    issue: {
      summary: 'Makes a token that lets its holder do what its scopes say; its text is shown once.',
      permission: 'tokens.write',
      route: 'POST /tokens',
      input: z.strictObject({
        audience,
        caps: scopes,
        ttlMs: ttlMs.optional(),
        delegable: z.boolean().optional(),
        subject: subject.optional(),
        facts: facts.optional(),
      }),
      output: z.object({ token: z.string(), ...issuedFields }),
      errors: ['FEDERATION_OFF', 'LINK_NOT_FOUND', 'STORE_LIMIT', 'TOKEN_WIDENED'],
    },
    list: {
      summary: 'Lists the ids of issued tokens that have not run out; never their texts.',
      permission: 'tokens.read',
      route: 'GET /tokens',
      input: z.strictObject({ after: z.string().max(64).optional() }),
      output: z.object({
        tokens: z
          .array(
            z.object({
              ...issuedFields,
              subject: z.string(),
              issuedMs: z.number(),
              revoked: z.boolean(),
            }),
          )
          .max(issuedPageMax),
        more: z.boolean(),
      }),
      errors: [],
    },
    check: {
      summary: 'Tells what a token says, and whether it would be taken here now.',
      permission: 'tokens.read',
      route: 'POST /tokens/check',
      input: z.strictObject({ token: tokenText }),
      output: tokenReport,
      errors: ['TOKEN_MALFORMED', 'TOKEN_TOO_DEEP', 'TOKEN_TOO_LARGE'],
    },
    revoke: {
      summary: 'Kills a token and all that descend from it, at the next request.',
      permission: 'tokens.write',
      route: 'POST /tokens/:jti/revoke',
      input: z.strictObject({ jti }),
      output: z.object({
        ...revocationFields,
        issuedHere: z.boolean(),
        alsoRevoked: z.array(jti),
      }),
      errors: ['STORE_LIMIT'],
    },
    revocations: {
      summary: 'Lists what was revoked and has not run out by itself.',
      permission: 'tokens.read',
      route: 'GET /tokens/revocations',
      input: nothing,
      output: z.object({ revocations: z.array(revocation).max(revocationsMax) }),
      errors: [],
    },
    add: {
      summary: 'Keeps a token given to this cluster, and shows it to the cluster it is for.',
      permission: 'tokens.write',
      route: 'POST /tokens/received',
      input: z.strictObject({ token: tokenText, to: spelledPeer.optional() }),
      output: received,
      errors: [
        'LINK_NOT_FOUND',
        'STORE_LIMIT',
        'TOKEN_EXPIRED',
        'TOKEN_FORGED',
        'TOKEN_MALFORMED',
        'TOKEN_TOO_DEEP',
        'TOKEN_TOO_LARGE',
        'TOKEN_WIDENED',
        'TOKEN_WRONG_AUDIENCE',
      ],
    },
    received: {
      summary: 'Lists the tokens that were given to this cluster; never their texts.',
      permission: 'tokens.read',
      route: 'GET /tokens/received',
      input: nothing,
      output: z.object({ tokens: z.array(received).max(receivedMax) }),
      errors: [],
    },
    forget: {
      summary: 'Forgets a token given to this cluster; it is shown to nobody any more.',
      permission: 'tokens.write',
      route: 'DELETE /tokens/received/:jti',
      input: z.strictObject({ jti }),
      output: z.object({ jti }),
      errors: ['TOKEN_NOT_FOUND'],
    },
    delegate: {
      summary: 'Makes a narrower token, for somebody else, of one given to this cluster.',
      permission: 'tokens.write',
      route: 'POST /tokens/received/:jti/delegate',
      input: z.strictObject({
        jti,
        audience,
        caps: scopes,
        ttlMs: ttlMs.optional(),
        delegable: z.boolean().optional(),
        facts: facts.optional(),
      }),
      output: z.object({ token: z.string(), ...issuedFields }),
      errors: [
        'FEDERATION_OFF',
        'LINK_NOT_FOUND',
        'TOKEN_EXPIRED',
        'TOKEN_NOT_FOUND',
        'TOKEN_TOO_DEEP',
        'TOKEN_TOO_LARGE',
        'TOKEN_WIDENED',
        'TOKEN_WRONG_AUDIENCE',
      ],
    },
    honour: {
      summary: 'Lets tokens that another cluster issues count here, within the given scopes.',
      permission: 'tokens.write',
      route: 'POST /tokens/honoured',
      input: z.strictObject({ peer: spelledPeer, caps: scopes }),
      output: honoured,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT', 'TOKEN_WIDENED'],
    },
    dishonour: {
      summary: 'Lets tokens of that cluster count no more, at the next request.',
      permission: 'tokens.write',
      route: 'DELETE /tokens/honoured/:peer',
      input: z.strictObject({ peer: spelledPeer }),
      output: z.object({ cluster: clusterIdSchema }),
      errors: ['LINK_NOT_FOUND', 'TOKEN_NOT_FOUND'],
    },
    honoured: {
      summary: 'Lists the clusters whose tokens count here, and how far.',
      permission: 'tokens.read',
      route: 'GET /tokens/honoured',
      input: nothing,
      output: z.object({ clusters: z.array(honoured).max(honouredMax) }),
      errors: [],
    },
  },
};
