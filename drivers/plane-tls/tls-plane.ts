// The data plane over TLS 1.3. Both sides show a certificate of their node's own key and accept no
// other key than the one they expect; there is no authority, and names mean nothing.
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server, type TLSSocket } from 'node:tls';
import type {
  DataPlane,
  PlaneConnection,
  PlaneDoor,
} from '@hansa/capabilities/links/planes-driver';
import {
  HansaError,
  isHansaError,
  silentLog,
  type Log,
  type NodeAddress,
  type NodeId,
} from '@hansa/foundation';
import { announced, dialTarget } from './addresses.ts';
import { createTlsIdentity, nodeOf, type TlsIdentity } from './certificate.ts';
import { dialPinned, pinnedOptions, requireProtocol } from './pinned.ts';
import { TlsConnection } from './tls-connection.ts';

export const planeProtocol = 'hansa-plane/1';
const handshakeTimeoutMs = 5_000; // as the dial deadline: who is slower fails there
const handshakesMax = 64; // under way at once; an honest one takes milliseconds
const connectionsMax = 4_096; // four of every link there may be
const targetsMax = 8; // addresses of one node tried at once

export interface TlsPlaneNeeds {
  /** The node's own: the same key as its endpoint id. */
  readonly seed: Uint8Array;
  /** Port 0 chooses one. */
  readonly bind: { readonly host: string; readonly port: number };
  readonly log?: Log;
}

/** PORT_TAKEN where another program listens there. */
export async function openTlsPlane(needs: TlsPlaneNeeds): Promise<DataPlane> {
  const plane = new TlsPlane(needs);
  await plane.listen();
  return plane;
}

class TlsPlane implements DataPlane {
  readonly #needs: TlsPlaneNeeds;
  readonly #log: Log;
  readonly #tcp: TcpServer;
  readonly #connections = new Set<TlsConnection>();
  /** Handshakes under way, the oldest first. */
  readonly #arriving = new Set<Socket>();
  #door: PlaneDoor | undefined;
  #identity: Promise<TlsIdentity> | undefined;
  #tls: Promise<Server> | undefined;
  #closed = false;

  constructor(needs: TlsPlaneNeeds) {
    this.#needs = needs;
    this.#log = needs.log ?? silentLog;
    this.#tcp = createServer((socket) => this.#knock(socket));
  }

  async listen(): Promise<void> {
    const { host, port } = this.#needs.bind;
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once('error', (error: NodeJS.ErrnoException) => {
        const taken = error.code === 'EADDRINUSE';
        const sentence = `the data plane cannot listen on ${host}:${port}: ${error.message}`;
        reject(new HansaError(taken ? 'PORT_TAKEN' : 'CONFIG_INVALID', sentence, { cause: error }));
      });
      this.#tcp.listen({ host, port }, () => resolve());
    });
    this.#tcp.on('error', (error) => this.#log.problem('plane.listening-failed', error));
  }

  addresses(): readonly string[] {
    const at = this.#tcp.address() as AddressInfo | null;
    return at === null || this.#closed ? [] : announced(this.#needs.bind.host, at.port);
  }

  open(door: PlaneDoor): void {
    this.#door = door;
  }

  async dial(to: NodeAddress, signal: AbortSignal): Promise<PlaneConnection> {
    const targets = to.addresses.flatMap((address) => dialTarget(address) ?? []);
    const { key, cert } = await this.#ownIdentity();
    signal.throwIfAborted();
    const attempts = new AbortController();
    try {
      const options = { key, cert, signal: AbortSignal.any([signal, attempts.signal]) };
      const dials = targets
        .slice(0, targetsMax)
        .map((at) => dialPinned({ ...at, ...options, protocol: planeProtocol }, to.node));
      const socket = await Promise.any(dials);
      dials.forEach((dial) => void dial.then((other) => leaveUnless(other, socket), ignore));
      return this.#hold(socket, to.node, true);
    } catch (error) {
      const first = error instanceof AggregateError ? error.errors[0] : error;
      throw isHansaError(first)
        ? first
        : new HansaError('DIAL_FAILED', `no plane to ${to.node}: ${wordsOf(first)}`, {
            cause: error,
          });
    } finally {
      attempts.abort();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#door = undefined;
    for (const socket of this.#arriving) {
      socket.destroy();
    }
    const ends = [...this.#connections].map((connection) => {
      connection.close('the node is stopping');
      return connection.closed;
    });
    await Promise.all(ends);
    await new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve());
    });
  }

  #ownIdentity(): Promise<TlsIdentity> {
    this.#identity ??= createTlsIdentity(this.#needs.seed);
    return this.#identity;
  }

  /** Nobody gets as far as a handshake while no ticket is out. */
  #knock(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#door?.expectsAnybody() !== true || this.#connections.size >= connectionsMax) {
      socket.destroy();
      return;
    }
    const [oldest] = this.#arriving;
    if (oldest !== undefined && this.#arriving.size >= handshakesMax) {
      this.#arriving.delete(oldest);
      oldest.destroy();
    }
    this.#arriving.add(socket);
    socket.once('close', () => this.#arriving.delete(socket));
    this.#tls ??= this.#makeTlsServer();
    this.#tls.then(
      (server) => server.emit('connection', socket),
      (error: unknown) => {
        this.#log.problem('plane.no-certificate', error);
        socket.destroy();
      },
    );
  }

  /** Never listens: it is handed the sockets that were let through. */
  async #makeTlsServer(): Promise<Server> {
    const { key, cert } = await this.#ownIdentity();
    const server = createTlsServer({
      ...pinnedOptions(planeProtocol),
      key,
      cert,
      requestCert: true,
      handshakeTimeout: handshakeTimeoutMs,
    });
    server.on('secureConnection', (socket) => this.#arrived(socket));
    server.on('tlsClientError', (error, socket) => {
      this.#log.event('plane.handshake-failed', { reason: error.message });
      socket.destroy();
    });
    return server;
  }

  #arrived(socket: TLSSocket): void {
    socket.on('error', () => undefined);
    try {
      requireProtocol(socket, planeProtocol);
      const remote = nodeOf(socket.getPeerX509Certificate());
      if (this.#door?.expects(remote) !== true) {
        throw new HansaError('CERTIFICATE_INVALID', `nobody expects ${remote}`);
      }
      const connection = this.#hold(socket, remote, false);
      this.#door.arrived(connection).catch((error: unknown) => {
        this.#log.event('plane.greeting-failed', { remote, reason: wordsOf(error) });
        connection.close('the greeting failed');
      });
    } catch (error) {
      this.#log.event('plane.turned-away', { reason: wordsOf(error) });
      socket.destroy();
    }
  }

  #hold(socket: TLSSocket, remote: NodeId, dialled: boolean): TlsConnection {
    const connection = new TlsConnection(socket, { remote, dialled });
    if (this.#closed) {
      connection.close('the node is stopping');
    }
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    return connection;
  }
}

/** Two addresses of one node may answer at once. */
function leaveUnless(socket: TLSSocket, chosen: TLSSocket): void {
  if (socket !== chosen) {
    socket.destroy();
  }
}

function ignore(): void {}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
