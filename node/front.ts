// Where people and programs reach this node, whatever it does at the moment: what arrives is
// answered here while the node is active, passed on to the active node while it stands by, and kept
// waiting for the moment between the two. It listens from the first moment to the last.
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '@hansa/foundation';
import { httpLimits } from './http-limits.ts';
import { listenTcp, listenUnix, type ListenAddress } from './http-listen.ts';

/**
 * The API's address; its unix socket, where what comes is of this machine's user; or where sessions
 * of signals come in.
 */
export type Entrance = 'api' | 'socket' | 'signals';

/** Where what arrives goes to. */
export interface Way {
  take(socket: Socket, entrance: Entrance): void;
  /** The next answer on the connection is its last: whoever asks then asks elsewhere. */
  part(socket: Socket): void;
}

export interface Front {
  readonly address: ListenAddress;
  /** Undefined where this node listens for no signals. */
  readonly signals: ListenAddress | undefined;
  /** Undefined: whoever comes waits, until there is a way again. */
  turn(way: Way | undefined): void;
  /**
   * Sends somebody the present way, a moment later, who could not go the way there was: whoever is
   * to answer may not be ready yet, or not be known yet.
   */
  again(socket: Socket, entrance: Entrance): void;
  /** Takes nobody in any more; who waits still is sent away. */
  shut(): Promise<void>;
}

export function urlOf({ tls }: { readonly tls: boolean }, { host, port }: ListenAddress): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export const heldMs = 15_000; // the longest that nobody is active: an election, and a start
const againMs = 100; // a start takes a second
export const heldMax = 512; // connections that wait; the next is told to come again
// A site's sessions come again all at once, after a takeover: more than one machine plays for.
export const signalsHeldMax = 1_024;
const signalConnectionsMax = 8_192; // as a listener for signals alone: above a router's sessions

interface Held {
  readonly socket: Socket;
  readonly entrance: Entrance;
}

interface Waiting {
  add(guest: Held): void;
  /** All that wait; then nobody does. */
  take(): readonly Held[];
}

function createWaiting(clock: Clock): Waiting {
  const held = new Set<Held>();
  let signals = 0;
  return {
    add(guest) {
      const isSignals = guest.entrance === 'signals';
      if (isSignals ? signals >= signalsHeldMax : held.size - signals >= heldMax) {
        refuse(guest.socket);
        return;
      }
      held.add(guest);
      signals += isSignals ? 1 : 0;
      const leave = (): boolean => {
        const was = held.delete(guest);
        signals -= was && isSignals ? 1 : 0;
        return was;
      };
      const { signal, done } = lapse(guest.socket);
      clock.sleep(heldMs, signal).then(
        () => {
          if (leave()) {
            refuse(guest.socket);
          }
        },
        () => void leave(),
      );
      guest.socket.once('close', done);
    },
    take() {
      const all = [...held];
      held.clear();
      signals = 0;
      return all;
    },
  };
}

/** PORT_TAKEN where another program listens there. */
export async function openFront(needs: {
  readonly listen: ListenAddress;
  readonly socketPath?: string | undefined;
  /** Absent: no signals. */
  readonly signals?: ListenAddress | undefined;
  readonly clock: Clock;
}): Promise<Front> {
  const waiting = createWaiting(needs.clock);
  let way: Way | undefined;
  const send = (socket: Socket, entrance: Entrance): void => {
    if (way === undefined) {
      waiting.add({ socket, entrance });
    } else {
      way.take(socket, entrance);
    }
  };
  const arrivedMs = new WeakMap<Socket, number>();
  const take =
    (entrance: Entrance) =>
    (socket: Socket): void => {
      socket.on('error', () => undefined); // whoever it goes to sees that it is closed
      arrivedMs.set(socket, needs.clock.monotonicMs());
      send(socket, entrance);
    };
  const servers: Server[] = [];
  const listener = (entrance: Entrance): Server => {
    const server = createServer({ pauseOnConnect: true }, take(entrance));
    server.maxConnections =
      entrance === 'signals' ? signalConnectionsMax : httpLimits.connectionsMax;
    servers.push(server);
    return server;
  };
  const shut = async (): Promise<void> => {
    const closed = servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    waiting.take().forEach(({ socket }) => refuse(socket));
    await Promise.race([Promise.all(closed), needs.clock.sleep(0)]);
  };
  try {
    const address = await listenTcp(listener('api'), needs.listen);
    if (needs.socketPath !== undefined) {
      await listenUnix(listener('socket'), needs.socketPath);
    }
    const signals = needs.signals && (await listenTcp(listener('signals'), needs.signals));
    return {
      address,
      signals,
      turn(next) {
        way = next;
        if (next !== undefined) {
          waiting.take().forEach(({ socket, entrance }) => next.take(socket, entrance));
        }
      },
      again(socket, entrance) {
        const waitedMs = needs.clock.monotonicMs() - (arrivedMs.get(socket) ?? 0);
        if (waitedMs > heldMs) {
          refuse(socket);
          return;
        }
        void needs.clock.sleep(againMs).then(() => send(socket, entrance));
      },
      shut,
    };
  } catch (error) {
    await shut();
    throw error;
  }
}

function lapse(socket: Socket): { readonly signal: AbortSignal; done(): void } {
  const over = new AbortController();
  if (socket.destroyed) {
    over.abort();
  }
  return { signal: over.signal, done: () => over.abort() };
}

const refusedMs = 1_000; // for the answer to arrive

/** Written before a word was read, so that whoever speaks HTTP in plain learns why. */
export function refuse(socket: Socket): void {
  const body = JSON.stringify({
    code: 'NODE_UNAVAILABLE',
    message: 'no node of the cluster is active at the moment',
  });
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'retry-after: 1',
    'connection: close',
  ];
  // What it sends meanwhile is read and dropped: closed over unread bytes, the answer would be
  // lost.
  socket.resume();
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), refusedMs).unref();
}
