// One end of a connection between two nodes. It ends when somebody closes it, when a frame's loss
// takes it down, or, as iroh's does, after 30 s in which nothing arrives.
import {
  createQueue,
  HansaError,
  type Clock,
  type Connection,
  type FrameStream,
  type NodeId,
  type Queue,
} from '@hansa/foundation';
import { MemoryStream } from './memory-stream.ts';
import type { Path } from './path.ts';

export const idleTimeoutMs = 30_000; // iroh's, which cannot be set
export const streamsMax = 100; // open at once from one side; iroh's default

export interface ConnectionNeeds {
  readonly clock: Clock;
  readonly remote: NodeId;
  readonly protocol: string;
  readonly dialled: boolean;
  readonly outgoing: Path;
  readonly incoming: Path;
}

export class MemoryConnection implements Connection {
  readonly remote: NodeId;
  readonly protocol: string;
  readonly dialled: boolean;
  readonly closed: Promise<{ reason: string }>;
  readonly #needs: ConnectionNeeds;
  #settleClosed: (end: { reason: string }) => void = () => undefined;
  #peer: MemoryConnection | undefined;
  #end: HansaError | undefined;
  #silence: AbortController | undefined;
  readonly #streams = new Set<MemoryStream>();
  readonly #opened = new Set<MemoryStream>();
  readonly #slots: Queue<true> = createQueue<true>({ limit: streamsMax });
  readonly #arrived: Queue<MemoryStream> = createQueue<MemoryStream>({ limit: streamsMax });

  constructor(needs: ConnectionNeeds) {
    this.#needs = needs;
    this.remote = needs.remote;
    this.protocol = needs.protocol;
    this.dialled = needs.dialled;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  static pair(near: MemoryConnection, far: MemoryConnection): void {
    near.#peer = far;
    far.#peer = near;
    // The way back may be blocked already.
    near.listen();
  }

  get over(): boolean {
    return this.#end !== undefined;
  }

  async openStream(): Promise<FrameStream> {
    this.#checkOpen();
    await this.#slots.push(true);
    this.#checkOpen();
    const stream = this.#stream((near) => this.#peer?.arriving(near));
    this.#opened.add(stream);
    return stream;
  }

  async acceptStream(): Promise<FrameStream | undefined> {
    return this.#arrived.take();
  }

  close(reason: string): void {
    const peer = this.#peer;
    if (this.over || peer === undefined) {
      return;
    }
    this.end(`closed by this side: ${reason}`);
    const { clock, outgoing } = this.#needs;
    // A close is said once: where the path is blocked just then, the peer learns by silence.
    clock.sleep(outgoing.arrivalMs(0) - clock.monotonicMs()).then(
      () => (outgoing.blocked ? undefined : peer.end(`closed by peer: ${reason}`)),
      () => undefined,
    );
  }

  /** Ends this end alone; the peer notices by itself. */
  end(reason: string): void {
    if (this.#end !== undefined) {
      return;
    }
    this.#end = new HansaError('CONNECTION_CLOSED', `the connection ended: ${reason}`, {
      facts: { remote: this.remote, reason },
    });
    this.#silence?.abort();
    this.#slots.fail(this.#end);
    this.#arrived.finish();
    for (const stream of this.#streams) {
      stream.break(reason);
    }
    this.#settleClosed({ reason });
    this.#peer?.listen();
  }

  /** Both ends at once, as when a middlebox resets it. */
  lose(): void {
    this.end('lost');
    this.#peer?.end('lost');
  }

  /** Starts or stops the idle timer, after something changed whether the peer can be heard. */
  listen(): void {
    const silent = this.#needs.incoming.blocked || this.#peer?.over === true;
    if (this.over || !silent) {
      this.#silence?.abort();
      this.#silence = undefined;
    } else if (this.#silence === undefined) {
      this.#silence = new AbortController();
      this.#needs.clock.sleep(idleTimeoutMs, this.#silence.signal).then(
        () => this.end('timed out'),
        () => undefined,
      );
    }
  }

  /** The far end of a stream whose first packet arrives here; undefined where nobody is left. */
  arriving(far: MemoryStream): MemoryStream | undefined {
    if (this.over) {
      return undefined;
    }
    const stream = this.#stream(() => undefined, far);
    // There is always room: the opener's slots bound how many can be on their way.
    this.#arrived.push(stream).catch(() => undefined);
    return stream;
  }

  #stream(
    announce: (near: MemoryStream) => MemoryStream | undefined,
    far?: MemoryStream,
  ): MemoryStream {
    const stream: MemoryStream = new MemoryStream(
      {
        outgoing: this.#needs.outgoing,
        announce: () => announce(stream),
        lose: () => this.lose(),
        ended: () => this.#forget(stream),
      },
      far,
    );
    this.#streams.add(stream);
    return stream;
  }

  #forget(stream: MemoryStream): void {
    this.#streams.delete(stream);
    if (this.#opened.delete(stream)) {
      this.#slots.takeNow();
    }
  }

  #checkOpen(): void {
    if (this.#end !== undefined) {
      throw this.#end;
    }
  }
}
