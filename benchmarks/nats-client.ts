// As much of the NATS client protocol as measuring needs: publish, subscribe, and requests to
// JetStream, in text over a socket.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const answerWithinMs = 30_000;
const newline = Buffer.from('\r\n');

interface Delivered {
  readonly subject: string;
  readonly payload: Buffer;
}

export interface NatsClient {
  publish(subject: string, payload: Buffer, reply?: string): void;
  subscribe(subject: string, take: (message: Delivered) => void): void;
  request(subject: string, payload: Buffer): Promise<Buffer>;
  /** A request to JetStream; rejects with the server's description of an error. */
  api<T>(method: string, body?: unknown): Promise<T>;
  close(): void;
}

export async function connectNats(port: number): Promise<NatsClient> {
  const socket = await open(port);
  socket.setNoDelay(true);
  const takers = new Map<number, (message: Delivered) => void>();
  const waiting = new Map<string, (payload: Buffer) => void>();
  const inbox = `_INBOX.${randomBytes(8).toString('hex')}`;
  let last = 0;
  const subscribe: NatsClient['subscribe'] = (subject, take) => {
    last += 1;
    takers.set(last, take);
    socket.write(`SUB ${subject} ${last}\r\n`);
  };
  const publish: NatsClient['publish'] = (subject, payload, reply = '') => {
    const head = Buffer.from(`PUB ${subject} ${reply} ${payload.length}\r\n`);
    socket.write(Buffer.concat([head, payload, newline]));
  };
  socket.on(
    'data',
    createParser(socket, (sid, message) => takers.get(sid)?.(message)),
  );
  socket.write('CONNECT {"verbose":false,"pedantic":false,"protocol":1,"headers":true}\r\n');
  subscribe(`${inbox}.*`, ({ subject, payload }) => {
    waiting.get(subject)?.(payload);
    waiting.delete(subject);
  });
  let asked = 0;
  const request: NatsClient['request'] = (subject, payload) =>
    new Promise((resolve, reject) => {
      asked += 1;
      const reply = `${inbox}.${asked}`;
      const late = setTimeout(() => {
        waiting.delete(reply);
        reject(new Error(`nats-server does not answer ${subject}`));
      }, answerWithinMs);
      waiting.set(reply, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      publish(subject, payload, reply);
    });
  return {
    publish,
    subscribe,
    request,
    async api<T>(method: string, body?: unknown) {
      const text = body === undefined ? '' : JSON.stringify(body);
      const answer = await request(`$JS.API.${method}`, Buffer.from(text));
      const parsed = JSON.parse(answer.toString('utf8')) as T & {
        error?: { description: string };
      };
      if (parsed.error !== undefined) {
        throw new Error(`${method}: ${parsed.error.description}`);
      }
      return parsed;
    },
    close: () => void socket.destroy(),
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Takes bytes as they come; PING is answered, what else the server says is passed over. */
function createParser(
  socket: Socket,
  deliver: (sid: number, message: Delivered) => void,
): (piece: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (piece) => {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    let at = 0;
    for (let end = held.indexOf(newline, at); end >= 0; end = held.indexOf(newline, at)) {
      const words = held.toString('latin1', at, end).split(' ');
      const [verb = '', subject = '', sid = ''] = words;
      if (verb === 'MSG' || verb === 'HMSG') {
        const size = Number(words.at(-1));
        const headers = verb === 'HMSG' ? Number(words.at(-2)) : 0;
        const from = end + newline.length;
        if (held.length < from + size + newline.length) {
          break;
        }
        const payload = Buffer.from(held.subarray(from + headers, from + size));
        at = from + size + newline.length;
        deliver(Number(sid), { subject, payload });
        continue;
      }
      if (verb === 'PING') {
        socket.write('PONG\r\n');
      }
      at = end + newline.length;
    }
    held = held.subarray(at);
  };
}
