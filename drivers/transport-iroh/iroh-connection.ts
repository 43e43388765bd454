// One connection: its proven far side and its streams, held strongly until they are over, because a
// stream whose object is collected is reset by the library.
import { HansaError, type Connection, type FrameStream, type NodeId } from '@hansa/foundation';
import type { BiStream, Connection as NativeConnection } from '@number0/iroh/index.js';
import { IrohStream } from './iroh-stream.ts';
import { closeReason, nativeReason } from './native-error.ts';

const closeReasonBytesMax = 200; // it must fit one packet, beside other things

export interface ConnectionNeeds {
  readonly native: NativeConnection;
  readonly remote: NodeId;
  readonly protocol: string;
  readonly dialled: boolean;
}

export class IrohConnection implements Connection {
  readonly remote: NodeId;
  readonly protocol: string;
  readonly dialled: boolean;
  readonly closed: Promise<{ reason: string }>;
  readonly #native: NativeConnection;
  readonly #streams = new Set<IrohStream>();
  #reason: string | undefined;

  constructor(needs: ConnectionNeeds) {
    this.#native = needs.native;
    this.remote = needs.remote;
    this.protocol = needs.protocol;
    this.dialled = needs.dialled;
    this.closed = this.#watch();
    this.#refuseOneWayStreams();
  }

  async openStream(): Promise<FrameStream> {
    this.#checkOpen();
    try {
      return this.#hold(await this.#native.openBi());
    } catch (error) {
      throw this.#ended(error);
    }
  }

  async acceptStream(): Promise<FrameStream | undefined> {
    try {
      return this.#hold(await this.#native.acceptBi());
    } catch {
      return undefined;
    }
  }

  close(reason: string): void {
    if (this.#reason !== undefined) {
      return;
    }
    this.#reason = `closed by this side: ${reason}`;
    const bytes = new TextEncoder().encode(reason).subarray(0, closeReasonBytesMax);
    this.#native.close(0n, [...bytes]);
    this.#endStreams();
  }

  async #watch(): Promise<{ reason: string }> {
    const words = await this.#native.closed().catch(nativeReason);
    this.#reason ??= closeReason(words);
    this.#endStreams();
    return { reason: this.#reason };
  }

  #endStreams(): void {
    for (const stream of this.#streams) {
      stream.connectionEnded(this.#reason ?? 'closed');
    }
    this.#streams.clear();
  }

  #hold(native: BiStream): IrohStream {
    const stream: IrohStream = new IrohStream(native, (over) => this.#streams.delete(over));
    this.#streams.add(stream);
    return stream;
  }

  // A peer could otherwise fill one hundred windows that nobody here will ever read.
  #refuseOneWayStreams(): void {
    this.#native.acceptUni().then(
      () => this.close('one-way streams are not spoken here'),
      () => undefined,
    );
  }

  #checkOpen(): void {
    if (this.#reason !== undefined) {
      throw this.#ended();
    }
  }

  #ended(cause?: unknown): HansaError {
    const reason = this.#reason ?? nativeReason(cause);
    return new HansaError('CONNECTION_CLOSED', `the connection ended: ${reason}`, {
      cause,
      facts: { remote: this.remote, reason },
    });
  }
}
