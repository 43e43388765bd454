// Who may do what, as the router asks it. Tokens, scopes and their signatures are somebody else's.

/**
 * `read`: be told what stands at an address. `watch`: subscribe to or replay a pattern, which must
 * be covered as a whole. `write`: SET, PUBLISH, ANNOUNCE at an address. `own`: be the router that
 * judges writes at all addresses of a pattern, which then nobody else does.
 */
export type SignalVerb = 'read' | 'watch' | 'write' | 'own';

/** What one session may; asked with every message, so that a revoked right ends at once. */
export interface SignalAccess {
  allows(verb: SignalVerb, addressOrPattern: string): boolean;
  /** Milliseconds since 1970, when the session ends. */
  readonly expiresMs?: number | undefined;
  /** Where it is another one than all others have: a link carries what many sessions say. */
  readonly messagesPerSecondMax?: number | undefined;
  /** For lists and logs, and whose share of places it is. */
  readonly subject: string;
  /** It may take all places: nobody is there whom they would be kept from. */
  readonly takesAll?: boolean | undefined;
  /** Of a line that has proven who is there: the one router that may speak on it. */
  readonly routerId?: string | undefined;
  /** Of such a line: see `LinkRights`. */
  brings?(address: string): boolean;
  carries?(address: string): boolean;
  /** `read` is asked of all that is told too: a pattern that was taken does not answer for it. */
  readonly judgesAll?: boolean | undefined;
  /** It is not told unasked what there is when it is welcomed. */
  readonly quiet?: boolean | undefined;
  /** Ends the session when it aborts; `done` lets go of it. */
  readonly lapse?: { readonly signal: AbortSignal; done(): void } | undefined;
}

/** Why a HELLO is refused: the session is told by an ERROR, then closed. */
export interface AdmissionRefusal {
  /** 300 without a valid token, 302 where it has expired, 500 where nobody can tell. */
  readonly code: number;
  readonly message: string;
}

export interface Admitting {
  readonly token: string | undefined;
  /** What the session calls itself: a claim. */
  readonly name: string;
  readonly remote: string;
  readonly isPeer: boolean;
}

export interface Doorkeeper {
  admit(
    asked: Admitting,
    signal: AbortSignal,
  ): SignalAccess | AdmissionRefusal | Promise<SignalAccess | AdmissionRefusal>;
}

/** For a router that asks nobody for a token. */
export const openDoor: Doorkeeper = {
  admit: () => ({ allows: () => true, subject: 'anyone', takesAll: true }),
};
