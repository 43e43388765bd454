// Signals over WebSocket, on any path. The same port answers plain requests with `ok`, so that a
// probe finds out that somebody is there.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { silentLog } from '@hansa/foundation';
import { WebSocketServer } from 'ws';
import { webSocketFraming } from './framing.ts';
import { listen, stopListening, type ListenNeeds, type SignalListener } from './listening.ts';
import { createOriginCheck } from './origins.ts';
import type { SocketLine } from './socket-line.ts';
import { Turn } from './turn.ts';
import { openWebSocketLine, subprotocol, webSocketOptions } from './websocket-line.ts';

const pingMsDefault = 30_000; // as the published router's configuration
const requestMs = 10_000; // to ask for a WebSocket, or for anything else; as a HELLO has
const checkMs = 2_500; // how late a slow request may be found

export interface WebSocketNeeds extends ListenNeeds {
  /** How often a line is pinged; who has not answered by the next time is cut off. */
  readonly pingMs?: number | undefined;
  /** Pages that may connect beside those of this machine, as browsers name them; `*`: all. */
  readonly origins?: readonly string[] | undefined;
  /** In PEM; with it `wss:` is spoken, and nothing else. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
}

/** PORT_TAKEN where another program listens there. */
export async function listenWebSocket(needs: WebSocketNeeds): Promise<SignalListener> {
  const lines = new Set<Pinged>();
  const turn = new Turn();
  const server = createHttp(needs);
  const sockets = new WebSocketServer({
    ...webSocketOptions,
    noServer: true,
    clientTracking: false,
    handleProtocols: (asked) => (asked.has(subprotocol) ? subprotocol : false),
  });
  const isForeign = createOriginCheck(needs.origins);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isForeign(request.headers)) {
      turnAway(socket);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { accept, log = silentLog } = needs;
      const framing = webSocketFraming;
      const line = openWebSocketLine({ webSocket, socket, framing, turn, accept, log });
      const pinged = { line, ping: () => webSocket.ping(), cut: () => webSocket.terminate() };
      lines.add(pinged);
      webSocket.once('close', () => lines.delete(pinged));
    });
  });
  const port = await listen(server, needs);
  const timer = setInterval(() => lines.forEach(ping), needs.pingMs ?? pingMsDefault);
  return {
    port,
    async close() {
      clearInterval(timer);
      lines.forEach(({ line }) => line.close('the listener closes'));
      const stopped = stopListening(server);
      server.closeAllConnections();
      await stopped;
    },
  };
}

function createHttp({ tls }: WebSocketNeeds): Server {
  const patience = {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
  };
  if (tls === undefined) {
    return createServer(patience, answerProbe);
  }
  const { certificate, key } = tls;
  const secret = { cert: certificate, key, minVersion: 'TLSv1.2' } as const;
  return createTlsServer({ ...patience, ...secret, handshakeTimeout: requestMs }, answerProbe);
}

interface Pinged {
  readonly line: SocketLine;
  ping(): void;
  cut(): void;
}

/** A line that we do not read cannot show that it is alive. */
function ping({ line, ping: send, cut }: Pinged): void {
  if (!line.isAlive && !line.isHeld) {
    cut();
    return;
  }
  line.isAlive = false;
  send();
}

function answerProbe(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' }).end('ok');
}

function turnAway(socket: Duplex): void {
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}
