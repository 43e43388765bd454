// What the node's gate and other capabilities ask of access, in process: whether a caller may, and
// whether somebody may pass on what they want to.
import type { Asked, Caller, Principal } from '@hansa/foundation';
import type { Account } from '../directory/contract.ts';

/** An own account as it is to become; `before` is absent where it is new. */
export interface AccountChange {
  readonly before?: Account | undefined;
  readonly after: Account;
}

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
  /**
   * GRANT_WIDENED where the principal may more than the caller, by roles or by policies: whoever
   * opens a way in to an account can use it. One that is disabled counts as if it were not.
   */
  requireStandIn(caller: Caller | undefined, principal: Principal): void;
  /**
   * GRANT_WIDENED where a policy lets an account do, as it becomes, what it did not let it before,
   * and the caller may not. What roles say is asked by their scopes: `requireGrantable`.
   */
  requireChanges(caller: Caller | undefined, changes: readonly AccountChange[]): void;
  /** All that a principal may, by roles alone; `all` for the owner. */
  scopesOf(principal: Principal): 'all' | readonly string[];
  /** Called whenever something that was allowed may be so no longer. */
  subscribe(changed: () => void): () => void;
}
