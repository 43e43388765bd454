// How a router of signals is reached by its URL.
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

/** INPUT_INVALID where the URL is none; DIAL_FAILED. */
export async function dialSignals({ url, authorities, ...rest }: SignalTarget): Promise<Line> {
  const { protocol, hostname, port } = parsed(url);
  switch (protocol) {
    case 'ws:':
    case 'wss:':
      return dialWebSocket({ ...rest, url, authorities });
    case 'tcp:':
      if (hostname !== '' && port !== '') {
        const host = hostname.replaceAll(/^\[|\]$/g, '');
        return dialTcp({ ...rest, host, port: Number(port) });
      }
      throw notAnUrl(url);
    default:
      throw notAnUrl(url);
  }
}

function parsed(url: string): URL {
  try {
    return new URL(url);
  } catch {
    throw notAnUrl(url);
  }
}

function notAnUrl(url: string): HansaError {
  return new HansaError('INPUT_INVALID', `"${url}" is no address of a router`, {
    fix: 'write it as ws://127.0.0.1:7330, wss://…, or tcp://127.0.0.1:7340',
  });
}
