// What logins ask of OpenID Connect: where to send a browser, and who came back. The driver does
// the protocol: discovery, authorisation code with PKCE, state, nonce, signatures.

export interface ProviderSettings {
  readonly issuer: string;
  readonly client: string;
  readonly secret?: string | undefined;
  /** Besides `openid`. */
  readonly scopes: readonly string[];
  /** Where the browser comes back to. */
  readonly callback: string;
}

/** What has to be kept between the two halves of a login. */
export interface OidcExpectation {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Whom the provider vouches for. */
export interface OidcIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string | undefined;
  readonly emailVerified: boolean;
  /** What it would be called: `preferred_username`. */
  readonly username?: string | undefined;
  readonly displayName?: string | undefined;
  /** The claims as they came: where the groups stand is for the operator to say. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Drivers: login-oidc. */
export interface OpenIdProvider {
  /** PROVIDER_FAILED where it cannot be asked. */
  begin(
    settings: ProviderSettings,
    signal?: AbortSignal,
  ): Promise<OidcExpectation & { readonly url: string }>;
  /**
   * With the query that the browser came back with. LOGIN_REFUSED where anything does not check
   * out, PROVIDER_FAILED where it cannot be asked.
   */
  finish(
    settings: ProviderSettings,
    given: { readonly query: string; readonly expected: OidcExpectation },
    signal?: AbortSignal,
  ): Promise<OidcIdentity>;
}
