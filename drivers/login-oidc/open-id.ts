// OpenID Connect by openid-client: discovery, authorisation code with PKCE (S256), state, nonce,
// and the signature of what comes back. Plain http is for issuers on this machine alone.
import type {
  OidcExpectation,
  OidcIdentity,
  OpenIdProvider,
  ProviderSettings,
} from '@hansa/capabilities/logins/oidc';
import { HansaError } from '@hansa/foundation';
import * as openId from 'openid-client';
import { boundedFetch, isAskable, isLoopback } from './bounded-fetch.ts';

const answerWithinS = 10; // of one request to a provider; a person waits
const knownForMs = 3_600_000; // what a provider says of itself; its keys are read anew as needed
const knownMax = 32; // twice as many as a cluster may have
const skewS = 60; // clocks differ; the same tolerance as tokens have

interface Known {
  readonly at: number;
  readonly configuration: Promise<openId.Configuration>;
}

export interface OpenIdNeeds {
  readonly monotonicMs: () => number;
}

export function loadedProvider({ monotonicMs }: OpenIdNeeds): OpenIdProvider {
  const known = new Map<string, Known>();
  const configurationOf = (settings: ProviderSettings): Promise<openId.Configuration> => {
    const { issuer, client, secret } = settings;
    const key = JSON.stringify([issuer, client, secret ?? '']);
    const held = known.get(key);
    if (held !== undefined && monotonicMs() - held.at < knownForMs) {
      return held.configuration;
    }
    const configuration = discover(settings);
    known.delete(key);
    known.set(key, { at: monotonicMs(), configuration });
    const oldest = known.keys().next();
    if (known.size > knownMax && oldest.done !== true) {
      known.delete(oldest.value);
    }
    // A provider that was away is asked again by the next one who comes.
    configuration.catch(() => known.delete(key));
    return configuration;
  };
  return {
    async begin(settings, signal) {
      const configuration = await reached(configurationOf(settings), signal);
      const verifier = openId.randomPKCECodeVerifier();
      const expected = { state: openId.randomState(), nonce: openId.randomNonce(), verifier };
      const url = addressFor(settings, configuration, {
        redirect_uri: settings.callback,
        scope: ['openid', ...settings.scopes].join(' '),
        state: expected.state,
        nonce: expected.nonce,
        code_challenge: await openId.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      return { ...expected, url: url.href };
    },
    async finish(settings, { query, expected }, signal) {
      const configuration = await reached(configurationOf(settings), signal);
      return finish({ settings, configuration, query, expected });
    },
  };
}

async function discover({
  issuer,
  client,
  secret,
}: ProviderSettings): Promise<openId.Configuration> {
  const server = new URL(issuer);
  const plain = isLoopback(server);
  const asking = boundedFetch(server);
  const configuration = await openId.discovery(
    server,
    client,
    { [openId.clockTolerance]: skewS },
    secret === undefined ? openId.None() : openId.ClientSecretPost(secret),
    {
      timeout: answerWithinS,
      execute: plain ? [openId.allowInsecureRequests] : [],
      [openId.customFetch]: asking,
    },
  );
  configuration.timeout = answerWithinS;
  configuration[openId.customFetch] = asking;
  return configuration;
}

/** What a browser is sent to is the provider's word: it is an address of the web, or nothing. */
function addressFor(
  { issuer }: ProviderSettings,
  configuration: openId.Configuration,
  parameters: Record<string, string>,
): URL {
  let url: URL;
  try {
    url = openId.buildAuthorizationUrl(configuration, parameters);
  } catch (error) {
    throw told(error);
  }
  if (!isAskable(url, new URL(issuer))) {
    throw new HansaError('PROVIDER_FAILED', 'the provider sends browsers to no web address', {
      facts: { reason: 'address' },
    });
  }
  return url;
}

async function finish(given: {
  readonly settings: ProviderSettings;
  readonly configuration: openId.Configuration;
  readonly query: string;
  readonly expected: OidcExpectation;
}): Promise<OidcIdentity> {
  const { settings, configuration, query, expected } = given;
  try {
    const tokens = await openId.authorizationCodeGrant(
      configuration,
      new URL(`${settings.callback}?${query}`),
      {
        expectedState: expected.state,
        expectedNonce: expected.nonce,
        pkceCodeVerifier: expected.verifier,
        idTokenExpected: true,
      },
    );
    const claims = tokens.claims();
    if (claims === undefined) {
      throw new HansaError('LOGIN_REFUSED', 'the provider said nothing about who came');
    }
    const more =
      configuration.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await openId.fetchUserInfo(configuration, tokens.access_token, claims.sub);
    return identityOf({ ...more, ...claims });
  } catch (error) {
    throw told(error);
  }
}

function identityOf(claims: Readonly<Record<string, unknown>>): OidcIdentity {
  const text = (name: string): string | undefined => {
    const value = claims[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    issuer: text('iss') ?? '',
    subject: text('sub') ?? '',
    email: text('email'),
    // Only a plain yes: some providers send the word as text, and so may whoever writes profiles.
    emailVerified: claims['email_verified'] === true,
    username: text('preferred_username'),
    displayName: text('name'),
    claims,
  };
}

async function reached<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    const answer = await work;
    signal?.throwIfAborted();
    return answer;
  } catch (error) {
    throw told(error);
  }
}

/**
 * What the provider, or the library for it, says against the answer is a refusal; what keeps us
 * from asking is a failure. Texts of the library may quote what came, so they are not passed on.
 */
function told(cause: unknown): HansaError {
  if (cause instanceof HansaError) {
    return cause;
  }
  if (cause instanceof openId.AuthorizationResponseError) {
    return refusal('the provider let nobody in', String(cause.error));
  }
  if (cause instanceof openId.ResponseBodyError && cause.status < 500) {
    return refusal('the provider does not take the code', String(cause.error));
  }
  const code = codeOf(cause);
  return code !== undefined && refusals.has(code)
    ? refusal('what the provider answered does not check out', code)
    : new HansaError('PROVIDER_FAILED', 'the identity provider could not be asked', {
        facts: { reason: code ?? 'unknown' },
      });
}

// Of the library: a claim, a signature or a parameter that is not what was expected.
const refusals: ReadonlySet<string> = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_PARSE_ERROR',
  'OAUTH_UNSUPPORTED_OPERATION',
  'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
]);

function refusal(sentence: string, reason: string): HansaError {
  return new HansaError('LOGIN_REFUSED', sentence, {
    facts: { reason: reason.slice(0, 64) },
    fix: 'begin the login again',
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
