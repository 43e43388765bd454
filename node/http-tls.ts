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

export async function createTlsFront({ trust, clock, log }: TlsFrontNeeds): Promise<TlsFront> {
  let identity = await trust.listener();
  let generation = 0;
  const servers = new Set<Server>();
  const known = new Map<TLSSocket, Known>();
  const renewing = createMutex();
  const prove = async (socket: TLSSocket): Promise<ProvenCertificate> => {
    const held = known.get(socket);
    if (held?.generation === generation && clock.now() < held.proven.notAfterMs) {
      return held.proven;
    }
    const asked = generation;
    const proven = await trust.verify(certificateOf(socket));
    if (!known.has(socket) && !socket.destroyed) {
      watch(socket);
    }
    known.set(socket, { generation: asked, proven });
    return proven;
  };
  const endUnlessGood = (socket: TLSSocket): Promise<void> =>
    prove(socket).then(
      () => undefined,
      (error: unknown) => {
        log.event('certificate.let-go', { reason: codeOf(error) });
        socket.destroy();
      },
    );
  /** Streams last: who holds one is looked at again when the certificate ends. */
  const watch = (socket: TLSSocket): void => {
    const gone = new AbortController();
    socket.once('close', () => {
      known.delete(socket);
      gone.abort();
    });
    void (async () => {
      while (!socket.destroyed) {
        const leftMs = (known.get(socket)?.proven.notAfterMs ?? 0) - clock.now();
        await clock.sleep(Math.max(1, Math.min(lookAgainMaxMs, leftMs)), gone.signal);
        await endUnlessGood(socket);
      }
    })().catch(() => undefined);
  };
  const renew = (): Promise<void> =>
    renewing.run(async () => {
      identity = await trust.listener();
      servers.forEach((server) => server.setSecureContext(contextOf(identity)));
    });
  const stop = trust.subscribe(() => {
    generation += 1;
    renew().catch((error: unknown) => log.problem('certificate.not-shown', error));
    [...known.keys()].forEach((socket) => void endUnlessGood(socket));
  });
  return {
    serve(options, handler) {
      const server = createServer(
        {
          ...options,
          ...contextOf(identity),
          handshakeTimeout: handshakeTimeoutMs,
          ALPNProtocols: ['http/1.1'],
          requestCert: true,
          // The library would take any authority for any name: it is checked, with its reason, here.
          rejectUnauthorized: false,
        },
        handler,
      );
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
    async check(request) {
      const { socket } = request;
      if (!(socket instanceof TLSSocket)) {
        return undefined;
      }
      return { caller: callerOf(await prove(socket)) };
    },
    close: () => stop(),
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

function callerOf({ principal, serial, notAfterMs }: ProvenCertificate): Caller | undefined {
  return principal === undefined
    ? undefined
    : { kind: 'principal', principal, proof: `certificate:${serial}`, expiresMs: notAfterMs };
}

function codeOf(error: unknown): string {
  return error instanceof HansaError ? error.code : 'INTERNAL';
}
