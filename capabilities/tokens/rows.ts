// What goes into tokens and comes out of them, as people read and write it: requests, what is kept
// of a token, what a check tells.
import {
  clusterIdSchema,
  type ClusterId,
  type ErrorCode,
  type ErrorReport,
  type Principal,
} from '@hansa/foundation';
import { z } from 'zod';
import type { TokenHolder, TokenLink } from './uses.ts';

/** A token as it was made: only its maker ever sees the text again. */
export interface IssuedToken {
  readonly token: string;
  readonly jti: string;
  /** Whom it speaks for; undefined: for whoever issued it. */
  readonly speaksFor?: Principal | undefined;
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

export interface NamedCluster {
  readonly cluster: ClusterId;
  readonly name?: string | undefined;
}

/** What a token says, and why it would fail now. */
export interface TokenReport {
  /** The token itself first, the one it all comes from last. */
  readonly chain: readonly TokenLink[];
  readonly usable: boolean;
  /** Whose rights it is measured by, with their home; undefined: those of whoever issued it. */
  readonly speaksFor?: Principal | undefined;
  /** Where it is good; absent where it speaks for nobody: then honouring decides. */
  readonly clusters?: readonly NamedCluster[] | undefined;
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

interface HeldRequest {
  readonly ttlMs?: number | undefined;
  /** The holder may make narrower ones of it for others. */
  readonly delegable?: boolean | undefined;
  readonly facts?: readonly string[] | undefined;
}

/** A token for oneself. */
export interface OwnIssueRequest extends HeldRequest {
  /**
   * `bearer`, `key:…`, `cluster:…`, or a linked cluster as it is called here. Of a token that
   * speaks for somebody, a cluster here is one where it is good.
   */
  readonly audience?: readonly string[] | undefined;
  /** Where it is good, besides what `audience` names; only at home where neither names one. */
  readonly at?: readonly string[] | undefined;
  /** By default what whom it speaks for may do of the API. */
  readonly caps?: readonly string[] | undefined;
}

export interface IssueRequest extends OwnIssueRequest {
  /** Whom it speaks for: `anna`, `service:ci`; a principal who issues speaks for themself. */
  readonly for?: string | undefined;
  /** Of a token that speaks for nobody: what one calls it. */
  readonly subject?: string | undefined;
}

export interface DelegateRequest extends HeldRequest {
  /** Of a received token. */
  readonly jti: string;
  readonly audience: readonly string[];
  readonly caps: readonly string[];
}

/** A key of this cluster as JSON Web Key (RFC 8037): what anybody verifies its tokens with. */
export interface VerificationKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly alg: 'EdDSA';
  readonly use: 'sig';
  readonly kid: string;
  readonly x: string;
}

export const namedFields: {
  readonly cluster: z.ZodType<ClusterId>;
  readonly name: z.ZodOptional<z.ZodString>;
} = { cluster: clusterIdSchema, name: z.string().optional() };
export const namedClusterSchema: z.ZodType<NamedCluster> = z.object(namedFields);

export const verificationKeySchema: z.ZodType<VerificationKey> = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
  kid: z.string(),
  x: z.string(),
});

export const jtiSchema: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/, 'a token id is 16 to 64 letters');

const revocationFields = { jti: jtiSchema, revokedMs: z.number(), untilMs: z.number() };
export const revocationSchema: z.ZodType<Revocation> = z.object(revocationFields);
export const revokedSchema: z.ZodType<Revoked> = z.object({
  ...revocationFields,
  issuedHere: z.boolean(),
  alsoRevoked: z.array(jtiSchema),
});

/** How a text fails to be a token. */
export const formErrors: readonly ErrorCode[] = [
  'TOKEN_ALGORITHM',
  'TOKEN_MALFORMED',
  'TOKEN_SUBJECT',
  'TOKEN_TOO_DEEP',
  'TOKEN_TOO_LARGE',
];
/** Why none is made. */
export const issueErrors: readonly ErrorCode[] = [
  'FEDERATION_OFF',
  'GRANT_WIDENED',
  'LINK_NOT_FOUND',
  'PRINCIPAL_DISABLED',
  'PRINCIPAL_UNKNOWN',
  'STORE_LIMIT',
  'TOKEN_CLUSTER_REFUSED',
  'TOKEN_WIDENED',
];
