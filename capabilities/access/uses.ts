// What the node's gate and other capabilities ask of access, in process: whether a caller may, and
// whether somebody may pass on what they want to.
import type { Asked, Caller, Principal } from '@hansa/foundation';

/** A decision with all that led to it: for people, and for the audit. */
export interface Decision {
  readonly allowed: boolean;
  /** A sentence: what decided. */
  readonly reason: string;
  /** Ids of the policies that decided, roles as `role:<name>`; none where nothing permits. */
  readonly policies: readonly string[];
  /** Roles that count here, each with how it came about. */
  readonly roles: readonly { readonly role: string; readonly because: string }[];
}

export interface AccessControl {
  /**
   * FORBIDDEN, or TOKEN_SCOPE where a token says less than its holder may; CALLER_UNKNOWN and
   * PRINCIPAL_DISABLED where nobody, or nobody who is let in, stands behind it.
   */
  authorise(caller: Caller, asked: Asked): void;
  decide(caller: Caller, asked: Asked): Decision;
  /**
   * GRANT_WIDENED where a scope lies outside what the caller has: nobody gives what they lack.
   * Whoever calls in process, without a caller, is the owner.
   */
  requireGrantable(caller: Caller | undefined, scopes: readonly string[]): void;
  /** All that a principal may, by roles alone; `all` for the owner. */
  scopesOf(principal: Principal): 'all' | readonly string[];
  /** Called whenever something that was allowed may be so no longer. */
  subscribe(changed: () => void): () => void;
}
