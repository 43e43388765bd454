// One end of a bidirectional stream. Frames wait in a bounded queue, travel one after the other,
// so that they keep their order, and wait again in the far end's bounded queue until somebody
// reads.
import {
  createQueue,
  frameBytesMax,
  HansaError,
  type FrameStream,
  type Queue,
} from '@hansa/foundation';
import type { Path } from './path.ts';

export const streamQueueBytesMax: number = 256 * 1_024; // each way, as the iroh driver has it
const frameOverheadBytes = 64; // an empty frame costs memory too

interface Packet {
  /** Undefined where the stream finishes. */
  readonly frame: Uint8Array | undefined;
  readonly arrivesMs: number;
}

export interface StreamNeeds {
  readonly outgoing: Path;
  /** The end that the first arriving packet makes at the other side. */
  announce(): MemoryStream | undefined;
  /** The connection broke while this stream's frame travelled. */
  lose(): void;
  /** Both directions are over. */
  ended(stream: MemoryStream): void;
}

export class MemoryStream implements FrameStream {
  readonly #needs: StreamNeeds;
  readonly #outbox: Queue<Packet> = createQueue<Packet>({
    limit: streamQueueBytesMax,
    weigh: (packet) => (packet.frame?.length ?? 0) + frameOverheadBytes,
  });
  readonly #inbox: Queue<Uint8Array> = createQueue<Uint8Array>({
    limit: streamQueueBytesMax,
    weigh: (frame) => frame.length + frameOverheadBytes,
  });
  readonly #stop = new AbortController();
  readonly #sent: Promise<void>;
  #far: MemoryStream | undefined;
  #finishing = false;
  #allSent = false;
  #allReceived = false;
  #broken: HansaError | undefined;

  constructor(needs: StreamNeeds, far?: MemoryStream) {
    this.#needs = needs;
    this.#far = far;
    this.#sent = this.#transmit();
    // The failure is told to whoever calls finish; nobody has to.
    this.#sent.catch(() => undefined);
  }

  async send(frame: Uint8Array): Promise<void> {
    if (frame.length > frameBytesMax) {
      throw new HansaError(
        'FRAME_TOO_LARGE',
        `a frame of ${frame.length} bytes is over the limit`,
        {
          facts: { bytes: frame.length, bytesMax: frameBytesMax },
        },
      );
    }
    this.#checkWritable();
    await this.#outbox.push({ frame, arrivesMs: this.#needs.outgoing.arrivalMs(frame.length) });
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.#inbox.take();
  }

  async finish(): Promise<void> {
    if (!this.#finishing) {
      this.#checkWritable();
      this.#finishing = true;
      const fin = { frame: undefined, arrivesMs: this.#needs.outgoing.arrivalMs(0) };
      // A failure of the queue is the failure of #sent.
      this.#outbox.push(fin).catch(() => undefined);
      this.#outbox.finish();
    }
    await this.#sent;
  }

  abort(reason: string): void {
    if (this.#broken !== undefined || (this.#allSent && this.#allReceived)) {
      return;
    }
    const far = this.#far;
    this.break(`this side aborted the stream: ${reason}`);
    if (far !== undefined) {
      const { outgoing } = this.#needs;
      outgoing.arrive(outgoing.arrivalMs(0), far.#stop.signal).then(
        () => far.break('the far side aborted the stream'),
        () => undefined,
      );
    }
  }

  /** Ends this end alone. What has arrived whole stays readable; what has not is dropped. */
  break(reason: string): void {
    if (this.#broken !== undefined) {
      return;
    }
    this.#broken = new HansaError('CONNECTION_CLOSED', `the stream ended: ${reason}`, {
      facts: { reason },
    });
    this.#outbox.fail(this.#broken);
    if (!this.#allReceived) {
      this.#inbox.fail(this.#broken);
    }
    this.#stop.abort(this.#broken);
    this.#needs.ended(this);
  }

  #checkWritable(): void {
    if (this.#broken !== undefined) {
      throw this.#broken;
    }
    if (this.#finishing) {
      throw new HansaError('CONNECTION_CLOSED', 'the stream was finished by this side');
    }
  }

  async #transmit(): Promise<void> {
    const { outgoing } = this.#needs;
    const { signal } = this.#stop;
    for (;;) {
      const packet = await this.#outbox.take(signal);
      if (packet === undefined) {
        return;
      }
      await outgoing.arrive(packet.arrivesMs, signal);
      if (packet.frame !== undefined && outgoing.happens(outgoing.traits.loseProbability)) {
        this.#needs.lose();
      }
      signal.throwIfAborted();
      if (!(await this.#deliver(packet.frame))) {
        // Whoever should receive is gone and cannot say so: this end learns by its own silence.
        await untilAborted(signal);
      }
    }
  }

  async #deliver(frame: Uint8Array | undefined): Promise<boolean> {
    const far = (this.#far ??= this.#needs.announce());
    if (far === undefined || far.#broken !== undefined) {
      return false;
    }
    if (frame === undefined) {
      far.#endInbox();
      this.#allSent = true;
      this.#endIfOver();
      return true;
    }
    return far.#inbox.push(this.#needs.outgoing.carry(frame), this.#stop.signal).then(
      () => true,
      () => false,
    );
  }

  #endInbox(): void {
    this.#inbox.finish();
    this.#allReceived = true;
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (this.#allSent && this.#allReceived) {
      this.#needs.ended(this);
    }
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
    }
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
