// The living half of links: connections to peers, at most one kept per peer, each carrying three
// wire sessions. Which of two connections survives is decided the same way on both sides.
import {
  createWireSession,
  deadline,
  HansaError,
  type Carrier,
  type Clock,
  type ClusterId,
  type Codec,
  type Connection,
  type Edge,
  type Log,
  type NodeAddress,
  type Random,
  type Traffic,
  type Transport,
  toHex,
} from '@hansa/foundation';
import type { PeerIdentity, Signer } from '../identity/contract.ts';
import { greetAsDialler, greetAsListener, type Handshaken, type LinkStreams } from './handshake.ts';
import { linkProtocol, type Hello } from './wire.ts';

export const handshakeTimeoutMs = 10_000; // a stranger may not hold a half-open door for longer
export const strangersMax = 64; // unlinked clusters that are connected at the same time

export interface PeerSession {
  readonly identity: PeerIdentity;
  readonly hello: Hello;
  readonly dialled: boolean;
  readonly openedMs: number;
  /** Our first nonce, as told in our hello. */
  readonly nonce: Uint8Array;
  /** Chooses the stream by the contract's traffic class. */
  readonly carrier: Carrier;
  readonly closed: Promise<{ reason: string }>;
  close(reason: string): void;
}

export interface SessionsNeeds {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  /** What peers may call. */
  readonly edge: Edge;
  isLinked(cluster: ClusterId): boolean;
  opened(session: PeerSession): void;
  ended(session: PeerSession, reason: string): void;
}

export interface Sessions {
  find(cluster: ClusterId): PeerSession | undefined;
  /** Dials and greets; where a better connection is there already, answers with that one. */
  dial(to: NodeAddress, expected: ClusterId, signal: AbortSignal): Promise<PeerSession>;
  listen(): void;
  closeAll(reason: string): void;
}

export function createSessions(needs: SessionsNeeds): Sessions {
  const { transport, clock, random, signer, log } = needs;
  const current = new Map<ClusterId, PeerSession>();
  const instance = random.bytes(32);
  const lifetime = new AbortController();

  const greet = async (connection: Connection): Promise<PeerSession> => {
    const nonce = random.bytes(32);
    const limit = deadline(clock, handshakeTimeoutMs, {
      reason: () => new HansaError('TIMED_OUT', 'the handshake took too long'),
      signal: lifetime.signal,
    });
    limit.signal.addEventListener('abort', () => connection.close('handshake too slow'));
    try {
      const greeting = connection.dialled ? greetAsDialler : greetAsListener;
      const done = await greeting(needs, connection, { instance, nonce });
      return openSession(needs, { connection, done, nonce, signal: lifetime.signal });
    } catch (error) {
      // Lets the refusal reach the peer before the connection goes.
      void clock.sleep(200, lifetime.signal).then(
        () => connection.close('handshake failed'),
        () => connection.close('handshake failed'),
      );
      throw error;
    } finally {
      limit.done();
    }
  };

  const adopt = (session: PeerSession): PeerSession => {
    const { cluster } = session.identity;
    const before = current.get(cluster);
    if (before !== undefined && keepsOld(signer.cluster, before, session)) {
      session.close('another connection to the same peer is kept');
      return before;
    }
    if (!needs.isLinked(cluster) && strangers(current, needs) >= strangersMax) {
      session.close('too many strangers');
      throw new HansaError('RATE_LIMITED', 'too many unlinked clusters are connected');
    }
    current.set(cluster, session);
    before?.close('replaced by a newer connection');
    void session.closed.then(({ reason }) => {
      if (current.get(cluster) === session) {
        current.delete(cluster);
        needs.ended(session, reason);
      }
    });
    needs.opened(session);
    return session;
  };

  return {
    find: (cluster) => current.get(cluster),
    async dial(to, expected, signal) {
      const connection = await transport.dial(to, linkProtocol, signal);
      const session = await greet(connection);
      if (session.identity.cluster !== expected) {
        session.close('not the expected cluster');
        throw new HansaError(
          'LINK_TOKEN_WRONG_CLUSTER',
          `cluster ${session.identity.cluster.slice(0, 8)}… answers there, ` +
            `not ${expected.slice(0, 8)}…`,
        );
      }
      return adopt(session);
    },
    listen() {
      transport.accept(linkProtocol, async (connection) => {
        try {
          const session = adopt(await greet(connection));
          await session.closed;
        } catch (error) {
          log.problem('link.refused', error, { node: connection.remote });
        }
      });
    },
    closeAll(reason) {
      lifetime.abort(new HansaError('SHUTTING_DOWN', reason));
      for (const session of current.values()) {
        session.close(reason);
      }
    },
  };
}

// A peer that restarted has a new instance: its old connection is dead whatever the transport
// believes. A second connection of the same direction is likewise a redial. Where both sides
// dialled at once, the one dialled by the smaller id stays, on both sides.
function keepsOld(us: ClusterId, before: PeerSession, session: PeerSession): boolean {
  const restarted = toHex(before.hello.instance) !== toHex(session.hello.instance);
  if (restarted || before.dialled === session.dialled) {
    return false;
  }
  const diallerOfOld = before.dialled ? us : before.identity.cluster;
  const diallerOfNew = session.dialled ? us : session.identity.cluster;
  return diallerOfOld < diallerOfNew;
}

function strangers(
  current: ReadonlyMap<ClusterId, PeerSession>,
  needs: Pick<SessionsNeeds, 'isLinked'>,
): number {
  let count = 0;
  for (const cluster of current.keys()) {
    count += needs.isLinked(cluster) ? 0 : 1;
  }
  return count;
}

function openSession(
  needs: SessionsNeeds,
  given: {
    readonly connection: Connection;
    readonly done: Handshaken;
    readonly nonce: Uint8Array;
    readonly signal: AbortSignal;
  },
): PeerSession {
  const { connection, done, nonce, signal } = given;
  const carriers = startWire(needs, { connection, done, signal });
  return {
    identity: done.identity,
    hello: done.hello,
    dialled: connection.dialled,
    openedMs: needs.clock.monotonicMs(),
    nonce,
    carrier: {
      call: (contract, method, input, call) =>
        carriers[contract.traffic ?? 'state'].call(contract, method, input, call),
      watch: (contract, method, input, call) =>
        carriers[contract.traffic ?? 'state'].watch(contract, method, input, call),
    },
    closed: connection.closed,
    close: (reason) => connection.close(reason),
  };
}

function startWire(
  needs: SessionsNeeds,
  given: {
    readonly connection: Connection;
    readonly done: Handshaken;
    readonly signal: AbortSignal;
  },
): Readonly<Record<Traffic, Carrier>> {
  const { connection, done, signal } = given;
  const { cluster, node } = done.identity;
  const start = (traffic: keyof LinkStreams): Carrier => {
    const session = createWireSession({
      stream: done.streams[traffic],
      codec: needs.codec,
      clock: needs.clock,
      edge: needs.edge,
      credential: { proven: { kind: 'cluster', cluster, node }, source: cluster },
    });
    // One broken stream ends the connection: half a link would only look alive.
    void session.run(signal).then(
      () => connection.close(`the ${traffic} stream ended`),
      (error: unknown) => {
        needs.log.event('link.stream-broke', { cluster, traffic, reason: String(error) });
        connection.close(`the ${traffic} stream broke`);
      },
    );
    return session.carrier;
  };
  return { control: start('control'), state: start('state'), bulk: start('bulk') };
}
