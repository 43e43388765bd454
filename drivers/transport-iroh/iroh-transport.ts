// QUIC by public key, through iroh. One endpoint per node, held strongly by this instance: the
// library ends every connection of an endpoint whose object is collected. Nothing of it reaches
// beyond the addresses it is given: no discovery, no relays but those that are named.
import {
  deadline,
  dialTimeoutMs,
  HansaError,
  invariant,
  isHansaError,
  nodeIdSchema,
  silentLog,
  type Clock,
  type Connection,
  type Log,
  type NodeAddress,
  type NodeId,
  type Transport,
} from '@hansa/foundation';
import {
  Endpoint,
  EndpointAddr,
  EndpointId,
  presetMinimal,
  RelayMode,
  type Connection as NativeConnection,
  type Incoming,
} from '@number0/iroh/index.js';
import { bindAddresses, dialTargets } from './addresses.ts';
import { IrohConnection } from './iroh-connection.ts';
import {
  nativeReason,
  saysAddressInUse,
  saysProtocolUnknown,
  withoutBacktraces,
} from './native-error.ts';

const closeTimeoutMs = 2_000; // a dead peer must not hold up a shutdown
// while a dial is under way the library waits for three seconds, whatever is given up; goodbyes to
// the peers that are there go out in a fraction of this
const closeWhileDiallingMs = 300;
const handshakesMax = 256; // at once; further ones are refused until some are done
const connectionsMax = 4_096; // accepted, of all peers together
const connectionsPerPeerMax = 64; // those of a peer that restarted stay for 30 s

type Handler = (connection: Connection) => Promise<void>;

export interface IrohNeeds {
  /** 32 bytes: the node's private key. */
  readonly seed: Uint8Array;
  /** Default host: loopback, of both families. Port 0 chooses free ones. */
  readonly bind: { readonly host?: string; readonly port: number };
  /** URLs; default: none. A peer is then also reached by its relay's URL as an address. */
  readonly relays?: readonly string[];
  readonly clock: Clock;
  readonly log?: Log;
}

/** PORT_TAKEN where another program has the port, CONFIG_INVALID where the host is not ours. */
export async function openIrohTransport(needs: IrohNeeds): Promise<Transport> {
  invariant(needs.seed.length === 32, 'a node key seed has 32 bytes');
  withoutBacktraces(process.env);
  const { host = '127.0.0.1', port } = needs.bind;
  try {
    const builder = Endpoint.builder();
    presetMinimal(builder);
    const relays = needs.relays ?? [];
    builder.relayMode(
      relays.length === 0 ? RelayMode.disabled() : RelayMode.customFromUrls([...relays]),
    );
    builder.secretKey([...needs.seed]);
    builder.alpns([]);
    for (const address of bindAddresses(host, port)) {
      builder.bindAddr(address);
    }
    return new IrohTransport(await builder.bind(), needs);
  } catch (error) {
    throw bindError(error, host, port);
  }
}

function bindError(error: unknown, host: string, port: number): HansaError {
  const reason = nativeReason(error);
  const facts = { host, port, reason };
  // The library's own text names places in its sources: people are shown its reason alone.
  const cause = new Error(reason);
  return saysAddressInUse(error)
    ? new HansaError('PORT_TAKEN', `another program listens on UDP port ${port}`, { cause, facts })
    : new HansaError('CONFIG_INVALID', `cannot listen on ${host}, port ${port}: ${reason}`, {
        cause,
        facts,
      });
}

class IrohTransport implements Transport {
  readonly node: NodeId;
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #handlers = new Map<string, Handler>();
  readonly #connections = new Set<IrohConnection>();
  #handshakes = 0;
  #dials = 0;
  #closing: Promise<void> | undefined;

  constructor(endpoint: Endpoint, needs: IrohNeeds) {
    this.#endpoint = endpoint;
    this.#clock = needs.clock;
    this.#log = needs.log ?? silentLog;
    this.node = nodeIdSchema.parse(endpoint.id().toString());
    this.#acceptAll().catch((error: unknown) => {
      this.#log.problem('transport.failed', error);
    });
  }

  addresses(): readonly string[] {
    const own = this.#endpoint.addr();
    const relay = own.relayUrl();
    return [...own.directAddresses(), ...(relay === null ? [] : [relay])];
  }

  accept(protocol: string, handler: Handler): void {
    invariant(!this.#handlers.has(protocol), `${protocol} has a handler already`);
    this.#handlers.set(protocol, handler);
    this.#endpoint.setAlpns([...this.#handlers.keys()].map(alpnOf));
  }

  async dial(to: NodeAddress, protocol: string, signal?: AbortSignal): Promise<Connection> {
    const slow = (): Error => new Error(`no answer within ${dialTimeoutMs} ms`);
    const limit = deadline(this.#clock, dialTimeoutMs, { reason: slow, signal });
    try {
      limit.signal.throwIfAborted();
      const native = await firstOf(this.#reach(to, protocol, limit.signal), limit.signal);
      return this.#hold(native, protocol, true);
    } catch (error) {
      throw dialError(to, protocol, error);
    } finally {
      limit.done();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const connection of this.#connections) {
      connection.close('the node is closing');
    }
    const ms = this.#dials > 0 ? closeWhileDiallingMs : closeTimeoutMs;
    const limit = deadline(this.#clock, ms, {
      reason: () => new Error('still closing'),
    });
    await firstOf(this.#endpoint.close(), limit.signal).catch((error: unknown) => {
      this.#log.event('transport.abandoned', { reason: nativeReason(error) });
    });
    limit.done();
  }

  async #reach(to: NodeAddress, protocol: string, signal: AbortSignal): Promise<NativeConnection> {
    const { sockets, relay } = await dialTargets(to.addresses);
    signal.throwIfAborted();
    if (sockets.length === 0 && relay === undefined) {
      throw new Error('no address of the peer is known');
    }
    const id = EndpointId.fromString(to.node);
    const address = new EndpointAddr(id, relay ?? null, [...sockets]);
    this.#dials += 1;
    const dialling = this.#endpoint.connect(address, alpnOf(protocol));
    const native = await dialling.finally(() => {
      this.#dials -= 1;
    });
    if (signal.aborted) {
      // The library cannot give up a dial, so it may still succeed when nobody waits any more.
      native.close(0n, []);
      signal.throwIfAborted();
    }
    return native;
  }

  async #acceptAll(): Promise<void> {
    for (;;) {
      const incoming = await this.#endpoint.acceptNext();
      if (incoming === null) {
        return;
      }
      if (this.#handshakes >= handshakesMax) {
        incoming.refuse().catch(() => undefined);
      } else {
        this.#handshakes += 1;
        this.#greet(incoming)
          .catch((error: unknown) => {
            this.#log.event('connection.refused', { reason: nativeReason(error) });
          })
          .finally(() => {
            this.#handshakes -= 1;
          });
      }
    }
  }

  async #greet(incoming: Incoming): Promise<void> {
    const native = await (await incoming.accept()).connect();
    const protocol = new TextDecoder().decode(Uint8Array.from(native.alpn()));
    const handler = this.#handlers.get(protocol);
    const remote = native.remoteId().toString();
    const theirs = [...this.#connections].filter((one) => one.remote === remote && !one.dialled);
    if (
      handler === undefined ||
      this.#closing !== undefined ||
      this.#connections.size >= connectionsMax ||
      theirs.length >= connectionsPerPeerMax
    ) {
      native.close(0n, []);
      throw new Error('this node takes no more connections');
    }
    this.#serve(handler, this.#hold(native, protocol, false));
  }

  #serve(handler: Handler, connection: IrohConnection): void {
    Promise.resolve(connection)
      .then(handler)
      .catch((error: unknown) => {
        const { remote, protocol } = connection;
        this.#log.problem('connection.failed', error, { remote, protocol });
        connection.close('the handler failed');
      });
  }

  #hold(native: NativeConnection, protocol: string, dialled: boolean): IrohConnection {
    const remote = nodeIdSchema.parse(native.remoteId().toString());
    const connection = new IrohConnection({ native, remote, protocol, dialled });
    this.#connections.add(connection);
    connection.closed.then(
      () => this.#connections.delete(connection),
      () => undefined,
    );
    return connection;
  }
}

function alpnOf(protocol: string): number[] {
  return [...new TextEncoder().encode(protocol)];
}

function dialError(to: NodeAddress, protocol: string, cause: unknown): HansaError {
  if (saysProtocolUnknown(cause)) {
    return new HansaError('PROTOCOL_MISMATCH', `the peer does not serve ${protocol}`, {
      cause,
      facts: { node: to.node, protocol },
    });
  }
  const reason = isHansaError(cause) ? cause.message : nativeReason(cause);
  return new HansaError('DIAL_FAILED', `no connection to ${to.node}: ${reason}`, {
    cause,
    facts: { node: to.node, protocol, addresses: to.addresses.join(' '), reason },
  });
}

/** The work's outcome, or the signal's reason where that comes first; the work goes on unheard. */
function firstOf<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
