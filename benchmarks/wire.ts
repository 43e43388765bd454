// What the load of signals needs of a protocol, whichever router speaks it: messages out, messages
// in, over bare sockets, so that no client's work is measured. A message's payload begins with a
// number, by which who hears it knows when it was sent.
import { connect, type Socket } from 'node:net';

export interface WireEnd {
  /** Resolves when the router has it. */
  subscribe(topic: string): Promise<void>;
  /** For one topic, a function that sends a message with this number. */
  sender(topic: string): (number: number) => void;
  close(): void;
}

export interface WireNeeds {
  readonly port: number;
  /** By which the router lets it in, where it asks for one. */
  readonly token?: string | undefined;
  /** Of a payload, eight at least. */
  readonly bytes: number;
  readonly heard: (number: number) => void;
}

/** Words of a topic, with which every protocol makes its own. */
export const everything = 'all';

export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** One write for all that is sent in one go. */
export function createBatch(socket: Socket): (message: Buffer) => void {
  let waiting: Buffer[] = [];
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    socket.write(all.length === 1 && all[0] !== undefined ? all[0] : Buffer.concat(all));
  };
  return (message) => {
    waiting.push(message);
    if (waiting.length === 1) {
      queueMicrotask(flush);
    }
  };
}

/** A copy of a message with another number at a place in it. */
export function numbered(message: Buffer, at: number): (number: number) => Buffer {
  return (number) => {
    const copy = Buffer.allocUnsafe(message.length);
    message.copy(copy);
    copy.writeDoubleBE(number, at);
    return copy;
  };
}

/**
 * Calls with all bytes that have come and are not used; what it gives back is how many it used.
 */
export function onBytes(socket: Socket, use: (bytes: Buffer) => number): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (piece: Buffer) => {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    rest = bytes.subarray(use(bytes));
  });
}
