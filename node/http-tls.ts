// The API by TLS: the node shows its own certificate and every client must show one, of this
// cluster or of a linked one. Which authority vouches for whom is ours to check, not the library's;
// what counts no more ends connections that are open.
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { TLSSocket, type SecureContextOptions } from 'node:tls';
import type {
  CertificateTrust,
  ListenerIdentity,
  ProvenCertificate,
} from '@hansa/capabilities/certificates/contract';
import { createMutex, HansaError, type Caller, type Clock, type Log } from '@hansa/foundation';

const handshakeTimeoutMs = 5_000; // as on the data plane; an honest one takes milliseconds
const lookAgainMaxMs = 3_600_000; // how long a connection is believed where nothing is heard

/** What a certificate says of who sent a request: nothing where it came over loopback alone. */
export interface ShownCertificate {
  /** Whom it speaks for; a node's speaks for nobody. */
  readonly caller?: Caller | undefined;
}

export interface TlsFront {
  serve(options: ServerOptions, handler: RequestListener): Server;
  /**
   * CERTIFICATE_REQUIRED, and what is wrong with the one that came; undefined for a request that
   * did not come by TLS.
   */
  check(request: IncomingMessage): Promise<ShownCertificate | undefined>;
  close(): void;
}

export interface TlsFrontNeeds {
  readonly trust: CertificateTrust;
  readonly clock: Clock;
  readonly log: Log;
}

interface Known {
  readonly generation: number;
  readonly proven: ProvenCertificate;
}

export async function createTlsFront(needs: TlsFrontNeeds): Promise<TlsFront> {
  const { trust, log } = needs;
  let identity = await trust.listener();
  const connections = createConnections(needs);
  const servers = new Set<Server>();
  const renewing = createMutex();
  const renew = (): Promise<void> =>
    renewing.run(async () => {
      identity = await trust.listener();
      servers.forEach((server) => server.setSecureContext(contextOf(identity)));
    });
  const stop = trust.subscribe(() => {
    renew().catch((error: unknown) => log.problem('certificate.not-shown', error));
    connections.lookAgain();
  });
  return {
    serve(options, handler) {
      const server = createServer({ ...options, ...clientsOnly, ...contextOf(identity) }, handler);
      // What fails before there is a channel gets no answer by it.
      server.removeAllListeners('tlsClientError');
      server.on('tlsClientError', (error, socket) => {
        log.event('tls.handshake-failed', { reason: error.message });
        socket.destroy();
      });
      servers.add(server);
      server.once('close', () => servers.delete(server));
      return server;
    },
    async check({ socket }) {
      return socket instanceof TLSSocket
        ? { caller: callerOf(await connections.prove(socket)) }
        : undefined;
    },
    close: () => stop(),
  };
}

const clientsOnly = {
  handshakeTimeout: handshakeTimeoutMs,
  ALPNProtocols: ['http/1.1'],
  requestCert: true,
  // The library would take any authority for any name: it is checked here, with its reason.
  rejectUnauthorized: false,
} as const;

interface Connections {
  /** Who is at the far end; looked up once, and again when something has changed. */
  prove(socket: TLSSocket): Promise<ProvenCertificate>;
  /** Ends those whose certificates count no more. */
  lookAgain(): void;
}

function createConnections({ trust, clock, log }: TlsFrontNeeds): Connections {
  let generation = 0;
  const known = new Map<TLSSocket, Known>();
  const prove = async (socket: TLSSocket): Promise<ProvenCertificate> => {
    const held = known.get(socket);
    if (held?.generation === generation && clock.now() < held.proven.notAfterMs) {
      return held.proven;
    }
    const asked = generation;
    const proven = await trust.verify(certificateOf(socket));
    const isNew = !known.has(socket) && !socket.destroyed;
    if (!socket.destroyed) {
      known.set(socket, { generation: asked, proven });
    }
    if (isNew) {
      watch(socket).catch(() => undefined); // it was closed
    }
    return proven;
  };
  const endUnlessGood = async (socket: TLSSocket): Promise<void> => {
    await prove(socket).catch((error: unknown) => {
      log.event('certificate.let-go', { reason: codeOf(error) });
      socket.destroy();
    });
  };
  /** Streams last: who holds one is looked at again when the certificate ends. */
  const watch = async (socket: TLSSocket): Promise<void> => {
    const gone = new AbortController();
    socket.once('close', () => {
      known.delete(socket);
      gone.abort();
    });
    while (!socket.destroyed) {
      const leftMs = (known.get(socket)?.proven.notAfterMs ?? 0) - clock.now();
      await clock.sleep(Math.max(1, Math.min(lookAgainMaxMs, leftMs)), gone.signal);
      await endUnlessGood(socket);
    }
  };
  return {
    prove,
    lookAgain() {
      generation += 1;
      for (const socket of known.keys()) {
        void endUnlessGood(socket);
      }
    },
  };
}

function contextOf({ certificate, privateKey, authorities }: ListenerIdentity) {
  const context: SecureContextOptions = {
    cert: certificate,
    key: privateKey,
    // Told to clients, who choose a certificate by it; nothing is believed because of it.
    ca: [...authorities],
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  };
  return context;
}

function certificateOf(socket: TLSSocket): Uint8Array {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new HansaError('CERTIFICATE_REQUIRED', 'this address is for clients with certificates');
  }
  return certificate.raw;
}

function callerOf(proven: ProvenCertificate): Caller | undefined {
  const { principal, serial, issuedMs, notAfterMs: expiresMs } = proven;
  return principal === undefined
    ? undefined
    : { kind: 'principal', principal, proof: `certificate:${serial}`, issuedMs, expiresMs };
}

function codeOf(error: unknown): string {
  return error instanceof HansaError ? error.code : 'INTERNAL';
}
