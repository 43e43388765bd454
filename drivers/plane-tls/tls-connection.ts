// One connection of the plane: a socket whose far side is proven, as one stream of frames.
import type { Socket } from 'node:net';
import type { PlaneConnection } from '@hansa/capabilities/links/planes-driver';
import {
  createQueue,
  frameBytesMax,
  HansaError,
  isHansaError,
  type FrameStream,
  type NodeId,
  type Queue,
} from '@hansa/foundation';
import { FrameReader, frameTooLarge, headerBytes } from './frame-reader.ts';

// What waits for the network: two chunks, so that one is read from the disk while one is sent.
const outgoingBytesMax: number = 2 * 1_024 * 1_024;
const incomingBytesMax: number = 2 * 1_024 * 1_024; // likewise, while one is written to the disk
// `ticketBytes` of the capability: a stranger's frame is a ticket, and nothing more is read of him.
const firstFrameBytesMax = 32;
const frameOverheadBytes = 64; // an empty frame costs memory too

export class TlsConnection implements PlaneConnection {
  readonly remote: NodeId;
  readonly dialled: boolean;
  readonly stream: FrameStream;
  readonly closed: Promise<{ readonly reason: string }>;
  readonly #socket: Socket;
  readonly #reader = new FrameReader(firstFrameBytesMax);
  readonly #inbox: Queue<Uint8Array> = createQueue<Uint8Array>({
    limit: incomingBytesMax,
    weigh: (frame) => frame.length + frameOverheadBytes,
  });
  #reason: string | undefined;
  #finished = false;
  // One sender at a time: a frame is two writes.
  #sending: Promise<void> = Promise.resolve();

  constructor(socket: Socket, given: { readonly remote: NodeId; readonly dialled: boolean }) {
    this.#socket = socket;
    this.remote = given.remote;
    this.dialled = given.dialled;
    socket.setNoDelay(true);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#reason ??= 'closed by the far side';
        if (!this.#finished) {
          this.#inbox.fail(this.#ended());
        }
        resolve({ reason: this.#reason });
      });
    });
    socket.on('error', (error) => {
      this.#reason ??= error.message;
    });
    this.stream = {
      send: (frame) => this.#send(frame),
      receive: () => this.#inbox.take(),
      finish: async () => {
        await this.#sending;
        socket.end();
      },
      abort: (reason) => this.close(reason),
    };
    socket.on('data', (piece: Buffer) => this.#take(piece));
    socket.once('end', () => this.#noMore());
  }

  admit(): void {
    this.#reader.setLimit(frameBytesMax);
  }

  close(reason: string, cause?: unknown): void {
    if (this.#reason === undefined) {
      this.#reason = `closed by this side: ${reason}`;
      this.#inbox.fail(isHansaError(cause) ? cause : this.#ended());
    }
    this.#socket.destroy();
  }

  /** What is announced too long ends it; a reader that is slow slows the far side down. */
  #take(piece: Buffer): void {
    try {
      const taken = [...this.#reader.feed(piece)].map((frame) => this.#inbox.push(frame));
      if (taken.length > 0) {
        this.#socket.pause();
        Promise.all(taken).then(
          () => this.#socket.resume(),
          () => undefined, // it ended meanwhile
        );
      }
    } catch (error) {
      this.close(isHansaError(error) ? error.message : String(error), error);
    }
  }

  #noMore(): void {
    if (this.#reader.isBetween) {
      this.#finished = true; // what has arrived is still read
      this.#inbox.finish();
    } else {
      this.close('the stream ended inside a frame');
    }
  }

  #send(frame: Uint8Array): Promise<void> {
    if (frame.length > frameBytesMax) {
      return Promise.reject(frameTooLarge(frame.length));
    }
    const sent = this.#sending.then(() => this.#write(frame));
    this.#sending = sent.catch(() => undefined);
    return sent;
  }

  async #write(frame: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (this.#reason !== undefined || socket.destroyed || socket.writableEnded) {
      throw this.#ended();
    }
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32BE(frame.length);
    socket.cork();
    socket.write(header);
    const hasRoom = socket.write(frame);
    socket.uncork();
    if (!hasRoom && socket.writableLength > outgoingBytesMax) {
      await this.#drained();
    }
  }

  #drained(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const over = (): void => {
        socket.off('drain', over);
        socket.off('close', over);
        if (socket.destroyed) {
          reject(this.#ended());
        } else {
          resolve();
        }
      };
      socket.once('drain', over);
      socket.once('close', over);
    });
  }

  #ended(): HansaError {
    const reason = this.#reason ?? 'closed';
    return new HansaError('CONNECTION_CLOSED', `the plane ended: ${reason}`, {
      facts: { remote: this.remote, reason },
    });
  }
}
