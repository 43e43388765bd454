// A counter that adds up here and sends now and then: for counts that come by the thousand. What
// was sent is counted once, also where the answer was lost and it is sent again within ten minutes;
// what was not sent goes with the program.
import type { Clock } from '@hansa/foundation';

/** A counter as its node answers it. */
export interface CountedUp {
  readonly name: string;
  readonly value: number;
}

export interface BufferedCounterOptions {
  /** `connect(counterContract, …)`. */
  readonly counters: {
    add(input: { name: string; by: number; once?: string | undefined }): Promise<CountedUp>;
  };
  readonly name: string;
  readonly clock: Clock;
  /** One of its own for every program: what is sent again is known by it. */
  readonly id: string;
  /** Sent when so much has come; default `flushAtDefault`. */
  readonly flushAt?: number;
  /** Sent when the oldest of it has waited so long; default `flushMsDefault`. */
  readonly flushMs?: number;
}

export interface BufferedCounter {
  /** Never waits. */
  add(by?: number): void;
  /** What has come and was not answered as counted. */
  readonly pending: number;
  /** Sends what there is; the counter as it was then, undefined where there was nothing. */
  flush(): Promise<CountedUp | undefined>;
  /** Sends what there is, for the last time. */
  close(): Promise<void>;
}

export const flushAtDefault = 1_000; // a thousandth of the calls
export const flushMsDefault = 1_000; // a reader is not behind by more, usually
const sendAgainMs = 250; // a node that restarts is back soon
export function createBufferedCounter(options: BufferedCounterOptions): BufferedCounter {
  return new Buffered(options);
}

interface Batch {
  readonly by: number;
  readonly once: string;
}

class Buffered implements BufferedCounter {
  readonly #options: BufferedCounterOptions;
  readonly #ending = new AbortController();
  #gathered = 0;
  #sent = 0;
  #batch: Batch | undefined;
  #sending: Promise<CountedUp | undefined> | undefined;
  #timer: Promise<void> | undefined;

  constructor(options: BufferedCounterOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#gathered + (this.#batch?.by ?? 0);
  }

  add(by = 1): void {
    this.#gathered += by;
    const { flushAt = flushAtDefault } = this.#options;
    if (Math.abs(this.#gathered) >= flushAt) {
      this.#flushUnheard();
    } else {
      this.#timer ??= this.#later();
    }
  }

  async #later(): Promise<void> {
    const { clock, flushMs = flushMsDefault } = this.#options;
    await clock.sleep(flushMs, this.#ending.signal).catch(() => undefined);
    this.#timer = undefined;
    this.#flushUnheard();
  }

  /** What failed stays pending, and goes with what comes. */
  #flushUnheard(): void {
    this.flush().catch(() => {
      if (!this.#ending.signal.aborted) {
        this.#timer ??= this.#later();
      }
    });
  }

  async flush(): Promise<CountedUp | undefined> {
    // One at a time: a batch that may have been counted is settled before the next is made.
    while (this.#sending !== undefined) {
      await this.#sending.catch(() => undefined);
    }
    this.#sending = this.#send();
    try {
      return await this.#sending;
    } finally {
      this.#sending = undefined;
    }
  }

  async #send(): Promise<CountedUp | undefined> {
    const { counters, name, id } = this.#options;
    if (this.#batch === undefined) {
      if (this.#gathered === 0) {
        return undefined;
      }
      this.#sent += 1;
      this.#batch = { by: this.#gathered, once: `${id}.${this.#sent}` };
      this.#gathered = 0;
    }
    const { by, once } = this.#batch;
    // Where it fails, the same is sent again under the same id: it may have been counted.
    const counted = await counters.add({ name, by, once });
    this.#batch = undefined;
    return counted;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#timer;
    if (this.#batch !== undefined) {
      await this.flush().catch(() => this.#options.clock.sleep(sendAgainMs));
      await this.flush();
    }
    await this.flush();
  }
}
