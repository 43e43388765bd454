// A line over a socket: frames of one turn go out in one write, and who sends is told how much has
// not left yet.
import type { Duplex } from 'node:stream';

import type { Line, LineEvents } from '@hansa/capabilities/signals/frames/line';
import type { Log } from '@hansa/foundation';
import type { Framing } from './framing.ts';
import type { Flushing, Turn } from './turn.ts';

/** What is gathered before it is written although the turn goes on. */
const batchBytes = 32_768;
/** Who is told good-bye and does not take what waits is cut off then. */
export const goodbyeMs = 5_000;

export interface SocketLineNeeds {
  readonly socket: Duplex;
  readonly framing: Framing;
  readonly turn: Turn;
  readonly remote: string;
  readonly log: Log;
  /** Stops and goes on reading. */
  readonly read: (on: boolean) => void;
  /** Takes leave as the transport does, after all was written. */
  readonly leave: (reason: string) => void;
}

export class SocketLine implements Line, Flushing {
  readonly remote: string;
  readonly #needs: SocketLineNeeds;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #events: LineEvents | undefined;
  #stage: 'open' | 'leaving' | 'closed' = 'open';
  #reason: string | undefined;
  /** Not read at the moment, so that silence means nothing. */
  isHeld = false;
  /** Something came since this was set to false. */
  isAlive = true;

  constructor(needs: SocketLineNeeds) {
    this.#needs = needs;
    this.remote = needs.remote;
  }

  /** What comes before this is lost: transports wire themselves up in the same turn. */
  serve(events: LineEvents): void {
    this.#events = events;
  }

  send(frame: Uint8Array): number {
    if (this.#stage !== 'open') {
      return 0;
    }
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (this.#bytes >= batchBytes) {
      this.flush();
    } else if (this.#frames.length === 1) {
      this.#needs.turn.add(this);
    }
    return this.waiting();
  }

  waiting(): number {
    return this.#bytes + this.#needs.socket.writableLength;
  }

  read(on: boolean): void {
    this.isHeld = !on;
    this.#needs.read(on);
  }

  close(reason: string): void {
    if (this.#stage !== 'open') {
      return;
    }
    this.flush();
    this.#stage = 'leaving';
    this.#reason = reason;
    const { socket, leave } = this.#needs;
    // What is not read never ends.
    this.read(true);
    leave(reason);
    const timer = setTimeout(() => socket.destroy(), goodbyeMs);
    socket.once('close', () => clearTimeout(timer));
  }

  flush(): void {
    const frames = this.#frames;
    const { socket, framing } = this.#needs;
    if (frames.length === 0 || !socket.writable) {
      return;
    }
    this.#frames = [];
    this.#bytes = 0;
    let length = 0;
    for (const frame of frames) {
      length += framing.lengthOf(frame);
    }
    const batch = Buffer.allocUnsafe(length);
    let at = 0;
    for (const frame of frames) {
      at = framing.put(batch, at, frame);
    }
    socket.write(batch, this.#written);
  }

  readonly #written = (): void => {
    if (this.#stage === 'open') {
      this.#told(() => this.#events?.drained());
    }
  };

  /** The bytes are views of what the socket gave, which it does not use again. */
  received(frame: Uint8Array): void {
    this.isAlive = true;
    if (this.#stage === 'open') {
      this.#told(() => this.#events?.frame(frame));
    }
  }

  heard(): void {
    this.isAlive = true;
    if (this.#stage === 'open') {
      this.#told(() => this.#events?.alive?.());
    }
  }

  ended(reason: string): void {
    if (this.#stage === 'closed') {
      return;
    }
    this.#stage = 'closed';
    this.#frames = [];
    this.#bytes = 0;
    this.#told(() => this.#events?.closed(this.#reason ?? reason));
  }

  /** What fails for one line ends that one and no other. */
  #told(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#needs.log.problem('signal-line.failed', error, { remote: this.remote });
      this.close('an error on this side');
    }
  }
}
