// The sockets of the HTTP road: loopback TCP, and a unix socket that only this user may open.
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { connect, type ListenOptions, type Server as SocketServer, type Socket } from 'node:net';
import { HansaError, sourceNetwork } from '@hansa/foundation';
import { securityHeaders } from './http-guard.ts';
import type { HttpLimits } from './http-limits.ts';
import type { TlsFront } from './http-tls.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export const socketPathBytesMax = 103; // macOS; Linux takes 107

export type WebServer = Server | SecureServer;

export function createBoundedServer(
  handler: RequestListener,
  limits: HttpLimits,
  tls?: Pick<TlsFront, 'serve'>,
): WebServer {
  const make = tls === undefined ? createServer : tls.serve;
  const server = make(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: 0, // bodies have their own times: a push may last hours
      keepAliveTimeout: limits.keepAliveMs,
      // Node's own 30 s would let a slow head stay four times too long
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: limits.headerBytesMax,
      requireHostHeader: false, // the door's guard refuses it, with an answer like all others
    },
    handler,
  );
  server.maxConnections = limits.connectionsMax;
  boundAddresses(server, limits.connectionsPerAddressMax);
  server.on('clientError', answerMalformed);
  // An expectation we do not know is a request like any other, and meets the door.
  server.on('checkExpectation', handler);
  return server;
}

/**
 * One address, or network of version 6, may hold so many connections; a unix socket has none, and
 * only its owner.
 */
function boundAddresses(server: WebServer, perAddressMax: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) {
      return;
    }
    const network = sourceNetwork(remoteAddress);
    const count = (open.get(network) ?? 0) + 1;
    if (count > perAddressMax) {
      socket.destroy();
      return;
    }
    open.set(network, count);
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left > 0) {
        open.set(network, left);
      } else {
        open.delete(network);
      }
    });
  });
}

// What Node's parser refuses never becomes a request; the answer is written by hand.
function answerMalformed(error: Error & { code?: string }, stream: Socket): void {
  if (!stream.writable || stream.bytesWritten > 0 || error.code === 'ECONNRESET') {
    stream.destroy();
    return;
  }
  const [status, code, message] = malformed(error.code);
  const body = JSON.stringify({ code, message });
  const headers = Object.entries({
    ...securityHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  stream.end(`HTTP/1.1 ${status}\r\n${headers.join('')}\r\n${body}`, () => stream.destroy());
}

function malformed(code: string | undefined): [status: string, code: string, message: string] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = 'the request’s head is over its limit';
    return ['431 Request Header Fields Too Large', 'INPUT_TOO_LARGE', message];
  }
  return code === 'ERR_HTTP_REQUEST_TIMEOUT'
    ? ['408 Request Timeout', 'TIMED_OUT', 'the request’s head did not arrive in time']
    : ['400 Bad Request', 'INPUT_INVALID', 'this is not an HTTP/1.1 request'];
}

/** The address it got; PORT_TAKEN where another program has it. */
export async function listenTcp(server: SocketServer, at: ListenAddress): Promise<ListenAddress> {
  await listen(server, { host: at.host, port: at.port }).catch((error: unknown) => {
    throw listenError(error, at);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null
    ? { host: address.address, port: address.port }
    : at;
}

function listenError(error: unknown, { host, port }: ListenAddress): unknown {
  const code = codeOf(error);
  const facts = { host, port };
  if (code === 'EADDRINUSE') {
    const message = `port ${port} on ${host} is taken by another program`;
    return new HansaError('PORT_TAKEN', message, { cause: error, facts });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const message = `this node cannot listen on port ${port} of ${host}`;
    return new HansaError('CONFIG_INVALID', message, { cause: error, facts });
  }
  return error;
}

/** Listens at a path, mode 600; what a crashed node left there is replaced, a living one is not. */
export async function listenUnix(server: SocketServer, path: string): Promise<void> {
  if (Buffer.byteLength(path) > socketPathBytesMax) {
    throw new HansaError(
      'CONFIG_INVALID',
      `the socket’s path is over ${socketPathBytesMax} bytes`,
      {
        fix: 'choose a data folder with a shorter path',
        facts: { bytesMax: socketPathBytesMax },
      },
    );
  }
  await removeStale(path);
  await listen(server, { path }).catch((error: unknown) => {
    throw codeOf(error) === 'EADDRINUSE' ? pathTaken(path, error) : error;
  });
  await chmod(path, 0o600);
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) {
    return;
  }
  if (!found.isSocket() || (await answers(path))) {
    throw pathTaken(path);
  }
  await unlink(path);
}

function pathTaken(path: string, cause?: unknown): HansaError {
  return new HansaError('PORT_TAKEN', `"${path}" is taken by another program`, {
    cause,
    fix: 'stop the other program, or choose another data folder',
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function listen(server: SocketServer, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
