// What the node's gate asks of logins, in process: whose session a text is, and when it ends.
import type { Caller } from '@hansa/foundation';

export type PrincipalCaller = Extract<Caller, { kind: 'principal' }>;

/** The form of a session's text, so that no other token is ever tried as one. */
export const sessionMark = 'hs_';

/** What browsers keep a session under: over TLS, and on loopback without it. */
export const sessionCookies = { secure: '__Host-hansa', plain: 'hansa' } as const;

/** What they send along with whatever changes something; no page of another site can. */
export const markHeader = 'hansa-mark';

export interface Sessions {
  /** UNAUTHENTICATED where it is none, has ended or was ended. */
  authenticate(text: string): PrincipalCaller;
  /** FORBIDDEN where a browser's request does not carry the session's own mark against forgery. */
  requireMark(text: string, mark: string | undefined): void;
  /** Aborts when the session ends, or its user may no longer log in; `done` lets go of it. */
  lapse(caller: PrincipalCaller): { readonly signal: AbortSignal; done(): void };
}
