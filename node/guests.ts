// What other nodes of the cluster come to this one for: copies of blobs, a look at whether it
// lives, and while it is active, whatever their own callers have asked.
import type { Socket } from 'node:net';
import type { NodeId } from '@hansa/foundation';
import type { Guest } from '@hansa/plane-tls';
import type { Entrance, Front, Way } from './front.ts';
import { takenInByte } from './passing-on.ts';
import type { Replicas } from './replicas.ts';

export interface Guests {
  /** None while this node starts: others know its port from an earlier time, and may be early. */
  replicas: Pick<Replicas, 'serve'> | undefined;
  /** How what they pass on comes in; none while this node is not active. */
  way: Way | undefined;
  readonly sockets: Map<NodeId, Set<Socket>>;
}

/** What another node comes for, its first line says. */
export function receive(guest: Guest, guests: Guests): void {
  const [word, from] = guest.words;
  const { node, socket } = guest;
  if (word === 'blobs' && guests.replicas !== undefined) {
    guests.replicas.serve(guest);
  } else if (word === 'watch') {
    socket.resume(); // it lasts as long as this process
  } else if (word === 'leaving') {
    guests.sockets.get(node)?.forEach((each) => guests.way?.part(each));
    socket.destroy();
  } else if (isEntrance(word) && guests.way !== undefined) {
    const held = guests.sockets.get(node) ?? new Set();
    guests.sockets.set(node, held.add(socket));
    socket.once('close', () => held.delete(socket));
    // Limits count by where a request comes from, and not by who has passed it on.
    Object.defineProperty(socket, 'remoteAddress', { value: from === '-' ? undefined : from });
    socket.write(Uint8Array.of(takenInByte));
    guests.way.take(socket, word);
  } else {
    socket.destroy();
  }
}

function isEntrance(word: string | undefined): word is Entrance {
  return word === 'api' || word === 'socket' || word === 'signals';
}

/** While this node is active, what other nodes pass on comes in like what comes to the front. */
export function guestsToo(front: Front, guests: Guests): Front {
  return {
    ...front,
    turn(way) {
      front.turn(way);
      guests.way = way;
    },
  };
}
