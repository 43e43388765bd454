// One end of a line over a link: frames wait here until the carrier takes them in batches.
import type { Line } from '../frames/line.ts';
import { Batch } from './batches.ts';

export interface LinkLineNeeds {
  readonly remote: string;
  /** There is something to take, or nothing more will come. */
  readonly wake: () => void;
}

export class LinkLine implements Line {
  readonly remote: string;
  readonly #wake: () => void;
  /** The last of them is filled. */
  #batches: Batch[] = [];
  #queuedBytes = 0;
  #travellingBytes = 0;
  #woken = false;
  #reason: string | undefined;

  constructor({ remote, wake }: LinkLineNeeds) {
    this.remote = remote;
    this.#wake = wake;
  }

  /** Why it was closed; what waits is still to be taken. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** What waits is as much as one batch takes. */
  get hasBatch(): boolean {
    return this.#batches.length > 1;
  }

  send(frame: Uint8Array): number {
    if (this.#reason === undefined) {
      let batch = this.#batches.at(-1);
      if (batch?.fits(frame) !== true) {
        batch = new Batch();
        this.#batches.push(batch);
      }
      batch.add(frame);
      this.#queuedBytes += frame.length;
      this.#wakeSoon();
    }
    return this.waiting();
  }

  waiting(): number {
    return this.#queuedBytes + this.#travellingBytes;
  }

  close(reason: string): void {
    this.#reason ??= reason;
    this.#wakeSoon();
  }

  /** Closes it, and nothing that waits is sent any more. */
  drop(reason: string): void {
    this.#batches = [];
    this.#queuedBytes = 0;
    this.close(reason);
  }

  /** As many as fit into a batch; undefined where none waits. */
  take(): Uint8Array | undefined {
    const batch = this.#batches.shift();
    this.#queuedBytes -= batch?.frameBytes ?? 0;
    return batch?.bytes;
  }

  /** A batch is on its way, or has arrived where `bytes` is negative. */
  travels(bytes: number): void {
    this.#travellingBytes += bytes;
  }

  /** What comes in one turn goes in one batch. */
  #wakeSoon(): void {
    if (!this.#woken) {
      this.#woken = true;
      queueMicrotask(() => {
        this.#woken = false;
        this.#wake();
      });
    }
  }
}
