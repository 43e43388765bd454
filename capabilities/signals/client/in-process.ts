// A line within the process: for the node's own sessions at its own router. What one end sends the
// other gets in the next microtask, so that neither is called from within its own call.
import { ownBytes } from '../frames/frame-writer.ts';
import type { AcceptLine, Line, LineEvents } from '../frames/line.ts';

interface Ends {
  near: LineEvents | undefined;
  far: LineEvents | undefined;
}

/** As a driver dials: `accept` is the client's end, `router` the other one. */
export function dialInProcess(router: AcceptLine): (accept: AcceptLine) => Promise<Line> {
  return async (accept) => {
    const ends: Ends = { near: undefined, far: undefined };
    const out = new Direction({ from: () => ends.near, to: () => ends.far });
    const back = new Direction({ from: () => ends.far, to: () => ends.near });
    const near = lineOf({ out, back });
    ends.near = accept(near);
    ends.far = router(lineOf({ out: back, back: out }));
    return near;
  };
}

/** With `read(false)` what comes waits, and the other end is told how much of it there is. */
function lineOf({ out, back }: { readonly out: Direction; readonly back: Direction }): Line {
  return {
    remote: 'this process',
    send: (frame) => out.send(frame),
    waiting: () => out.bytes,
    read: (on) => back.read(on),
    close(reason) {
      out.close(reason);
      back.close(reason);
    },
  };
}

interface Between {
  readonly from: () => LineEvents | undefined;
  readonly to: () => LineEvents | undefined;
}

class Direction {
  readonly #between: Between;
  readonly #queue: Uint8Array[] = [];
  #paused = false;
  #awake = false;
  #ended = false;
  bytes = 0;

  constructor(between: Between) {
    this.#between = between;
  }

  send(frame: Uint8Array): number {
    if (this.#ended) {
      return 0;
    }
    this.#queue.push(this.#paused ? ownBytes(frame) : frame);
    this.bytes += frame.length;
    this.#wake();
    return this.bytes;
  }

  read(on: boolean): void {
    this.#paused = !on;
    if (on) {
      this.#wake();
    }
  }

  /** What was sent before comes first. */
  close(reason: string): void {
    if (!this.#ended) {
      this.#ended = true;
      queueMicrotask(() => this.#between.to()?.closed(reason));
    }
  }

  #wake(): void {
    if (!this.#awake && this.#queue.length > 0) {
      this.#awake = true;
      queueMicrotask(() => this.#run());
    }
  }

  #run(): void {
    this.#awake = false;
    for (const frame of this.#paused ? [] : this.#queue.splice(0)) {
      this.bytes -= frame.length;
      this.#between.to()?.frame(frame);
    }
    if (this.#queue.length === 0 && !this.#ended) {
      this.#between.from()?.drained();
    }
  }
}
