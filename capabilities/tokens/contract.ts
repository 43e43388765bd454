// What a token lets its holder do: issued by this cluster, narrowed by whoever holds it, without
// asking anybody.
import {
  clusterIdSchema,
  errorReportSchema,
  nameLengthMax,
  principalSchema,
  scopeLengthMax,
  type Call,
  type ClusterId,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';
import { about } from './about.ts';
import {
  formErrors,
  issueErrors,
  jtiSchema as jti,
  namedClusterSchema,
  namedFields,
  revocationSchema,
  revokedSchema,
  verificationKeySchema,
  type DelegateRequest,
  type Honoured,
  type IssuedRow,
  type IssuedToken,
  type IssueRequest,
  type OwnIssueRequest,
  type ReceivedRow,
  type Revocation,
  type Revoked,
  type TokenReport,
  type VerificationKey,
} from './rows.ts';
import type { TokenHolder } from './uses.ts';

export type {
  DelegateRequest,
  Honoured,
  IssuedRow,
  IssuedToken,
  IssueRequest,
  NamedCluster,
  OwnIssueRequest,
  ReceivedRow,
  Revocation,
  Revoked,
  TokenReport,
  VerificationKey,
} from './rows.ts';

// fits a header line of every HTTP server, with room
export const tokenBytesMax: number = 8 * 1_024;
export const tokenDepthMax = 8; // delegations: longer chains no person can follow
export const tokenScopesMax = 32; // every check walks them
// holders of one token, clusters among them; more people get tokens of their own
export const tokenAudienceMax = 8;
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
// what one cluster took back of its own: twice an honest list, since clocks differ
export const followedPerPeerMax: number = 2 * revocationsMax;
export const receivedMax = 1_024; // as many as there may be links
export const presentedPerPeerMax = 16; // tokens that one cluster shows at a time
export const showingsPerPeerMax = 4; // streams that show them: one, and those that are just ending
export const followsPerPeerMax = 4; // streams that tell of revocations: one, and those just ending
export const honouredMax = 256; // clusters whose tokens count here
// keys that this cluster shows: one a month or more, and its tokens live for a month at most
export const keysShownMax = 16;

/** Who was given what for how long. */
export interface Tokens {
  /** Makes a token; a caller with a token cannot give more than it has. */
  issue(input: IssueRequest, call?: Call): Promise<IssuedToken>;
  /** Makes one that speaks for whoever asks, good at the clusters they choose. */
  issueOwn(input: OwnIssueRequest, call?: Call): Promise<IssuedToken>;
  /** Those that speak for whoever asks. */
  own(input: { after?: string | undefined }, call?: Call): Promise<IssuedPage>;
  /** Kills one that speaks for whoever asks. */
  revokeOwn(input: { jti: string }, call?: Call): Promise<Revoked>;
  /** Issued tokens that have not run out, in the order of their ids; never their texts. */
  list(input: { after?: string | undefined }, call?: Call): Promise<IssuedPage>;
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
  /** The keys that tokens of this cluster are signed with, as a JSON Web Key Set. */
  keys(input: Record<string, never>, call?: Call): Promise<{ keys: readonly VerificationKey[] }>;
}

interface IssuedPage {
  readonly tokens: readonly IssuedRow[];
  readonly more: boolean;
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

const holder = z
  .string()
  .regex(/^(?:bearer|(?:cluster|key):[0-9a-f]{64})$/) as unknown as z.ZodType<TokenHolder>;
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
const ownAsked = {
  audience: audience.optional(),
  at: audience.optional(),
  caps: scopes.optional(),
  ttlMs: ttlMs.optional(),
  delegable: z.boolean().optional(),
  facts: facts.optional(),
};

export const tokenFields: {
  readonly jti: z.ZodType<string>;
  readonly subject: z.ZodType<string>;
  readonly holder: z.ZodType<TokenHolder>;
  readonly scopes: z.ZodType<string[]>;
  readonly facts: z.ZodType<string[]>;
  readonly text: z.ZodType<string>;
} = { jti, subject, holder, scopes, facts, text: tokenText };

const issuedFields = {
  jti,
  audience: z.array(holder),
  caps: scopes,
  expiresMs: z.number(),
  delegable: z.boolean(),
};
const issuedToken: z.ZodType<IssuedToken> = z.object({
  token: z.string(),
  speaksFor: principalSchema.optional(),
  ...issuedFields,
});
const issuedPage: z.ZodType<IssuedPage> = z.object({
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
});
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
const honoured: z.ZodType<Honoured> = z.object({ ...namedFields, caps: scopes });
const tokenReport: z.ZodType<TokenReport> = z.object({
  chain: z.array(
    z.object({
      jti,
      issuer: z.string(),
      keyIndex: z.number(),
      subject: z.string(),
      audience: z.array(holder),
      caps: z.array(z.string()),
      notBeforeMs: z.number(),
      expiresMs: z.number(),
      depth: z.number(),
      delegable: z.boolean(),
      facts: z.array(z.string()),
    }),
  ),
  usable: z.boolean(),
  speaksFor: principalSchema.optional(),
  clusters: z.array(namedClusterSchema).optional(),
  tolerated: z.boolean().optional(),
  problem: errorReportSchema.optional(),
});

export const tokensContract: Contract<Tokens> = {
  name: 'tokens',
  version: 2,
  methods: {
    issue: {
      summary: 'Makes a token that lets its holder do what its scopes say; its text is shown once.',
      permission: 'tokens.write',
      route: 'POST /tokens',
      input: z.strictObject({
        ...ownAsked,
        for: z.string().min(1).max(nameLengthMax).optional(),
        subject: subject.optional(),
      }),
      about: about.issue,
      output: issuedToken,
      errors: issueErrors,
    },
    issueOwn: {
      summary: 'Makes a token that speaks for you, good at the clusters you choose; shown once.',
      permission: 'self',
      route: 'POST /tokens/own',
      input: z.strictObject(ownAsked),
      about: about.issue,
      output: issuedToken,
      errors: issueErrors,
      since: 2,
    },
    own: {
      summary: 'Lists the tokens that speak for you and have not run out; never their texts.',
      permission: 'self',
      route: 'GET /tokens/own',
      input: z.strictObject({ after: z.string().max(64).optional() }),
      output: issuedPage,
      errors: [],
      since: 2,
    },
    revokeOwn: {
      summary: 'Kills a token that speaks for you, here and at the clusters it was made for.',
      permission: 'self',
      route: 'POST /tokens/own/:jti/revoke',
      input: z.strictObject({ jti }),
      about: about.token,
      output: revokedSchema,
      errors: ['STORE_LIMIT', 'TOKEN_NOT_FOUND'],
      since: 2,
    },
    list: {
      summary: 'Lists the ids of issued tokens that have not run out; never their texts.',
      permission: 'tokens.read',
      route: 'GET /tokens',
      input: z.strictObject({ after: z.string().max(64).optional() }),
      output: issuedPage,
      errors: [],
    },
    check: {
      summary: 'Tells what a token says, and whether it would be taken here now.',
      permission: 'tokens.read',
      route: 'POST /tokens/check',
      input: z.strictObject({ token: tokenText }),
      output: tokenReport,
      errors: formErrors,
    },
    revoke: {
      summary: 'Kills a token and all that descend from it, at the next request.',
      permission: 'tokens.write',
      route: 'POST /tokens/:jti/revoke',
      input: z.strictObject({ jti }),
      about: about.token,
      output: revokedSchema,
      errors: ['STORE_LIMIT'],
    },
    revocations: {
      summary: 'Lists what was revoked and has not run out by itself.',
      permission: 'tokens.read',
      route: 'GET /tokens/revocations',
      input: nothing,
      output: z.object({ revocations: z.array(revocationSchema).max(revocationsMax) }),
      errors: [],
    },
    add: {
      summary: 'Keeps a token given to this cluster, and shows it to the cluster it is for.',
      permission: 'tokens.write',
      route: 'POST /tokens/received',
      input: z.strictObject({ token: tokenText, to: spelledPeer.optional() }),
      about: ({ to }) => to,
      output: received,
      errors: [
        ...formErrors,
        'LINK_NOT_FOUND',
        'STORE_LIMIT',
        'TOKEN_EXPIRED',
        'TOKEN_FORGED',
        'TOKEN_KEY_UNKNOWN',
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
      about: about.token,
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
      about: about.delegate,
      output: issuedToken,
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
      about: about.peer,
      output: honoured,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT', 'TOKEN_WIDENED'],
    },
    dishonour: {
      summary: 'Lets tokens of that cluster count no more, at the next request.',
      permission: 'tokens.write',
      route: 'DELETE /tokens/honoured/:peer',
      input: z.strictObject({ peer: spelledPeer }),
      about: about.peer,
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
    keys: {
      summary: 'Shows the keys that tokens of this cluster are signed with, for whoever verifies.',
      permission: 'open',
      route: 'GET /.well-known/jwks.json',
      input: nothing,
      output: z.object({ keys: z.array(verificationKeySchema).max(keysShownMax) }),
      errors: [],
      since: 2,
    },
  },
};
