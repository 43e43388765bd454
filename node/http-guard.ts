// Who stands at the door, before anything is believed: the host and origin a browser was tricked
// into are refused, the token is found, and every answer carries the headers that keep browsers
// out.
import type { IncomingMessage } from 'node:http';
import { HansaError, type Credential } from '@hansa/foundation';

export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** What stock git and browsers understand; the user name is never looked at. */
export const challenge = 'Basic realm="hansa"';

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/** Throws FORBIDDEN for a request that a web page of somebody else caused. */
export type Guard = (request: IncomingMessage) => void;

export function createGuard(configuredHosts: readonly string[]): Guard {
  const names = new Set([...loopbackNames, ...configuredHosts.map(bracketed)]);
  return ({ headers, socket }) => {
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
    const foreignSite = site === 'cross-site' || site === 'same-site';
    if (foreignSite || (headers.origin !== undefined && !isOwn(headers.origin, host))) {
      throw new HansaError('FORBIDDEN', 'requests from web pages of other origins are refused');
    }
  };
}

export function credentialOf(request: IncomingMessage): Credential {
  const { headers, socket } = request;
  const source = socket.remoteAddress ?? 'unix';
  const token = tokenOf(headers.authorization ?? '');
  if (token === undefined) {
    return { source };
  }
  const proof = headers['hansa-proof'];
  const { method = '', url: path = '' } = request;
  return typeof proof === 'string'
    ? { source, token, possession: { proof, method, path } }
    : { source, token };
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
