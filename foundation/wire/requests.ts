// The asking half of a session: the calls and watches this side has made, and what comes back to
// them.
import { cancellation } from '../cancellation.ts';
import type { Clock } from '../clock.ts';
import type { AnyContract, Carrier } from '../contract.ts';
import { errorOf, HansaError } from '../errors.ts';
import { breach, type Frame, type FrameCoder } from './frames.ts';
import { watchBytesMin, type WireLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { versionToAsk, type Spoken } from './versions.ts';
import { WatchReader, type WatchLine } from './reader.ts';

export interface RequestsNeeds {
  readonly coder: FrameCoder;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly limits: WireLimits;
  /** What the far side serves; undefined where both sides are of one build. */
  readonly spoken?: Spoken | undefined;
}

interface AskedCall {
  readonly kind: 'call';
  readonly deadlineMs: number;
  result(value: unknown): void;
  failed(error: HansaError): void;
}
interface AskedWatch {
  readonly kind: 'watch';
  readonly reader: WatchReader;
  readonly bytes: number;
}
/**
 * Given up here; its last frame is still to come, and until then the far side may be busy with it.
 */
interface Left {
  readonly kind: 'left';
  readonly wasWatch: boolean;
}
type Asked = AskedCall | AskedWatch | Left;

interface Target {
  readonly contract: AnyContract;
  readonly method: string;
  readonly input: unknown;
}

export class Requests {
  readonly #needs: RequestsNeeds;
  readonly #asked = new Map<number, Asked>();
  readonly #timer = new AbortController();
  #lastId = 0;
  #watches = 0;
  #reservedBytes = 0;
  #bufferedBytes = 0;
  #sweeping = false;
  #closed: HansaError | undefined;

  constructor(needs: RequestsNeeds) {
    this.#needs = needs;
  }

  readonly carrier: Carrier = {
    call: (contract, method, input, { signal }) => this.#call({ contract, method, input }, signal),
    watch: (contract, method, input, { signal }) => ({
      [Symbol.asyncIterator]: () =>
        new WatchReader({
          open: (reader) => this.#openWatch({ contract, method, input }, reader),
          buffered: (bytes) => this.#buffered(bytes),
          signal,
        }),
    }),
  };

  /** Takes a result, error, item or end; PROTOCOL_BREACH where nothing here waits for it. */
  take(frame: Frame, bytes: number): void {
    const one = this.#asked.get(frame.id);
    if (one === undefined) {
      throw breach('an answer came to a question nobody asked');
    }
    if (frame.kind !== 'item') {
      this.#forget(frame.id, one);
    }
    settle(one, frame, bytes);
  }

  close(cause: HansaError): void {
    this.#closed = closedBy(cause);
    this.#timer.abort(cause);
    for (const one of this.#asked.values()) {
      fail(one, this.#closed);
    }
    this.#asked.clear();
  }

  #call(target: Target, signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        throw cancellation(signal);
      }
      this.#admit();
      const { clock, limits } = this.#needs;
      const id = this.#ask(target, undefined);
      const abort = (): void => {
        if (signal !== undefined) {
          this.#leave(id);
          reject(cancellation(signal));
        }
      };
      const unhook = (): void => signal?.removeEventListener('abort', abort);
      this.#asked.set(id, {
        kind: 'call',
        deadlineMs: clock.monotonicMs() + limits.callTimeoutMs,
        result: (value) => {
          unhook();
          resolve(value);
        },
        failed: (error) => {
          unhook();
          reject(error);
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#startSweep();
    });
  }

  #openWatch(target: Target, reader: WatchReader): WatchLine {
    const { coder, limits, outbox } = this.#needs;
    this.#admit();
    if (this.#watches >= limits.watchesMax) {
      throw busy(`${this.#watches} watches are open`);
    }
    const bytes = fairShare(limits, this.#reservedBytes);
    const items = limits.watchItems;
    const id = this.#ask(target, { items, bytes });
    this.#watches += 1;
    this.#reservedBytes += bytes;
    this.#asked.set(id, { kind: 'watch', reader, bytes });
    return {
      items,
      bytes,
      credit: (more, moreBytes) =>
        outbox.push(coder.encode({ kind: 'credit', id, items: more, bytes: moreBytes })),
      leave: () => this.#leave(id),
    };
  }

  #admit(): void {
    if (this.#closed !== undefined) {
      throw this.#closed;
    }
    if (this.#asked.size >= this.#needs.limits.requestsMax) {
      throw busy(`${this.#asked.size} requests are under way`);
    }
    if (this.#needs.outbox.queuedBytes() >= this.#needs.limits.queuedBytesMax) {
      throw busy('the far side does not read what is queued');
    }
  }

  /**
   * Sends the request under the next id, or throws and has used none: ids must be seen to
   * increase.
   */
  #ask(target: Target, credit: { items: number; bytes: number } | undefined): number {
    const id = this.#lastId + 1;
    const { contract, method, input } = target;
    const { spoken } = this.#needs;
    const version =
      spoken === undefined ? contract.version : versionToAsk(contract, method, spoken);
    const named = { id, contract: contract.name, version, method, input };
    const frame = this.#needs.coder.encode(
      credit === undefined
        ? { kind: 'call', ...named, items: 0, bytes: 0 }
        : { kind: 'watch', ...named, ...credit },
    );
    this.#lastId = id;
    this.#needs.outbox.push(frame);
    return id;
  }

  #leave(id: number): void {
    const one = this.#asked.get(id);
    if (one === undefined || one.kind === 'left') {
      return;
    }
    this.#reservedBytes -= one.kind === 'watch' ? one.bytes : 0;
    this.#asked.set(id, { kind: 'left', wasWatch: one.kind === 'watch' });
    this.#needs.outbox.push(this.#needs.coder.encode({ kind: 'cancel', id }));
  }

  #forget(id: number, one: Asked): void {
    this.#asked.delete(id);
    this.#watches -= one.kind === 'watch' || (one.kind === 'left' && one.wasWatch) ? 1 : 0;
    this.#reservedBytes -= one.kind === 'watch' ? one.bytes : 0;
  }

  #buffered(bytes: number): void {
    this.#bufferedBytes += bytes;
    if (bytes > 0 && this.#bufferedBytes > this.#needs.limits.bufferedBytesMax) {
      throw breach('more items came than all watches together may hold');
    }
  }

  #startSweep(): void {
    if (!this.#sweeping) {
      this.#sweeping = true;
      // Rejects only where the session closed, and then nobody waits for it.
      this.#sweep().then(
        () => (this.#sweeping = false),
        () => undefined,
      );
    }
  }

  /**
   * One timer for all calls: they wait equally long, so the oldest is always the next to expire.
   */
  async #sweep(): Promise<void> {
    const { clock, limits } = this.#needs;
    for (let next = oldestCall(this.#asked); next !== undefined; next = oldestCall(this.#asked)) {
      const waitMs = next.call.deadlineMs - clock.monotonicMs();
      if (waitMs > 0) {
        await clock.sleep(waitMs, this.#timer.signal);
      } else {
        this.#leave(next.id);
        next.call.failed(tooLate(limits.callTimeoutMs));
      }
    }
  }
}

function settle(one: Asked, frame: Frame, bytes: number): void {
  if (frame.kind === 'error') {
    fail(one, errorOf(frame.report));
  } else if (one.kind === 'call' && frame.kind === 'result') {
    one.result(frame.value);
  } else if (one.kind === 'watch' && frame.kind === 'item') {
    one.reader.arrived(frame.value, bytes);
  } else if (one.kind === 'watch' && frame.kind === 'end') {
    one.reader.ended(undefined);
  } else if (one.kind !== 'left') {
    const wrong = breach(`a ${one.kind} was answered by "${frame.kind}"`);
    fail(one, closedBy(wrong));
    throw wrong;
  }
}

function fail(one: Asked, error: HansaError): void {
  if (one.kind === 'call') {
    one.failed(error);
  } else if (one.kind === 'watch') {
    one.reader.ended(error);
  }
}

function oldestCall(
  asked: ReadonlyMap<number, Asked>,
): { readonly id: number; readonly call: AskedCall } | undefined {
  for (const [id, one] of asked) {
    if (one.kind === 'call') {
      return { id, call: one };
    }
  }
  return undefined;
}

// Half of the buffer is promised, an eighth of what is free at a time: the many get less, nobody
// nothing.
function fairShare(limits: WireLimits, reservedBytes: number): number {
  const free = limits.bufferedBytesMax / 2 - reservedBytes;
  return Math.max(watchBytesMin, Math.min(limits.watchBytes, Math.floor(free / 8)));
}

function busy(sentence: string): HansaError {
  return new HansaError('RATE_LIMITED', `${sentence}: this connection takes no more now`);
}

function tooLate(ms: number): HansaError {
  return new HansaError('TIMED_OUT', `no answer came within ${ms / 1_000} s`);
}

function closedBy(cause: HansaError): HansaError {
  return new HansaError('CONNECTION_CLOSED', `the connection ended: ${cause.message}`, { cause });
}
