// The living half of links: connections to peers, at most one kept per peer, each carrying three
// wire sessions. Which of two connections survives is decided the same way on both sides.
import {
  createWireSession,
  deadline,
  HansaError,
  isHansaError,
  spokenBy,
  toHex,
  type AnyContract,
  type Carrier,
  type Clock,
  type ClusterId,
  type Codec,
  type Connection,
  type Edge,
  type FrameStream,
  type Log,
  type NodeAddress,
  type Random,
  type Traffic,
  type Transport,
} from '@hansa/foundation';
import type { PeerIdentity, Signer } from '../identity/contract.ts';
import type { TrustLevels } from '../trust/contract.ts';
import { greetAsDialler, greetAsListener, type Handshaken, type LinkStreams } from './handshake.ts';
import { createMeter, metered } from './planes-meter.ts';
import type { PlaneRoad, Planes } from './planes.ts';
import { type Hello, linkProtocol, type PlaneTraffic, spokenIn } from './wire.ts';

export const handshakeTimeoutMs = 10_000; // a stranger may not hold a half-open door for longer
// lets a refusal reach the peer before the connection goes
const refusalLingerMs = 200;
export const strangersMax = 64; // unlinked clusters that are connected at the same time
// handshakes under way with whoever dialled us: an honest one takes a few round trips
export const greetingsMax = 128;

export interface PeerSession {
  readonly identity: PeerIdentity;
  readonly hello: Hello;
  readonly dialled: boolean;
  readonly openedMs: number;
  /** Our first nonce, as told in our hello. */
  readonly nonce: Uint8Array;
  /** Chooses the stream by the contract's traffic class, and for state and bulk the plane. */
  readonly carrier: Carrier;
  readonly roads?: Readonly<Record<PlaneTraffic, PlaneRoad>> | undefined;
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
  readonly trust: Pick<TrustLevels, 'level'>;
  /** Absent where there is one road only. */
  readonly planes?: Planes | undefined;
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

/** The connections of one process, until it ends. */
interface Living extends SessionsNeeds {
  /** In the order in which they were adopted. */
  readonly current: Map<ClusterId, PeerSession>;
  /** Who dialled us and has not yet proven who it is, the oldest first. */
  readonly greetings: Set<Connection>;
  readonly instance: Uint8Array;
  readonly lifetime: AbortController;
}

export function createSessions(needs: SessionsNeeds): Sessions {
  const { transport, random, log } = needs;
  const current = new Map<ClusterId, PeerSession>();
  const lifetime = new AbortController();
  const greetings = new Set<Connection>();
  const living: Living = { ...needs, current, greetings, lifetime, instance: random.bytes(32) };
  return {
    find: (cluster) => current.get(cluster),
    async dial(to, expected, signal) {
      admit(needs, expected);
      const connection = await transport.dial(to, linkProtocol, signal);
      const session = await greet(living, connection).catch((error: unknown) => {
        // A peer that keeps the connection it has may close this one before its hello is read.
        const kept = current.get(expected);
        if (kept !== undefined && isHansaError(error, 'CONNECTION_CLOSED')) {
          return kept;
        }
        throw error;
      });
      const { cluster } = session.identity;
      if (session === current.get(expected)) {
        return session;
      }
      if (cluster !== expected) {
        session.close('not the expected cluster');
        throw new HansaError(
          'LINK_TOKEN_WRONG_CLUSTER',
          `cluster ${cluster.slice(0, 8)}… answers there, not ${expected.slice(0, 8)}…`,
        );
      }
      return adopt(living, session);
    },
    listen() {
      transport.accept(linkProtocol, async (connection) => {
        try {
          const session = adopt(living, await greetArrival(living, connection));
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

/**
 * Where too many hold the door at once, the one who has held it longest goes: somebody honest is
 * through in no time, and must not find it blocked by those who never meant to enter.
 */
async function greetArrival(living: Living, connection: Connection): Promise<PeerSession> {
  const { greetings } = living;
  const [oldest] = greetings;
  if (oldest !== undefined && greetings.size >= greetingsMax) {
    greetings.delete(oldest);
    oldest.close('too many handshakes at once');
  }
  greetings.add(connection);
  try {
    return await greet(living, connection);
  } finally {
    greetings.delete(connection);
  }
}

/** Who is at the other end, found out within the time that a stranger has. */
async function greet(living: Living, connection: Connection): Promise<PeerSession> {
  const { clock, random, instance, lifetime } = living;
  const nonce = random.bytes(32);
  const limit = deadline(clock, handshakeTimeoutMs, {
    reason: () => new HansaError('TIMED_OUT', 'the handshake took too long'),
    signal: lifetime.signal,
  });
  const giveUp = (): void => connection.close('handshake too slow');
  limit.signal.addEventListener('abort', giveUp);
  try {
    const greeting = connection.dialled ? greetAsDialler : greetAsListener;
    const { codec, signer } = living;
    const door = { codec, signer, admit: (cluster: ClusterId) => admit(living, cluster) };
    const contracts = spokenBy(living.edge.contracts);
    const done = await greeting(door, connection, { instance, nonce, contracts });
    return openSession(living, { connection, done, nonce });
  } catch (error) {
    const close = (): void => connection.close('handshake failed');
    void clock.sleep(refusalLingerMs, lifetime.signal).then(close, close);
    throw error;
  } finally {
    // The limit's signal lives as long as the node: what it held would never be freed.
    limit.signal.removeEventListener('abort', giveUp);
    limit.done();
  }
}

/** Makes the session the one that is kept with its cluster, unless a better one is there. */
function adopt(living: Living, session: PeerSession): PeerSession {
  const { current, signer } = living;
  const { cluster } = session.identity;
  if (living.trust.level(cluster) === 'blocked') {
    session.close('the cluster is blocked here'); // since it came through the door
    admit(living, cluster);
  }
  const before = current.get(cluster);
  if (before !== undefined && keepsOld(signer.cluster, before, session)) {
    session.close('another connection to the same peer is kept');
    return before;
  }
  if (before === undefined && !living.isLinked(cluster)) {
    makeRoomForStranger(living);
  }
  // Deleted first: the map's order is the order of arrival.
  current.delete(cluster);
  current.set(cluster, session);
  before?.close('replaced by a newer connection');
  void session.closed.then(({ reason }) => {
    if (current.get(cluster) === session) {
      current.delete(cluster);
      living.ended(session, reason);
    }
  });
  living.opened(session);
  return session;
}

/** Who is blocked is told no more than that: neither why, nor what is here. */
function admit({ trust }: Pick<SessionsNeeds, 'trust'>, cluster: ClusterId): void {
  if (trust.level(cluster) === 'blocked') {
    const name = `${cluster.slice(0, 8)}…`;
    throw new HansaError('CLUSTER_BLOCKED', `cluster ${name} is blocked`, {
      fix: 'where you are that cluster: ask the operator; else: hansa trust unblock <peer>',
    });
  }
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

// A key costs nothing, so sixty-four strangers may be one: they must not keep the door shut for
// whoever comes with a token. Redeeming it takes moments, so the one that has been here longest
// goes.
function makeRoomForStranger({ current, isLinked }: Living): void {
  const strangers = [...current.values()].filter(({ identity }) => !isLinked(identity.cluster));
  const [oldest] = strangers;
  if (oldest !== undefined && strangers.length >= strangersMax) {
    current.delete(oldest.identity.cluster);
    oldest.close('too many strangers');
  }
}

function openSession(
  living: Living,
  given: {
    readonly connection: Connection;
    readonly done: Handshaken;
    readonly nonce: Uint8Array;
  },
): PeerSession {
  const { connection, done, nonce } = given;
  const meters = { state: createMeter(living.clock), bulk: createMeter(living.clock) };
  const measured = (traffic: PlaneTraffic): FrameStream =>
    metered(done.streams[traffic], { clock: living.clock, meters: [meters[traffic]] });
  const streams = { ...done.streams, state: measured('state'), bulk: measured('bulk') };
  const own = startWire(living, connection, { ...done, streams });
  const join = (planes: Planes, traffic: PlaneTraffic): PlaneRoad =>
    planes.join({
      peer: done.identity.cluster,
      node: done.identity.node,
      traffic,
      spoken: spokenIn(done.hello),
      control: own.control,
      own: own[traffic],
      meter: meters[traffic],
      closed: connection.closed,
    });
  const { planes } = living;
  const roads =
    planes === undefined ? undefined : { state: join(planes, 'state'), bulk: join(planes, 'bulk') };
  const carriers = {
    ...own,
    ...(roads === undefined ? {} : { state: roads.state.carrier, bulk: roads.bulk.carrier }),
  };
  const carrierFor = (contract: AnyContract): Carrier => carriers[contract.traffic ?? 'state'];
  return {
    identity: done.identity,
    hello: done.hello,
    dialled: connection.dialled,
    openedMs: living.clock.monotonicMs(),
    nonce,
    carrier: {
      call: (contract, ...rest) => carrierFor(contract).call(contract, ...rest),
      watch: (contract, ...rest) => carrierFor(contract).watch(contract, ...rest),
    },
    roads,
    closed: connection.closed,
    close: (reason) => connection.close(reason),
  };
}

function startWire(
  living: Living,
  connection: Connection,
  done: Handshaken,
): Readonly<Record<Traffic, Carrier>> {
  const { cluster, node } = done.identity;
  const start = (traffic: keyof LinkStreams): Carrier => {
    const session = createWireSession({
      stream: done.streams[traffic],
      codec: living.codec,
      clock: living.clock,
      edge: living.edge,
      credential: { proven: { kind: 'cluster', cluster, node }, source: cluster },
      spoken: spokenIn(done.hello),
    });
    // One broken stream ends the connection: half a link would only look alive.
    void session.run(living.lifetime.signal).then(
      () => connection.close(`the ${traffic} stream ended`),
      (error: unknown) => {
        living.log.event('link.stream-broke', { cluster, traffic, reason: String(error) });
        connection.close(`the ${traffic} stream broke`);
      },
    );
    return session.carrier;
  };
  return { control: start('control'), state: start('state'), bulk: start('bulk') };
}
