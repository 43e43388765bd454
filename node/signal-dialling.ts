// How a router of signals is reached by its URL.
import { X509Certificate } from 'node:crypto';
import type { AcceptLine, Line } from '@hansa/capabilities/signals/frames/line';
import { HansaError, type Log } from '@hansa/foundation';
import { dialTcp, dialWebSocket } from '@hansa/signal-sockets';

export interface SignalTarget {
  /** `ws:`, `wss:`, or `tcp:` with a host and a port. */
  readonly url: string;
  readonly accept: AcceptLine;
  readonly signal?: AbortSignal | undefined;
  /** In PEM: who may vouch for a `wss:` router, instead of those that everybody trusts. */
  readonly authorities?: string | undefined;
  readonly log?: Log | undefined;
}

/** INPUT_INVALID where the URL is none, or the authorities are; DIAL_FAILED. */
export async function dialSignals({ url, authorities, ...rest }: SignalTarget): Promise<Line> {
  const { protocol, hostname, port } = checkedUrl(url);
  checkAuthorities(authorities);
  if (protocol !== 'tcp:') {
    return dialWebSocket({ ...rest, url, authorities });
  }
  const host = hostname.replaceAll(/^\[|\]$/g, '');
  return dialTcp({ ...rest, host, port: Number(port) });
}

/** INPUT_INVALID where no router can be there. */
export function checkedUrl(url: string): URL {
  const parsed = tried(url);
  const isWebSocket = parsed?.protocol === 'ws:' || parsed?.protocol === 'wss:';
  const isTcp = parsed?.protocol === 'tcp:' && parsed.hostname !== '' && parsed.port !== '';
  if (parsed === undefined || !(isWebSocket || isTcp)) {
    throw new HansaError('INPUT_INVALID', `"${url}" is no address of a router`, {
      fix: 'write it as ws://127.0.0.1:7330, wss://…, or tcp://127.0.0.1:7340',
    });
  }
  return parsed;
}

/** INPUT_INVALID where it is no certificate in PEM. */
export function checkAuthorities(authorities: string | undefined): void {
  try {
    if (authorities !== undefined) {
      new X509Certificate(authorities);
    }
  } catch (cause) {
    const sentence = 'what is given as an authority is no certificate in PEM';
    throw new HansaError('INPUT_INVALID', sentence, { cause });
  }
}

function tried(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
