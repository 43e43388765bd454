// Signals over plain TCP: each frame with its length before it, and nothing else.
import { connect, createServer, type Socket } from 'node:net';

import type { AcceptLine, Line } from '@hansa/capabilities/signals/frames/line';
import { silentLog, type Log } from '@hansa/foundation';
import { dialFailed, dialMsDefault } from './dialling.ts';
import { FrameParser } from './frame-parser.ts';
import { tcpFraming } from './framing.ts';
import {
  listen,
  remoteOf,
  stopListening,
  type ListenNeeds,
  type SignalListener,
} from './listening.ts';
import { SocketLine } from './socket-line.ts';
import { Turn } from './turn.ts';

const keepAliveMs = 30_000; // the transport has no pings; as often as a WebSocket is pinged

interface TcpLineNeeds {
  readonly socket: Socket;
  readonly turn: Turn;
  readonly accept: AcceptLine;
  readonly log: Log;
}

function openTcpLine({ socket, turn, accept, log }: TcpLineNeeds): SocketLine {
  const line = new SocketLine({
    socket,
    framing: tcpFraming,
    turn,
    log,
    remote: remoteOf(socket),
    read: (on) => void (on ? socket.resume() : socket.pause()),
    leave: () => socket.end(),
  });
  const parser = new FrameParser();
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveMs);
  socket.on('data', (chunk: Buffer) => {
    if (!parser.feed(chunk, (frame) => line.received(frame))) {
      line.close('a frame is longer than frames are');
      socket.destroy();
    }
  });
  socket.on('error', (error) => log.event('signal-line.broke', { reason: error.message }));
  socket.on('end', () => socket.end());
  socket.on('close', () => line.ended('the connection ended'));
  line.serve(accept(line));
  return line;
}

/** PORT_TAKEN where another program listens there. */
export async function listenTcp(needs: ListenNeeds): Promise<SignalListener> {
  const { accept, log = silentLog } = needs;
  const lines = new Set<SocketLine>();
  const turn = new Turn();
  const server = createServer((socket) => {
    const line = openTcpLine({ socket, turn, accept, log });
    lines.add(line);
    socket.once('close', () => lines.delete(line));
  });
  const port = await listen(server, needs);
  return {
    port,
    async close() {
      lines.forEach((line) => line.close('the listener closes'));
      await stopListening(server);
    },
  };
}

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  /** Called once, when the line is open. */
  readonly accept: AcceptLine;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly log?: Log | undefined;
}

/** DIAL_FAILED. */
export async function dialTcp(target: TcpTarget): Promise<Line> {
  const { host, port, accept, signal, timeoutMs = dialMsDefault, log = silentLog } = target;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const name = `${host}:${port}`;
    const timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.off('error', fail);
    };
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(dialFailed(name, error));
    };
    const abort = (): void => {
      settle();
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      settle();
      resolve(openTcpLine({ socket, turn: new Turn(), accept, log }));
    });
  });
}
