// Events for the one who took the receiver, read in its own time.
import type { FederationEvent } from './events.ts';
import { federationLimits } from './limits.ts';

export class EventReceiver implements AsyncIterableIterator<FederationEvent, undefined> {
  readonly #events: FederationEvent[] = [];
  #waiting: ((result: IteratorResult<FederationEvent, undefined>) => void)[] = [];
  #closed = false;
  /** What was lost because it was not read in time, the oldest first. */
  lost = 0;

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(event: FederationEvent): void {
    if (this.#closed) {
      return;
    }
    const reader = this.#waiting.shift();
    if (reader !== undefined) {
      reader({ done: false, value: event });
      return;
    }
    this.#events.push(event);
    if (this.#events.length > federationLimits.receiverEventsMax) {
      this.#events.shift();
      this.lost += 1;
    }
  }

  next(): Promise<IteratorResult<FederationEvent, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) {
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#closed) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<FederationEvent, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): void {
    this.#closed = true;
    this.#waiting.splice(0).forEach((reader) => reader({ done: true, value: undefined }));
  }
}
