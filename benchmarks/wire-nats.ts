// NATS over a bare socket, with as little as a client can do.
import { createBatch, everything, numbered, onBytes, openSocket } from './wire.ts';
import type { WireEnd, WireNeeds } from './wire.ts';

const newline = 0x0a;
const [letterM, letterP] = [0x4d, 0x50]; // of MSG, and of PING and PONG
const space = 0x20;

export async function connectNatsWire({ port, bytes, heard }: WireNeeds): Promise<WireEnd> {
  const socket = await openSocket(port);
  let answered: (() => void) | undefined;
  onBytes(socket, (all) => {
    let at = 0;
    for (;;) {
      const end = all.indexOf(newline, at);
      if (end < 0) {
        return at;
      }
      if (all[at] === letterM) {
        const size = sizeBefore(all, end - 2);
        if (end + 1 + size + 2 > all.length) {
          return at;
        }
        heard(all.readDoubleBE(end + 1));
        at = end + 1 + size + 2;
        continue;
      }
      if (all[at] === letterP && all[at + 1] === 0x4f) {
        answered?.();
      } else if (all[at] === letterP) {
        socket.write('PONG\r\n');
      }
      at = end + 1;
    }
  });
  const asked = (words: string): Promise<void> =>
    new Promise((resolve) => {
      answered = resolve;
      socket.write(`${words}PING\r\n`);
    });
  await asked('CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n');
  const send = createBatch(socket);
  return {
    subscribe: (topic) => asked(`SUB ${topic === everything ? 'bench.>' : `bench.${topic}`} 1\r\n`),
    sender(topic) {
      const head = Buffer.from(`PUB bench.${topic} ${bytes}\r\n`);
      const made = Buffer.concat([head, Buffer.alloc(bytes, 'x'), Buffer.from('\r\n')]);
      const write = numbered(made, head.length);
      return (number) => send(write(number));
    },
    close: () => void socket.destroy(),
  };
}

/** The number that ends there. */
function sizeBefore(bytes: Buffer, last: number): number {
  let size = 0;
  for (let at = last, digit = 1; bytes[at] !== space; at -= 1, digit *= 10) {
    size += ((bytes[at] ?? 0x30) - 0x30) * digit;
  }
  return size;
}
