// Logins of browsers: the session goes into a cookie that no script can read, and identity
// providers send people back here. What a contract cannot say.
import {
  HansaError,
  reportOf,
  utf8,
  type Call,
  type HttpRequest,
  type HttpResponse,
  type HttpRoute,
} from '@hansa/foundation';
import {
  loginsContract,
  sessionCookies,
  sessionTotalMs,
  type LoggedIn,
  type Logins,
} from './contract.ts';

const bodyBytesMax = 16_384; // two passwords of the longest, and a name
const thenLengthMax = 512; // the path of a page
const bindingCookie = 'hansa-login'; // ties the way back to the browser that left

/** How a browser's way back from a provider ends. */
type Arrival =
  | { readonly kind: 'browser'; readonly login: LoggedIn; readonly then: string }
  | { readonly kind: 'command'; readonly port: number | undefined; readonly code: string }
  | { readonly kind: 'failed'; readonly port: number; readonly error: HansaError };

export interface BrowserLogins {
  readonly logins: Pick<Logins, 'passwordLogin' | 'codeLogin' | 'logout'>;
  /** Where the provider sends people back to: a browser has to begin there, too. */
  baseOf(provider: string): string;
  startBrowser(
    given: { provider: string; then: string },
    call: Call,
  ): Promise<{ readonly url: string; readonly binding: string }>;
  arrive(
    given: {
      provider: string;
      query: Readonly<Record<string, string>>;
      binding: string | undefined;
    },
    call: Call,
  ): Promise<Arrival>;
}

export function loginRoutes(needs: BrowserLogins): readonly HttpRoute[] {
  return [begin(needs), end(needs), leave(needs), comeBack(needs)];
}

function begin({ logins }: BrowserLogins): HttpRoute {
  return {
    method: 'POST',
    path: '/session',
    permission: 'open',
    summary: 'Logs a browser in, as POST /login or POST /login/code do: the session is a cookie.',
    async handle(request, call) {
      const given = await readJson(request);
      const { passwordLogin, codeLogin } = loginsContract.methods;
      const password = passwordLogin.input.safeParse(given);
      const code = codeLogin.input.safeParse(given);
      if (!password.success && !code.success) {
        throw new HansaError('INPUT_INVALID', 'neither a name and a password nor a code came', {
          fix: 'send {"user", "password"} or {"code", "password"}',
        });
      }
      const login = password.success
        ? await logins.passwordLogin(password.data, call)
        : await logins.codeLogin(code.data ?? { code: '', password: '' }, call);
      return json({ ...shownOf(login) }, { 'set-cookie': sessionCookie(request, login.session) });
    },
  };
}

function end({ logins }: BrowserLogins): HttpRoute {
  return {
    method: 'DELETE',
    path: '/session',
    permission: 'self',
    summary: 'Logs a browser out: the session ends, and its cookie goes.',
    async handle(request, call) {
      const ended = await logins.logout({}, call);
      return json(ended, { 'set-cookie': cookie(request, nameOf(request), '', 0) });
    },
  };
}

function leave(needs: BrowserLogins): HttpRoute {
  return {
    method: 'GET',
    path: '/login/oidc/:provider',
    permission: 'open',
    summary: 'Sends a browser to an identity provider; "then" is where it goes in the end.',
    async handle(request, call) {
      const provider = request.params['provider'] ?? '';
      const base = needs.baseOf(provider);
      if (new URL(base).host !== (request.headers['host'] ?? '').toLowerCase()) {
        // The cookie that ties the way back is kept for one host alone.
        throw new HansaError('INPUT_INVALID', 'logins by this provider begin at another address', {
          fix: `open ${base}/login/oidc/${provider}`,
        });
      }
      const then = localPath(request.query['then']);
      const { url, binding } = await needs.startBrowser({ provider, then }, call);
      const scope = 'HttpOnly; SameSite=Lax; Path=/login/oidc; Max-Age=600';
      const kept = `${bindingCookie}=${binding}; ${scope}`;
      const secure = request.secure === true ? '; Secure' : '';
      return {
        status: 302,
        headers: { location: url, 'set-cookie': `${kept}${secure}` },
        body: new Uint8Array(),
      };
    },
  };
}

function comeBack(needs: BrowserLogins): HttpRoute {
  return {
    method: 'GET',
    path: '/login/oidc/:provider/callback',
    permission: 'open',
    summary: 'Where an identity provider sends a browser back to.',
    crossSite: true,
    async handle(request, call) {
      const arrival = await needs.arrive(
        {
          provider: request.params['provider'] ?? '',
          query: request.query,
          binding: cookieOf(request, bindingCookie),
        },
        call,
      );
      if (arrival.kind === 'browser') {
        // A redirect would still count as coming from the other site, and the strict cookie would
        // stay behind: the page goes on by itself instead.
        const { then, login } = arrival;
        const next = `<meta http-equiv="refresh" content="0;url=${escaped(then)}">`;
        const set = { 'set-cookie': sessionCookie(request, login.session) };
        return page(`${next}<p>You are logged in. <a href="${escaped(then)}">Go on</a>`, set);
      }
      if (arrival.kind === 'command' && arrival.port === undefined) {
        return page(`<p>Type this where you began the login:<p><code>${arrival.code}</code>`, {});
      }
      return {
        status: 302,
        headers: { location: commandAddress(arrival) },
        body: new Uint8Array(),
      };
    },
  };
}

/** Of the machine the browser is on, where the command line listens. */
function commandAddress(arrival: Exclude<Arrival, { kind: 'browser' }>): string {
  const asked =
    arrival.kind === 'command'
      ? `code=${encodeURIComponent(arrival.code)}`
      : `error=${encodeURIComponent(JSON.stringify(reportOf(arrival.error)))}`;
  return `http://127.0.0.1:${arrival.port ?? 0}/?${asked}`;
}

/** A page of this node: what another site could be reached by is taken for none. */
function localPath(given: string | undefined): string {
  const isLocal =
    given !== undefined && given.length <= thenLengthMax && /^\/(?![/\\])[\x21-\x7e]*$/.test(given);
  return isLocal && !given.includes('\\') ? given : '/session';
}

async function readJson({ headers, body }: HttpRequest): Promise<unknown> {
  // A page of another origin can send forms without asking; JSON it cannot.
  if (!/^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')) {
    throw new HansaError('INPUT_INVALID', 'the body is not declared as application/json', {
      fix: 'send "Content-Type: application/json"',
    });
  }
  const parts: number[] = [];
  for await (const part of body) {
    if (parts.length + part.length > bodyBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `the body may have ${bodyBytesMax} bytes`);
    }
    parts.push(...part);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(parts)));
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', 'the body is not JSON in UTF-8', { cause });
  }
}

function shownOf({ session: _kept, ...rest }: LoggedIn): Omit<LoggedIn, 'session'> {
  return rest;
}

function nameOf({ secure }: HttpRequest): string {
  return secure === true ? sessionCookies.secure : sessionCookies.plain;
}

function sessionCookie(request: HttpRequest, text: string): string {
  return cookie(request, nameOf(request), text, sessionTotalMs / 1_000);
}

// oxlint-disable-next-line eslint/max-params
function cookie({ secure }: HttpRequest, name: string, value: string, seconds: number): string {
  const kept = `${name}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}`;
  return secure === true ? `${kept}; Secure` : kept;
}

function cookieOf({ headers }: HttpRequest, name: string): string | undefined {
  const pairs = (headers['cookie'] ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function json(value: unknown, headers: Readonly<Record<string, string>>): HttpResponse {
  const type = 'application/json; charset=utf-8';
  return {
    status: 200,
    headers: { 'content-type': type, ...headers },
    body: utf8(JSON.stringify(value)),
  };
}

function page(inner: string, headers: Readonly<Record<string, string>>): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', ...headers },
    body: utf8(`<!doctype html><meta charset="utf-8"><title>Hansa</title>${inner}\n`),
  };
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (letter) => names[letter] ?? '');
}
