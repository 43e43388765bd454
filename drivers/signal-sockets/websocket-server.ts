// Signals over WebSocket, on any path. The same port answers plain requests with `ok`, so that a
// probe finds out that somebody is there.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';

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
/** Who asks at once is let in, however many others hold connections and do not. */
export const silentMax = 1_024;
const checkMs = 2_500; // how late a slow request may be found

export interface WebSocketNeeds extends ListenNeeds, WebSocketTaking {}

/** How lines are made of connections, wherever those come from. */
export interface WebSocketTaking extends Pick<ListenNeeds, 'accept' | 'log'> {
  /** How often a line is pinged; who has not answered by the next time is cut off. */
  readonly pingMs?: number | undefined;
  /** Pages that may connect beside those of this machine, as browsers name them; `*`: all. */
  readonly origins?: readonly string[] | undefined;
  /** With it `wss:` is spoken, and nothing else. */
  readonly tls?: ShownIdentity | undefined;
}

/** In PEM. */
export interface ShownIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** For connections that somebody else has taken in; they may be paused. */
export interface WebSocketTaker {
  take(socket: Socket): void;
  /** Ends what came on the connection. */
  part(socket: Socket): void;
  /** What those who come from now on are shown; sessions go on. */
  show(tls: ShownIdentity): void;
  /** Ends every line. */
  close(): Promise<void>;
}

/** PORT_TAKEN where another program listens there. */
export async function listenWebSocket(needs: WebSocketNeeds): Promise<SignalListener> {
  const { server, close } = openServer(needs);
  try {
    return { port: await listen(server, needs), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export function takeWebSockets(needs: WebSocketTaking): WebSocketTaker {
  const { server, lineOf, close } = openServer(needs);
  server.emit('listening'); // from then on slow requests are looked after
  return {
    take(socket) {
      server.emit('connection', socket);
      socket.resume();
    },
    part(socket) {
      const line = lineOf.get(socket);
      if (line === undefined) {
        socket.destroy(); // nothing came of it yet, or its line is inside of TLS
      } else {
        line.close('the node leaves');
      }
    },
    show(tls) {
      if (server instanceof TlsServer) {
        server.setSecureContext(secretOf(tls));
      }
    },
    close,
  };
}

interface OpenServer {
  readonly server: Server;
  readonly lineOf: WeakMap<Socket, SocketLine>;
  close(): Promise<void>;
}

function openServer(needs: WebSocketTaking): OpenServer {
  const lines = new Set<Pinged>();
  const lineOf = new WeakMap<Socket, SocketLine>();
  const turn = new Turn();
  const server = createHttp(needs);
  const sockets = new WebSocketServer({
    ...webSocketOptions,
    noServer: true,
    clientTracking: false,
    handleProtocols: (asked) => (asked.has(subprotocol) ? subprotocol : false),
  });
  const isForeign = createOriginCheck(needs.origins);
  const silent = countSilent(server);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    silent.delete(socket);
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
      lineOf.set(socket, line);
      webSocket.once('close', () => lines.delete(pinged));
    });
  });
  const timer = setInterval(() => lines.forEach(ping), needs.pingMs ?? pingMsDefault);
  return {
    server,
    lineOf,
    async close() {
      clearInterval(timer);
      lines.forEach(({ line }) => line.close('the listener closes'));
      const stopped = stopListening(server);
      server.closeAllConnections();
      await stopped;
    },
  };
}

/** Connections that have not asked for a WebSocket: the oldest goes when there are too many. */
function countSilent(server: Server): Set<Socket> {
  const silent = new Set<Socket>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
    for (const oldest of silent) {
      if (silent.size <= silentMax) {
        return;
      }
      silent.delete(oldest);
      oldest.destroy();
    }
  });
  return silent;
}

function createHttp({ tls }: WebSocketTaking): Server {
  const patience = {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
  };
  if (tls === undefined) {
    return createServer(patience, answerProbe);
  }
  const handshake = { handshakeTimeout: requestMs };
  return createTlsServer({ ...patience, ...secretOf(tls), ...handshake }, answerProbe);
}

function secretOf({ certificate, key }: ShownIdentity): SecureContextOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2' };
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

/** Nobody looks after the socket any more: not after what breaks, nor after who stays. */
function turnAway(socket: Duplex): void {
  socket.on('error', () => undefined);
  socket.once('finish', () => socket.destroy());
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}
