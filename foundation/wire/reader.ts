// The reading end of one watch over the wire: what has arrived and was not read yet, bounded by the
// credit this side has given and gives again as its reader goes on.
import { cancellation } from '../cancellation.ts';
import type { HansaError } from '../errors.ts';
import { breach } from './frames.ts';

/** An open watch as its reader sees the far side. */
export interface WatchLine {
  /** The credit it was opened with. */
  readonly items: number;
  readonly bytes: number;
  credit(items: number, bytes: number): void;
  leave(): void;
}

export interface WatchReaderNeeds {
  /** Opens the watch at the far side; called at the first `next`. */
  open(reader: WatchReader): WatchLine;
  /** Counts what is buffered, over all watches of the session. */
  buffered(bytes: number): void;
  readonly signal: AbortSignal | undefined;
}

interface Waiting {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

const done: IteratorResult<unknown, undefined> = { done: true, value: undefined };

export class WatchReader implements AsyncIterator<unknown, undefined> {
  readonly #needs: WatchReaderNeeds;
  readonly #buffer: { value: unknown; bytes: number }[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #left = { items: 0, bytes: 0 };
  readonly #taken = { items: 0, bytes: 0 };
  #line: WatchLine | undefined;
  #over = false;
  #failure: unknown;

  constructor(needs: WatchReaderNeeds) {
    this.#needs = needs;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      const first = this.#buffer.shift();
      if (first !== undefined) {
        this.#needs.buffered(-first.bytes);
        resolve({ done: false, value: first.value });
        this.#took(first.bytes);
        return;
      }
      this.#waiting.push({ resolve, reject });
      if (this.#over) {
        this.#settle();
      } else if (this.#line === undefined) {
        this.#open();
      }
    });
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#leave(undefined);
    return done;
  }

  /** PROTOCOL_BREACH where no credit was left for it. */
  arrived(value: unknown, bytes: number): void {
    if (this.#left.items < 1 || this.#left.bytes < 1) {
      throw breach('an item came without credit');
    }
    this.#left.items -= 1;
    this.#left.bytes -= bytes;
    const first = this.#waiting.shift();
    if (first === undefined) {
      this.#buffer.push({ value, bytes });
      this.#needs.buffered(bytes);
    } else {
      first.resolve({ done: false, value });
      this.#took(bytes);
    }
  }

  /** No more comes; what has arrived can still be read, then the failure is thrown once. */
  ended(failure: unknown): void {
    if (!this.#over) {
      this.#over = true;
      this.#failure = failure;
      this.#needs.signal?.removeEventListener('abort', this.#abort);
      this.#settle();
    }
  }

  #open(): void {
    const { signal } = this.#needs;
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted === true) {
      this.#abort();
      return;
    }
    try {
      this.#line = this.#needs.open(this);
      this.#left.items = this.#line.items;
      this.#left.bytes = this.#line.bytes;
    } catch (error) {
      this.ended(error);
    }
  }

  readonly #abort = (): void => {
    if (this.#needs.signal !== undefined) {
      this.#leave(cancellation(this.#needs.signal));
    }
  };

  #leave(why: HansaError | undefined): void {
    const wasOpen = !this.#over && this.#line !== undefined;
    for (const { bytes } of this.#buffer.splice(0)) {
      this.#needs.buffered(-bytes);
    }
    this.#failure = undefined;
    this.ended(why);
    if (wasOpen) {
      this.#line?.leave();
    }
  }

  // Given back by halves: often enough that the sender never stands still, seldom enough to be
  // cheap.
  #took(bytes: number): void {
    const [taken, line] = [this.#taken, this.#line];
    taken.items += 1;
    taken.bytes += bytes;
    const isHalf =
      line !== undefined && (2 * taken.items >= line.items || 2 * taken.bytes >= line.bytes);
    if (isHalf && !this.#over) {
      this.#left.items += taken.items;
      this.#left.bytes += taken.bytes;
      line.credit(taken.items, taken.bytes);
      taken.items = 0;
      taken.bytes = 0;
    }
  }

  /** Tells those who wait that it is over; the first of them why. */
  #settle(): void {
    for (const one of this.#waiting.splice(0)) {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure === undefined) {
        one.resolve(done);
      } else {
        one.reject(failure);
      }
    }
  }
}
