// A bounded queue between many producers and one consumer: a producer waits for room, so that a
// slow consumer slows its producers down instead of filling memory. For streams, feeds and
// outgoing frames. Microtasks only: it runs the same on virtual time.
import { HansaError, invariant } from './errors.ts';

export interface Queue<T> {
  /**
   * Resolves when the item is in the queue; producers are served in the order they came. Rejects
   * with the signal's reason, with the error of `fail`, or with CANCELLED after `finish`.
   */
  push(item: T, signal?: AbortSignal): Promise<void>;
  /** The next item; undefined once the queue is finished and empty. One call at a time. */
  take(signal?: AbortSignal): Promise<T | undefined>;
  /** The next item where there is one now: for a consumer that gathers a batch. */
  takeNow(): T | undefined;
  /** No more comes: what is in the queue, and what waits for room, is still taken. */
  finish(): void;
  /** Drops what is in the queue; every waiting and later call rejects with the error. */
  fail(error: Error): void;
  /** Items in the queue, without those that wait for room. */
  readonly size: number;
}

export interface QueueBounds<T> {
  /** The sum of weights that the queue holds. An item heavier than that passes alone. */
  readonly limit: number;
  /** Default: every item weighs 1. */
  readonly weigh?: (item: T) => number;
}

interface Held<T> {
  readonly item: T;
  readonly weight: number;
}

interface Producer<T> extends Held<T> {
  admit(): void;
  refuse(reason: unknown): void;
}

interface Consumer<T> {
  give(item: T | undefined): void;
  refuse(reason: unknown): void;
}

// Below this many used slots the array is left as it is: moving a few items costs less than
// thinking.
const compactAfter = 64;

/** Items are never undefined: that is what the end looks like. */
export function createQueue<T>(bounds: QueueBounds<T>): Queue<T> {
  return new BoundedQueue<T>(bounds);
}

class BoundedQueue<T> implements Queue<T> {
  readonly #limit: number;
  readonly #weigh: (item: T) => number;
  #held: (Held<T> | undefined)[] = [];
  #first = 0;
  #weight = 0;
  readonly #producers: Producer<T>[] = [];
  #consumer: Consumer<T> | undefined;
  #finished = false;
  #failure: Error | undefined;

  constructor(bounds: QueueBounds<T>) {
    this.#limit = bounds.limit;
    this.#weigh = bounds.weigh ?? (() => 1);
  }

  get size(): number {
    return this.#held.length - this.#first;
  }

  async push(item: T, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    if (this.#finished) {
      throw new HansaError('CANCELLED', 'the queue is finished and takes no more');
    }
    const held = { item, weight: this.#weigh(item) };
    if (this.#producers.length === 0 && this.#fits(held)) {
      this.#put(held);
      return;
    }
    await this.#waitForRoom(held, signal);
  }

  async take(signal?: AbortSignal): Promise<T | undefined> {
    signal?.throwIfAborted();
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const item = this.takeNow();
    if (item !== undefined || this.#finished) {
      return item;
    }
    invariant(this.#consumer === undefined, 'a queue has one consumer, which takes one at a time');
    return this.#waitForItem(signal);
  }

  takeNow(): T | undefined {
    const held = this.#held[this.#first];
    if (held === undefined) {
      return undefined;
    }
    this.#held[this.#first] = undefined;
    this.#first += 1;
    this.#weight -= held.weight;
    if (this.#first > compactAfter && this.#first * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
    this.#admitProducers();
    return held.item;
  }

  finish(): void {
    this.#finished = true;
    this.#endConsumer();
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) {
      return;
    }
    this.#failure = error;
    this.#held = [];
    this.#first = 0;
    this.#weight = 0;
    for (const producer of this.#producers.splice(0)) {
      producer.refuse(error);
    }
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.refuse(error);
  }

  #fits(held: Held<T>): boolean {
    return this.size === 0 || this.#weight + held.weight <= this.#limit;
  }

  #put(held: Held<T>): void {
    const consumer = this.#consumer;
    if (consumer !== undefined) {
      this.#consumer = undefined;
      consumer.give(held.item);
      return;
    }
    this.#held.push(held);
    this.#weight += held.weight;
  }

  #admitProducers(): void {
    let next = this.#producers[0];
    while (next !== undefined && this.#fits(next)) {
      this.#producers.shift();
      this.#put(next);
      next.admit();
      next = this.#producers[0];
    }
  }

  #endConsumer(): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.give(undefined);
  }

  #waitForRoom(held: Held<T>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#producers.splice(this.#producers.indexOf(producer), 1);
        reject(signal?.reason);
        // A heavy item may have stood before lighter ones that fit.
        this.#admitProducers();
      };
      const producer: Producer<T> = {
        ...held,
        admit: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
        refuse: (reason) => {
          signal?.removeEventListener('abort', leave);
          reject(reason);
        },
      };
      this.#producers.push(producer);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #waitForItem(signal: AbortSignal | undefined): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#consumer = undefined;
        reject(signal?.reason);
      };
      this.#consumer = {
        give: (item) => {
          signal?.removeEventListener('abort', leave);
          resolve(item);
        },
        refuse: (reason) => {
          signal?.removeEventListener('abort', leave);
          reject(reason);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
