// A line over a WebSocket whose handshake is over. The library reads, pings and takes leave; frames
// are written by us, many of them in one write.
import type { Socket } from 'node:net';

import type { AcceptLine } from '@hansa/capabilities/signals/frames/line';
import type { Log } from '@hansa/foundation';
import type { RawData, WebSocket } from 'ws';
import { frameBytesMax, type Framing } from './framing.ts';
import { remoteOf } from './listening.ts';
import { SocketLine } from './socket-line.ts';
import type { Turn } from './turn.ts';

/** As the protocol names it. */
export const subprotocol = 'clasp';

const normalClosure = 1_000;
/** A close frame holds 125 bytes, two of which are the code. */
const reasonBytesMax = 123;

/** Of one message: nobody has to take a frame apart, and each fragment costs an object. */
export const fragmentsMax = 64;
/** Of one frame, as they arrive: one that comes byte by byte costs an object for each of them. */
export const piecesMax = 1_024;

/** A message is one frame; compression would cost more than it saves on 30 bytes. */
export const webSocketOptions: {
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  readonly perMessageDeflate: false;
  readonly skipUTF8Validation: true;
} = {
  maxPayload: frameBytesMax,
  maxFragments: fragmentsMax,
  maxBufferedChunks: piecesMax,
  perMessageDeflate: false,
  skipUTF8Validation: true,
};

export interface WebSocketLineNeeds {
  readonly webSocket: WebSocket;
  /** The one that the WebSocket runs over. */
  readonly socket: Socket;
  readonly framing: Framing;
  readonly turn: Turn;
  readonly accept: AcceptLine;
  readonly log: Log;
}

export function openWebSocketLine(needs: WebSocketLineNeeds): SocketLine {
  const { webSocket, socket, framing, turn, log } = needs;
  const line = new SocketLine({
    socket,
    framing,
    turn,
    log,
    remote: remoteOf(socket),
    read: (on) => (on ? webSocket.resume() : webSocket.pause()),
    leave: (reason) => webSocket.close(normalClosure, closeReason(reason)),
  });
  webSocket.on('message', (data, isBinary) => {
    if (isBinary) {
      line.received(bytesOf(data));
    }
  });
  webSocket.on('pong', () => line.heard());
  // What came is no message, or too large a one. The library has said so to the peer.
  webSocket.on('error', (error) => line.close(error.message));
  webSocket.on('close', (code, reason) => {
    line.ended(reason.length > 0 ? reason.toString() : `closed with ${code}`);
  });
  line.serve(needs.accept(line));
  return line;
}

/** Not a Buffer: what slices that gets a view, where it would have a copy of other bytes. */
function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) {
    return new Uint8Array(Buffer.concat(data));
  }
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Cut to what a close frame holds, never within a character. */
function closeReason(reason: string): string {
  let cut = reason;
  while (Buffer.byteLength(cut) > reasonBytesMax) {
    cut = cut.slice(0, -1);
  }
  return cut;
}
