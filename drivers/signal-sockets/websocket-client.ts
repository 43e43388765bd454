// A line to a router that is reached by WebSocket: for links between routers, tools and load.
import type { Socket } from 'node:net';

import type { AcceptLine, Line } from '@hansa/capabilities/signals/frames/line';
import { silentLog, type Log } from '@hansa/foundation';
import { WebSocket } from 'ws';
import { dialFailed, dialMsDefault } from './dialling.ts';
import { createMaskedFraming } from './framing.ts';
import { Turn } from './turn.ts';
import { openWebSocketLine, subprotocol, webSocketOptions } from './websocket-line.ts';

export interface WebSocketTarget {
  /** `ws:` or `wss:`; redirects are not followed. */
  readonly url: string;
  /** In PEM: who may vouch for a `wss:` server, instead of those that everybody trusts. */
  readonly authorities?: string | undefined;
  /** Called once, when the line is open. */
  readonly accept: AcceptLine;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly log?: Log | undefined;
}

/** DIAL_FAILED. */
export async function dialWebSocket(target: WebSocketTarget): Promise<Line> {
  const { url, accept, signal, log = silentLog } = target;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const webSocket = opened(target, reject);
    if (webSocket === undefined) {
      return;
    }
    let socket: Socket | undefined;
    const abort = (): void => {
      reject(signal?.reason);
      webSocket.terminate();
    };
    const fail = (error: Error): void => {
      signal?.removeEventListener('abort', abort);
      reject(dialFailed(url, error));
    };
    signal?.addEventListener('abort', abort, { once: true });
    webSocket.once('error', fail);
    webSocket.once('upgrade', (response) => {
      socket = response.socket;
    });
    webSocket.once('open', () => {
      signal?.removeEventListener('abort', abort);
      webSocket.off('error', fail);
      if (socket === undefined) {
        fail(new Error('it opened without a socket'));
        return;
      }
      const framing = createMaskedFraming();
      const turn = new Turn();
      resolve(openWebSocketLine({ webSocket, socket, framing, turn, accept, log }));
    });
  });
}

/** Undefined where the URL is none, which `reject` is told. */
function opened(
  { url, authorities, timeoutMs = dialMsDefault }: WebSocketTarget,
  reject: (error: Error) => void,
): WebSocket | undefined {
  try {
    return new WebSocket(url, [subprotocol], {
      ...webSocketOptions,
      handshakeTimeout: timeoutMs,
      ...(authorities === undefined ? {} : { ca: authorities }),
    });
  } catch (error) {
    reject(dialFailed(url, error));
    return undefined;
  }
}
