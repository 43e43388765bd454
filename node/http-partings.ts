// How connections end without a call lost: not cut while the client may be writing its next
// request, but with an answer that says that it is the last. Whoever asks again opens another
// connection.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '@hansa/foundation';
import type { HttpLimits } from './http-limits.ts';
import type { WebServer } from './http-listen.ts';

const lookMs = 25; // a dozen looks into a silence

export interface Partings {
  /** Around the handler of requests. */
  readonly handler: RequestListener;
  follow(server: WebServer): void;
  part(socket: Socket): void;
  /** All of them, from now on; resolves when none is left, or all are quiet. */
  all(clock: Clock, limits: Pick<HttpLimits, 'quietMs' | 'quietMaxMs'>): Promise<void>;
}

export function createPartings(inner: RequestListener): Partings {
  const open = new Set<Socket>();
  const leaving = new WeakSet<Socket>();
  const answering = new Map<Socket, ServerResponse>();
  let leavesAll = false;
  let askedMs = 0;
  const last = (response: ServerResponse): void => {
    if (!response.headersSent) {
      response.shouldKeepAlive = false;
    }
  };
  return {
    handler(request: IncomingMessage, response: ServerResponse) {
      const { socket } = request;
      askedMs = performance.now();
      answering.set(socket, response);
      response.once('close', () => answering.delete(socket));
      if (leavesAll || leaving.has(socket)) {
        last(response);
      }
      inner(request, response);
    },
    follow(server) {
      server.on('connection', (socket: Socket) => {
        open.add(socket);
        socket.once('close', () => open.delete(socket));
      });
    },
    part(socket) {
      leaving.add(socket);
      const response = answering.get(socket);
      if (response !== undefined) {
        last(response);
      }
    },
    async all(clock, { quietMs, quietMaxMs }) {
      leavesAll = true;
      answering.forEach(last);
      const untilMs = clock.monotonicMs() + quietMaxMs;
      const busy = (): boolean => open.size > 0 && performance.now() - askedMs < quietMs;
      while (busy() && clock.monotonicMs() < untilMs) {
        await clock.sleep(lookMs);
      }
    },
  };
}
