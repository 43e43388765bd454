// One node's place in the memory network: it listens, dials, and hands connections to their
// handlers.
import {
  deadline,
  dialTimeoutMs,
  HansaError,
  invariant,
  isHansaError,
  type Clock,
  type Connection,
  type Log,
  type NodeAddress,
  type NodeId,
  type Transport,
} from '@hansa/foundation';
import { MemoryConnection } from './memory-connection.ts';
import type { Path } from './path.ts';

/** What a node may ask of the network it is in. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  path(from: NodeId, to: NodeId): Path;
  at(address: string): MemoryTransport | undefined;
  /** Frees the address of a node that closed. */
  leave(transport: MemoryTransport): void;
}

type Handler = (connection: Connection) => Promise<void>;

export class MemoryTransport implements Transport {
  readonly node: NodeId;
  readonly address: string;
  readonly #around: Surroundings;
  readonly #handlers = new Map<string, Handler>();
  readonly #connections = new Set<MemoryConnection>();
  #over = false;

  constructor(needs: { node: NodeId; address: string; surroundings: Surroundings }) {
    const holder = needs.surroundings.at(needs.address);
    if (holder !== undefined) {
      throw new HansaError('PORT_TAKEN', `another node listens on ${needs.address}`, {
        facts: { address: needs.address },
      });
    }
    this.node = needs.node;
    this.address = needs.address;
    this.#around = needs.surroundings;
  }

  addresses(): readonly string[] {
    return [this.address];
  }

  async dial(to: NodeAddress, protocol: string, signal?: AbortSignal): Promise<Connection> {
    const slow = (): Error => new Error(`no answer within ${dialTimeoutMs} ms`);
    const limit = deadline(this.#around.clock, dialTimeoutMs, { reason: slow, signal });
    try {
      limit.signal.throwIfAborted();
      return await this.#reach(to, protocol, limit.signal);
    } catch (error) {
      throw isHansaError(error, 'PROTOCOL_MISMATCH') ? error : dialFailed(to, protocol, error);
    } finally {
      limit.done();
    }
  }

  accept(protocol: string, handler: Handler): void {
    invariant(!this.#handlers.has(protocol), `${protocol} has a handler already`);
    this.#handlers.set(protocol, handler);
  }

  async close(): Promise<void> {
    this.#over = true;
    this.#around.leave(this);
    for (const connection of this.#connections) {
      connection.close('the node is closing');
    }
  }

  /** Ends without a word, as a killed process does. */
  vanish(): void {
    this.#over = true;
    this.#around.leave(this);
    for (const connection of this.#connections) {
      connection.end('this node crashed');
    }
  }

  lose(remote: NodeId): void {
    for (const connection of [...this.#connections].filter((one) => one.remote === remote)) {
      connection.lose();
    }
  }

  serves(protocol: string): boolean {
    return this.#handlers.has(protocol);
  }

  listenAll(): void {
    for (const connection of this.#connections) {
      connection.listen();
    }
  }

  /** Whoever is at the peer's addresses: the peer itself where it is among them. */
  #find(to: NodeAddress): MemoryTransport | undefined {
    if (this.#over || to.node === this.node || to.addresses.length === 0) {
      throw new Error('this node is closed, or the peer is itself or without an address');
    }
    const found = to.addresses.flatMap((address) => this.#around.at(address) ?? []);
    return found.find((one) => one.node === to.node) ?? found[0];
  }

  async #reach(to: NodeAddress, protocol: string, signal: AbortSignal): Promise<Connection> {
    const peer = this.#find(to);
    if (peer === undefined) {
      return untilAborted(signal);
    }
    const there = this.#around.path(this.node, peer.node);
    const back = this.#around.path(peer.node, this.node);
    await there.arrive(there.arrivalMs(0), signal);
    if (peer.#over || this.#over) {
      return untilAborted(signal);
    }
    const near =
      peer.node === to.node && !there.happens(there.traits.dialFailProbability)
        ? peer.#greet(this, protocol)
        : undefined;
    try {
      await back.arrive(back.arrivalMs(0), signal);
    } catch (error) {
      near?.close('the dial was given up');
      throw error;
    }
    if (near === undefined) {
      throw refusal(peer, to, protocol);
    }
    return near;
  }

  /** Both ends of a new connection from that node, or nothing where the protocol is not served. */
  #greet(from: MemoryTransport, protocol: string): MemoryConnection | undefined {
    const handler = this.#handlers.get(protocol);
    if (handler === undefined) {
      return undefined;
    }
    const far = this.#end(from.node, protocol, false);
    const near = from.#end(this.node, protocol, true);
    MemoryConnection.pair(near, far);
    this.#serve(handler, far);
    return near;
  }

  #end(remote: NodeId, protocol: string, dialled: boolean): MemoryConnection {
    const connection = new MemoryConnection({
      clock: this.#around.clock,
      remote,
      protocol,
      dialled,
      outgoing: this.#around.path(this.node, remote),
      incoming: this.#around.path(remote, this.node),
    });
    this.#connections.add(connection);
    connection.closed.then(
      () => this.#connections.delete(connection),
      () => undefined,
    );
    return connection;
  }

  #serve(handler: Handler, connection: MemoryConnection): void {
    Promise.resolve(connection)
      .then(handler)
      .catch((error: unknown) => {
        const { remote, protocol } = connection;
        this.#around.log.problem('connection.failed', error, { remote, protocol });
        connection.close('the handler failed');
      });
  }
}

function refusal(peer: MemoryTransport, to: NodeAddress, protocol: string): Error {
  if (peer.node !== to.node) {
    return new Error(`another node answers at ${peer.address}`);
  }
  return peer.serves(protocol)
    ? new Error('the peer turned the dial away')
    : new HansaError('PROTOCOL_MISMATCH', `the peer does not serve ${protocol}`, {
        facts: { node: to.node, protocol },
      });
}

function dialFailed(to: NodeAddress, protocol: string, cause: unknown): HansaError {
  const reason = cause instanceof Error ? cause.message : 'given up';
  return new HansaError('DIAL_FAILED', `no connection to ${to.node}: ${reason}`, {
    cause,
    facts: { node: to.node, protocol, addresses: to.addresses.join(' '), reason },
  });
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
