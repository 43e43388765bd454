// Where the nodes of one cluster reach each other: TLS 1.3, each side pinned to the other's key
// like a data plane, and then plain bytes. What a connection is for, its first line says.
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server, type TLSSocket } from 'node:tls';
import {
  HansaError,
  silentLog,
  type FrameStream,
  type Log,
  type NodeAddress,
  type NodeId,
} from '@hansa/foundation';
import { announced, dialTarget } from './addresses.ts';
import { createTlsIdentity, nodeOf, type TlsIdentity } from './certificate.ts';
import { dialPinned, pinnedOptions, requireProtocol } from './pinned.ts';
import { TlsConnection } from './tls-connection.ts';

export const nodePortProtocol = 'hansa-node/1';
const handshakeTimeoutMs = 5_000; // within one site; who is slower is not one of ours
const firstLineBytesMax = 256; // a word and an address
const firstLineMs = 5_000; // it follows the handshake at once
// each request that is passed on holds one; as many as the API's own listener takes
const connectionsMax = 4_096;

export interface NodePortNeeds {
  /** The node's own. */
  readonly seed: Uint8Array;
  /** Port 0 chooses one. */
  readonly bind: { readonly host: string; readonly port: number };
  /** Whether that key is a node of this cluster's; whoever is not is turned away. */
  readonly expects: (node: NodeId) => Promise<boolean>;
  readonly arrived: (guest: Guest) => void;
  readonly log?: Log;
}

/** One who has come in: of which node, and what for. */
export interface Guest {
  readonly node: NodeId;
  readonly words: readonly string[];
  /** Paused; what followed the first line is still to be read. */
  readonly socket: Socket;
}

export interface NodePort {
  readonly addresses: readonly string[];
  /** DIAL_FAILED; the words become the first line. */
  dial(to: NodeAddress, words: readonly string[], signal: AbortSignal): Promise<Socket>;
  close(): Promise<void>;
}

/** PORT_TAKEN where another program listens there. */
export async function openNodePort(needs: NodePortNeeds): Promise<NodePort> {
  const port = new PinnedPort(needs, await createTlsIdentity(needs.seed));
  await port.listen();
  return port;
}

/** The bytes of a connection as frames, for calls between both ends. */
export function framesOf(socket: Socket, remote: NodeId): FrameStream {
  const connection = new TlsConnection(socket, { remote, dialled: false });
  connection.admit();
  socket.resume();
  return connection.stream;
}

class PinnedPort implements NodePort {
  readonly #needs: NodePortNeeds;
  readonly #log: Log;
  readonly #identity: TlsIdentity;
  readonly #tcp: TcpServer;
  readonly #tls: Server;
  readonly #sockets = new Set<Socket>();

  constructor(needs: NodePortNeeds, identity: TlsIdentity) {
    this.#needs = needs;
    this.#log = needs.log ?? silentLog;
    this.#identity = identity;
    this.#tls = createTlsServer({
      ...pinnedOptions(nodePortProtocol),
      ...identity,
      requestCert: true,
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.#tls.on('secureConnection', (socket) => void this.#arrived(socket));
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#tcp = createServer((socket) => {
      socket.on('error', () => undefined);
      if (this.#sockets.size >= connectionsMax) {
        socket.destroy();
        return;
      }
      this.#hold(socket);
      this.#tls.emit('connection', socket);
    });
  }

  get addresses(): readonly string[] {
    const at = this.#tcp.address() as AddressInfo | null;
    return at === null ? [] : announced(this.#needs.bind.host, at.port);
  }

  async listen(): Promise<void> {
    const { host, port } = this.#needs.bind;
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once('error', (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? 'PORT_TAKEN' : 'CONFIG_INVALID';
        const sentence = `the port of nodes cannot listen on ${host}:${port}: ${error.message}`;
        reject(new HansaError(code, sentence, { cause: error }));
      });
      this.#tcp.listen({ host, port }, () => resolve());
    });
    this.#tcp.on('error', (error) => this.#log.problem('nodes.port-failed', error));
  }

  async dial(to: NodeAddress, words: readonly string[], signal: AbortSignal): Promise<Socket> {
    const targets = to.addresses.flatMap((address) => dialTarget(address) ?? []);
    const attempts = new AbortController();
    const options = { ...this.#identity, signal: AbortSignal.any([signal, attempts.signal]) };
    try {
      const socket = await Promise.any(
        targets.map((at) => dialPinned({ ...at, ...options, protocol: nodePortProtocol }, to.node)),
      );
      socket.on('error', () => undefined);
      socket.setNoDelay(true);
      this.#hold(socket);
      socket.write(`${words.join(' ')}\n`);
      return socket;
    } catch (cause) {
      const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
      const why = first instanceof Error ? first.message : 'it has told no address';
      throw new HansaError('DIAL_FAILED', `no way to node ${to.node}: ${why}`, { cause });
    } finally {
      attempts.abort();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve());
    });
    this.#sockets.forEach((socket) => socket.destroy());
    await closed;
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async #arrived(socket: TLSSocket): Promise<void> {
    socket.on('error', () => undefined);
    try {
      requireProtocol(socket, nodePortProtocol);
      const node = nodeOf(socket.getPeerX509Certificate());
      if (!(await this.#needs.expects(node))) {
        throw new HansaError('CERTIFICATE_INVALID', `${node} is no node of this cluster`);
      }
      const line = await firstLine(socket);
      socket.setNoDelay(true);
      this.#needs.arrived({ node, words: line.split(' '), socket });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.event('nodes.turned-away', { reason });
      socket.destroy();
    }
  }
}

/** Leaves the socket paused, with what came behind the line still in it. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const timer = setTimeout(() => fail('no first line came'), firstLineMs);
    const settle = (): void => {
      clearTimeout(timer);
      socket.pause();
      socket.off('data', take);
      socket.off('close', gone);
    };
    const fail = (reason: string): void => {
      settle();
      reject(new HansaError('PROTOCOL_BREACH', reason));
    };
    const gone = (): void => fail('it went away');
    const take = (piece: Buffer): void => {
      held = Buffer.concat([held, piece]);
      const end = held.indexOf(0x0a);
      if (end >= 0 && end < firstLineBytesMax) {
        settle();
        socket.unshift(held.subarray(end + 1));
        resolve(held.subarray(0, end).toString('utf8'));
      } else if (held.length >= firstLineBytesMax) {
        fail('its first line is too long');
      }
    };
    socket.on('data', take);
    socket.once('close', gone);
  });
}
