// Who stands at the door, before anything is believed: the host and origin a browser was tricked
// into are refused, the token is found, and every answer carries the headers that keep browsers
// out.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { sessionCookies, sessionMark } from '@hansa/capabilities/logins/contract';
import { HansaError, type Credential } from '@hansa/foundation';

export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** On a connection by TLS: browsers come back by TLS alone. */
export const transportSecurity = {
  name: 'strict-transport-security',
  value: 'max-age=31536000',
} as const;

/** What stock git and browsers understand; the user name is never looked at. */
export const challenge = 'Basic realm="hansa"';

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Throws FORBIDDEN for a request that a web page of somebody else caused; where people are sent to
 * by other sites, only for what a link could not have done.
 */
export type Guard = (request: IncomingMessage, crossSite?: boolean) => void;

export function createGuard(configuredHosts: readonly string[]): Guard {
  const names = new Set([...loopbackNames, ...configuredHosts.map(bracketed)]);
  return ({ headers, method, rawHeaders, socket }, crossSite = false) => {
    refuseTwice(rawHeaders);
    // A page cannot open a unix socket, and clients put any host they like there.
    const overTcp = socket.remoteAddress !== undefined;
    const host = headers.host ?? '';
    // DNS rebinding: the page's own name resolves to this machine, but it stays in the Host header.
    if (overTcp && !names.has(nameOf(host))) {
      throw new HansaError('FORBIDDEN', 'the Host header names no host this node answers for', {
        fix: 'use 127.0.0.1 or localhost, or add the name to the node’s configured hosts',
      });
    }
    // Browsers remember Basic passwords and send them along with another site's requests.
    const site = headers['sec-fetch-site'];
    const isLink = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
    const foreignSite = (site === 'cross-site' || site === 'same-site') && !(crossSite && isLink);
    if (foreignSite || (headers.origin !== undefined && !isOwn(headers.origin, host))) {
      throw new HansaError('FORBIDDEN', 'requests from web pages of other origins are refused');
    }
  };
}

// Which of two counts is decided differently by us and by whatever stands before us.
const onlyOnce: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'hansa-proof',
  'host',
  'origin',
  'sec-fetch-site',
  'transfer-encoding',
]);

function refuseTwice(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    if (seen.has(name)) {
      throw new HansaError('INPUT_INVALID', `the header "${name}" came twice`);
    }
    if (onlyOnce.has(name)) {
      seen.add(name);
    }
  }
}

/** What came, and whether a browser sent it by itself: then it alone proves no intent. */
export interface Presented extends Credential {
  readonly byCookie: boolean;
}

export function credentialOf(request: IncomingMessage): Presented {
  const { headers, socket } = request;
  const agent = headers['user-agent'];
  const known = {
    source: socket.remoteAddress ?? 'unix',
    byCookie: false,
    ...(agent === undefined ? {} : { agent }),
  };
  const token = tokenOf(headers.authorization ?? '');
  if (token === undefined) {
    const session = sessionOf(request);
    return session === undefined ? known : { ...known, byCookie: true, token: session };
  }
  const proof = headers['hansa-proof'];
  const { method = '', url: path = '' } = request;
  return typeof proof === 'string'
    ? { ...known, token, possession: { proof, method, path } }
    : { ...known, token };
}

/** Sessions alone live in cookies: any other token there was put by somebody else. */
function sessionOf(request: IncomingMessage): string | undefined {
  const name = isSecure(request) ? sessionCookies.secure : sessionCookies.plain;
  const [, value] = pairsOf(request.headers.cookie).find(([each]) => each === name) ?? [];
  return value?.startsWith(sessionMark) === true ? value : undefined;
}

export function isSecure({ socket }: IncomingMessage): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

/** The cookies without those that hold a session: no handler reads one. */
export function withoutSessions(cookie: string): string {
  const names: readonly string[] = Object.values(sessionCookies);
  return pairsOf(cookie)
    .filter(([name]) => !names.includes(name))
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');
}

function pairsOf(cookie: string | undefined): readonly (readonly [name: string, value: string])[] {
  return (cookie ?? '').split(';').flatMap((pair) => {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals)).trim();
    return name === '' ? [] : [[name, pair.slice(equals + 1).trim()] as const];
  });
}

function tokenOf(authorization: string): string | undefined {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+) *$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') {
    return value;
  }
  if (scheme.toLowerCase() !== 'basic') {
    return undefined;
  }
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const password = pair.slice(pair.indexOf(':') + 1);
  return password === '' ? undefined : password;
}

// The port is no part of the promise: a proxy or a tunnel may listen on another one.
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '');
}

function bracketed(host: string): string {
  return (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host).toLowerCase();
}

function isOwn(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host.toLowerCase();
  } catch {
    return false; // "null" is what sandboxed pages and files send
  }
}
