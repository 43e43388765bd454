// Bare bytes through a relay: numbers before their payload, each message as long as the other.
import {
  createBatch,
  numbered,
  onBytes,
  openSocket,
  type WireEnd,
  type WireNeeds,
} from './wire.ts';

export async function connectRelay({ port, bytes, heard }: WireNeeds): Promise<WireEnd> {
  const socket = await openSocket(port);
  onBytes(socket, (all) => {
    let at = 0;
    for (; all.length - at >= bytes; at += bytes) {
      heard(all.readDoubleBE(at));
    }
    return at;
  });
  const send = createBatch(socket);
  return {
    subscribe: async () => undefined,
    sender() {
      const write = numbered(Buffer.alloc(bytes, 'x'), 0);
      return (number) => send(write(number));
    },
    close: () => void socket.destroy(),
  };
}
