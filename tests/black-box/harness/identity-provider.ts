// An identity provider on loopback: the real oidc-provider library with people of the test, and a
// browser that follows it with its cookies, as somebody who logs in at once.
import { createServer, request, type Server } from 'node:http';
import { afterFile } from './after-file.ts';

/** What the provider says about somebody. */
export interface ProvidedPerson {
  readonly sub: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly preferred_username?: string;
  readonly name?: string;
  readonly groups?: readonly string[];
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly client: string;
  readonly secret: string;
  /** Who sits before the browser from now on. */
  seat(person: ProvidedPerson): void;
  /** Where browsers may be sent back to. */
  allow(...callbacks: readonly string[]): void;
  stop(): Promise<void>;
}

interface Grant {
  addOIDCScope(scope: string): void;
  save(): Promise<string>;
}
interface Context {
  readonly oidc: {
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string };
    readonly params: { readonly scope: string };
  };
}
interface Library {
  readonly Grant: new (given: { accountId: string; clientId: string }) => Grant;
  callback(): (request: unknown, response: unknown) => void;
  interactionFinished(request: unknown, response: unknown, result: object): Promise<void>;
}

const running = new Set<Server>();

afterFile(() => {
  for (const server of running) {
    server.closeAllConnections();
    server.close();
  }
  running.clear();
});

export async function startIdentityProvider(): Promise<IdentityProvider> {
  // @ts-expect-error The library has no types of its own.
  const library: unknown = await import('oidc-provider');
  const { default: Provider } = library as {
    default: new (issuer: string, settings: object) => Library;
  };
  const server = createServer();
  running.add(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const issuer = `http://127.0.0.1:${port}`;
  const people = new Map<string, ProvidedPerson>();
  const client = 'hansa';
  const secret = 'a client secret that nobody may see';
  let seated = '';
  let handle: ((request: unknown, response: unknown) => void) | undefined;
  const allow = (...callbacks: readonly string[]): void => {
    const known = { client, secret, callbacks, people };
    const provider: Library = new Provider(
      issuer,
      settings(known, () => provider),
    );
    const serve = provider.callback();
    handle = (asked, response) => {
      if (String((asked as { url?: string }).url).startsWith('/interaction/')) {
        const result = { login: { accountId: seated } };
        provider.interactionFinished(asked, response, result).catch(() => undefined);
      } else {
        serve(asked, response);
      }
    };
  };
  server.on('request', (asked, response) => handle?.(asked, response));
  return {
    issuer,
    client,
    secret,
    allow,
    seat(person) {
      people.set(person.sub, person);
      seated = person.sub;
    },
    stop: () =>
      new Promise((resolve) => {
        running.delete(server);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Known {
  readonly client: string;
  readonly secret: string;
  readonly callbacks: readonly string[];
  readonly people: ReadonlyMap<string, ProvidedPerson>;
}

function settings({ client, secret, callbacks, people }: Known, library: () => Library): object {
  return {
    clients: [
      {
        client_id: client,
        client_secret: secret,
        redirect_uris: callbacks,
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    cookies: { keys: ['only for this test'] },
    pkce: { required: () => true },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    features: { devInteractions: { enabled: false } },
    interactions: {
      url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}`,
    },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => people.get(id),
    }),
    // Whoever logs in agrees to everything.
    async loadExistingGrant({ oidc }: Context) {
      const { Grant } = library();
      const { accountId } = oidc.session;
      const grant = new Grant({ accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope(oidc.params.scope);
      await grant.save();
      return grant;
    },
  };
}

export interface Visited {
  readonly url: string;
  readonly status: number;
  readonly location: string | undefined;
  /** As they were set, with all that was said about them. */
  readonly cookies: readonly string[];
  readonly text: string;
}

/** By node's own client: `fetch` says of itself how it fetches, which a test has to say. */
function get(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<Omit<Visited, 'url'>> {
  return new Promise((resolve, reject) => {
    request(url, { headers, agent: false, timeout: 20_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('end', () => {
        const { statusCode: status = 0, headers: got } = response;
        resolve({ status, location: got.location, cookies: got['set-cookie'] ?? [], text });
      });
    })
      .on('error', reject)
      .end();
  });
}

export interface Browser {
  /** Follows redirects; stops before an address that `until` names, where it is given. */
  visit(url: string, until?: string): Promise<Visited>;
  cookies(origin: string): string;
}

/** As browsers do: cookies by host and port, and a mark on what another site has caused. */
export function openBrowser(): Browser {
  const jars = new Map<string, Map<string, string>>();
  const jarOf = (origin: string): Map<string, string> => {
    const jar = jars.get(origin) ?? new Map<string, string>();
    jars.set(origin, jar);
    return jar;
  };
  const cookies = (origin: string): string =>
    [...jarOf(origin)].map(([name, value]) => `${name}=${value}`).join('; ');
  const step = async (url: string, from: string | undefined): Promise<Visited> => {
    const { origin } = new URL(url);
    const elsewhere = from !== undefined && new URL(from).origin !== origin;
    const response = await get(url, {
      cookie: cookies(origin),
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': elsewhere ? 'cross-site' : from === undefined ? 'none' : 'same-origin',
    });
    for (const cookie of response.cookies) {
      const [pair = ''] = cookie.split(';');
      const equals = pair.indexOf('=');
      jarOf(origin).set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    return { url, ...response };
  };
  return {
    cookies,
    async visit(url, until) {
      let seen = await step(url, undefined);
      for (let hops = 0; hops < 12; hops += 1) {
        const { location } = seen;
        if (location === undefined) {
          return seen;
        }
        const next = new URL(location, seen.url).href;
        if (until !== undefined && next.startsWith(until)) {
          return { ...seen, url: next };
        }
        seen = await step(next, seen.url);
      }
      throw new Error(`too many redirects: ${seen.url}`);
    },
  };
}
