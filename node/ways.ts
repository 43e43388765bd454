// What comes in at a node's front goes to one of two: signals to the router's listener, everything
// else to the API.
import type { Socket } from 'node:net';
import type { Entrance, Way } from './front.ts';
import { refuse } from './front.ts';

/** How connections come to the API. */
export interface ApiWay {
  take(socket: Socket, entrance: Exclude<Entrance, 'signals'>): void;
  part(socket: Socket): void;
}

/** How sessions come to the router; see `SignalListener` of the sockets' driver. */
export interface SignalWay {
  take(socket: Socket): void;
  /** Ends the session that came on it; its client comes again, and meets another node. */
  part(socket: Socket): void;
}

/** Without a router whoever comes for signals is sent away. */
export function waysOf(api: ApiWay, signals: SignalWay | undefined): Way {
  const sessions = new WeakSet<Socket>();
  return {
    take(socket, entrance) {
      if (entrance !== 'signals') {
        api.take(socket, entrance);
      } else if (signals === undefined) {
        refuse(socket);
      } else {
        sessions.add(socket);
        signals.take(socket);
      }
    },
    part(socket) {
      if (sessions.has(socket)) {
        signals?.part(socket);
      } else {
        api.part(socket);
      }
    },
  };
}
