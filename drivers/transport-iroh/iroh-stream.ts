// One stream: a loop that writes what was sent, once per tick, and a loop that reads ahead as far
// as a bounded queue allows.
//
// The library locks each half while a call on it is under way, so `reset` waits behind a write
// that waits for its reader, and `stop` behind a read that waits for its writer. Whoever sees one
// direction break therefore breaks the other too, which frees the far side's. A peer that neither
// reads nor writes is told of an abort only when it does, or when the connection ends.
import {
  createQueue,
  frameBytesMax,
  HansaError,
  isHansaError,
  type FrameStream,
  type Queue,
} from '@hansa/foundation';
import type { BiStream, RecvStream, SendStream } from '@number0/iroh/index.js';
import { FrameReader, frameTooLarge, FrameWriter, readChunkBytes } from './frames.ts';
import { nativeReason } from './native-error.ts';

const queueBytesMax: number = 256 * 1_024; // one each way; the library holds up to 1.25 MB more
const frameOverheadBytes = 64; // an empty frame costs memory too
const abortCode = 1n;

export class IrohStream implements FrameStream {
  readonly #send: SendStream;
  readonly #recv: RecvStream;
  readonly #ended: (stream: IrohStream) => void;
  readonly #outbox: Queue<Uint8Array> = frameQueue();
  readonly #inbox: Queue<Uint8Array> = frameQueue();
  readonly #sent: Promise<void>;
  #finishing = false;
  #allSent = false;
  #allReceived = false;
  // Why nothing can be sent any more.
  #unsendable: HansaError | undefined;
  #broken: HansaError | undefined;

  constructor(stream: BiStream, ended: (stream: IrohStream) => void) {
    this.#send = stream.send;
    this.#recv = stream.recv;
    this.#ended = ended;
    this.#sent = this.#writeAll();
    this.#sent.catch((error: unknown) => this.#sendingFailed(error));
    this.#readAll().catch((error: unknown) => this.#break(errorOf(error)));
  }

  async send(frame: Uint8Array): Promise<void> {
    if (frame.length > frameBytesMax) {
      throw frameTooLarge(frame.length);
    }
    this.#checkWritable();
    await this.#outbox.push(frame);
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.#inbox.take();
  }

  async finish(): Promise<void> {
    if (!this.#finishing) {
      this.#checkWritable();
      this.#finishing = true;
      this.#outbox.finish();
    }
    try {
      await this.#sent;
    } catch (error) {
      throw this.#broken ?? this.#unsendable ?? errorOf(error);
    }
  }

  abort(reason: string): void {
    this.#break(streamEnded(`this side aborted it: ${reason}`));
  }

  /** Nothing can be sent any more; what has arrived is still read. */
  connectionEnded(reason: string): void {
    this.#sendingFailed(streamEnded(reason));
  }

  // The reading half of a lost connection finds its own end, after all that has arrived.
  #sendingFailed(error: unknown): void {
    if (saysAborted(error)) {
      this.#break(errorOf(error));
      return;
    }
    this.#unsendable ??= errorOf(error);
    this.#outbox.fail(this.#unsendable);
  }

  #checkWritable(): void {
    const reason = this.#broken ?? this.#unsendable;
    if (reason !== undefined) {
      throw reason;
    }
    if (this.#finishing) {
      throw new HansaError('CONNECTION_CLOSED', 'the stream was finished by this side');
    }
  }

  async #writeAll(): Promise<void> {
    const writer = new FrameWriter((chunk) => this.#send.writeAll(chunk));
    for (;;) {
      let frame = await this.#outbox.take();
      if (frame === undefined) {
        break;
      }
      await endOfTick();
      for (; frame !== undefined; frame = this.#outbox.takeNow()) {
        await writer.add(frame);
      }
      await writer.flush();
    }
    await this.#send.finish();
    // Resolves once the peer's library has everything: closing the connection now loses nothing.
    const stoppedBy = await this.#send.stopped();
    if (stoppedBy !== null) {
      throw new Error(`Stopped(${stoppedBy})`);
    }
    this.#allSent = true;
    this.#endIfOver();
  }

  async #readAll(): Promise<void> {
    const reader = new FrameReader();
    for (;;) {
      const piece = await this.#recv.read(readChunkBytes);
      if (piece.length === 0) {
        reader.end();
        this.#inbox.finish();
        this.#allReceived = true;
        this.#endIfOver();
        return;
      }
      for (const frame of reader.feed(piece)) {
        await this.#inbox.push(frame);
      }
    }
  }

  #break(error: HansaError): void {
    if (this.#broken !== undefined || (this.#allSent && this.#allReceived)) {
      return;
    }
    this.#broken = error;
    this.#outbox.fail(error);
    // A half that is over already, or whose connection is, refuses; there is nothing left to end
    // then.
    if (!this.#allSent) {
      this.#send.reset(abortCode).catch(() => undefined);
    }
    if (!this.#allReceived) {
      this.#inbox.fail(error);
      this.#recv.stop(abortCode).catch(() => undefined);
    }
    this.#ended(this);
  }

  #endIfOver(): void {
    if (this.#allSent && this.#allReceived) {
      this.#ended(this);
    }
  }
}

function frameQueue(): Queue<Uint8Array> {
  return createQueue<Uint8Array>({
    limit: queueBytesMax,
    weigh: (frame) => frame.length + frameOverheadBytes,
  });
}

/** Everything sent in this turn of the event loop goes out together. */
function endOfTick(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function streamEnded(reason: string, cause?: unknown): HansaError {
  return new HansaError('CONNECTION_CLOSED', `the stream ended: ${reason}`, {
    cause,
    facts: { reason },
  });
}

function errorOf(error: unknown): HansaError {
  if (isHansaError(error)) {
    return error;
  }
  return streamEnded(
    saysAborted(error) ? 'the far side aborted the stream' : nativeReason(error),
    error,
  );
}

function saysAborted(error: unknown): boolean {
  return /^(?:Reset|Stopped)\(\d+\)$/.test(nativeReason(error));
}
