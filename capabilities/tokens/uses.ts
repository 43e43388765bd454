// What the rest of the node uses tokens for, in process: the gate of the API, and apps. What policy
// asks stands in its own contract.
import type { Caller, ClusterId, Principal } from '@hansa/foundation';

/** Who may use a token: a cluster, whoever has a key, or whoever has the token. */
export type TokenHolder = `cluster:${string}` | `key:${string}` | 'bearer';

/** One token of a chain, as it says of itself. */
export interface TokenLink {
  readonly jti: string;
  readonly issuer: string;
  readonly keyIndex: number;
  readonly subject: string;
  readonly audience: readonly TokenHolder[];
  readonly caps: readonly string[];
  readonly notBeforeMs: number;
  readonly expiresMs: number;
  readonly depth: number;
  readonly delegable: boolean;
  readonly facts: readonly string[];
}

export type TokenCaller = Extract<Caller, { kind: 'token' }>;

export interface PossessionProof {
  readonly proof: string;
  readonly method: string;
  /** Path and query, as they were asked for. */
  readonly path: string;
}

/** Tokens on the owner's roads: for the node's gate. */
export interface TokenAuthority {
  /** Throws what is wrong with the token or the proof, each with its own code. */
  authenticate(given: { token: string; possession?: PossessionProof | undefined }): TokenCaller;
  /** Aborts when the caller's token runs out or is revoked; `done` lets go of it. */
  lapse(caller: TokenCaller): { readonly signal: AbortSignal; done(): void };
}

/** Tokens that are shown for one act, for the capability that carries it out. */
export interface TokenChecks {
  /**
   * Throws what is wrong with it; its root is one whose tokens count here, and it speaks for
   * nobody: what a person may do is asked at the edge alone.
   */
  verify(token: string): VerifiedToken;
  /** The same for a token that is good elsewhere: by what it says of itself alone. */
  inspect(token: string): VerifiedToken;
  /** The whole text of a token that was given to this cluster; TOKEN_NOT_FOUND. */
  received(jti: string): string;
  /** A narrower child of a token that is bound to this cluster, bound to another. */
  pass(token: string, child: Passing): string;
}

export interface Passing {
  readonly to: ClusterId;
  readonly caps: readonly string[];
  readonly ttlMs: number;
  readonly facts: readonly string[];
}

/** A token that was found to be good, with whoever it all comes from. */
export interface VerifiedToken extends TokenLink {
  /** The cluster whose word the whole chain is. */
  readonly root: ClusterId;
  /** Whom all of it speaks for, as the root cluster calls them; undefined: for that cluster. */
  readonly speaksFor?: Principal | undefined;
  /** Where it is good, if it speaks for somebody. */
  readonly clusters?: readonly ClusterId[] | undefined;
  /** What the root was issued for: what honouring it is measured by. */
  readonly rootCaps: readonly string[];
  /** When the root was made: an account that is younger is somebody else's. */
  readonly rootIssuedMs: number;
  /** Which of the root cluster's keys signed. */
  readonly rootKeyIndex: number;
  /** Ids, its own first. */
  readonly ids: readonly string[];
  /** When the first of the chain runs out. */
  readonly endsMs: number;
  /** Whether the scope lies within its own. */
  grants(scope: string): boolean;
}
