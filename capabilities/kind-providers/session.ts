// One program at work for one kind: a line of items, handed out one by one, each until it is
// answered or its time is over. A session that is over takes nothing with it: whoever waited is
// told, and asks again.
import { deadline, HansaError, type Clock } from '@hansa/foundation';
import { answerWithinMs, workQueueMax } from './contract.ts';
import type { Work } from './work.ts';

export interface Answer {
  readonly accept: boolean;
  readonly reason?: string | undefined;
}

export interface SessionNeeds {
  readonly clock: Clock;
  readonly kind: string;
  readonly provider: string;
  readonly lease: string;
}

export interface Session {
  readonly provider: string;
  readonly lease: string;
  readonly sinceMs: number;
  readonly waiting: number;
  /** Aborts when the session is over, with the reason. */
  readonly signal: AbortSignal;
  /** Stands in line; rejects with KIND_UNAVAILABLE where the session ends before the answer. */
  ask(work: Work, signal?: AbortSignal): Promise<Answer>;
  /** Before everything that stands in line, in this order. */
  askFirst(works: readonly Work[]): readonly Promise<Answer>[];
  /** The item that waits for an answer now; WORK_OVER for any other. */
  requireAsked(work: string, lease?: string): void;
  answer(work: string, lease: string, answer: Answer): void;
  /**
   * The next item, which is asked from now on; undefined where there was none, after `patienceMs`
   * or as soon as there may be one.
   */
  next(patienceMs: number): Promise<Work | undefined>;
  /** Resolves when the item that was handed out last is answered; rejects when the session ends. */
  answered(): Promise<void>;
  /** There may be other work now: `next` gives up waiting. */
  nudge(): void;
  end(reason: HansaError): void;
}

interface Asked {
  readonly work: Work;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
  /** Of whoever asked; what nobody waits for any more is not handed out. */
  readonly signal: AbortSignal | undefined;
}

export function createSession(needs: SessionNeeds): Session {
  return new ProviderSession(needs);
}

class ProviderSession implements Session {
  readonly provider: string;
  readonly lease: string;
  readonly sinceMs: number;
  readonly #needs: SessionNeeds;
  readonly #over = new AbortController();
  readonly #line: Asked[] = [];
  #out: (Asked & { readonly done: Promise<void>; finish(): void }) | undefined;
  #wake = (): void => undefined;
  #nudged = false;

  constructor(needs: SessionNeeds) {
    this.#needs = needs;
    this.provider = needs.provider;
    this.lease = needs.lease;
    this.sinceMs = needs.clock.now();
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get waiting(): number {
    return this.#line.length + (this.#out === undefined ? 0 : 1);
  }

  ask(work: Work, signal?: AbortSignal): Promise<Answer> {
    if (this.#line.length >= workQueueMax) {
      const { kind } = this.#needs;
      const told = `${workQueueMax} items wait for kind "${kind}"`;
      return Promise.reject(new HansaError('KIND_UNAVAILABLE', told));
    }
    return this.#stand(work, { signal, at: this.#line.length });
  }

  askFirst(works: readonly Work[]): readonly Promise<Answer>[] {
    return works.map((work, at) => this.#stand(work, { signal: undefined, at }));
  }

  #stand(
    work: Work,
    { signal, at }: { readonly signal: AbortSignal | undefined; readonly at: number },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#over.signal.aborted) {
        throw this.#unavailable();
      }
      this.#line.splice(at, 0, { work, resolve, reject, signal });
      this.#wake();
    });
  }

  requireAsked(work: string, lease?: string): void {
    const asked = this.#out?.work.work === work && !this.#over.signal.aborted;
    if (!asked || (lease !== undefined && lease !== this.lease)) {
      throw new HansaError('WORK_OVER', 'nobody waits for this answer any more', {
        fix: 'go on with the next item; what still matters is handed out again',
      });
    }
  }

  answer(work: string, lease: string, answer: Answer): void {
    this.requireAsked(work, lease);
    const out = this.#out;
    this.#out = undefined;
    out?.resolve(answer);
    out?.finish();
  }

  async next(patienceMs: number): Promise<Work | undefined> {
    this.#over.signal.throwIfAborted();
    const asked = this.#take();
    if (asked === undefined) {
      await this.#waitForWork(patienceMs);
      return undefined;
    }
    let finish = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    this.#out = { ...asked, done, finish };
    this.#limit(done);
    return asked.work;
  }

  async answered(): Promise<void> {
    await this.#out?.done;
    this.#over.signal.throwIfAborted();
  }

  nudge(): void {
    this.#nudged = true;
    this.#wake();
  }

  end(reason: HansaError): void {
    if (this.#over.signal.aborted) {
      return;
    }
    this.#over.abort(reason);
    const out = this.#out;
    this.#out = undefined;
    for (const { reject } of [...(out === undefined ? [] : [out]), ...this.#line.splice(0)]) {
      reject(this.#unavailable());
    }
    out?.finish();
    this.#wake();
  }

  #take(): Asked | undefined {
    for (;;) {
      const first = this.#line.shift();
      if (first === undefined || first.signal?.aborted !== true) {
        return first;
      }
      first.reject(first.signal.reason);
    }
  }

  async #waitForWork(patienceMs: number): Promise<void> {
    const timer = new AbortController();
    this.#wake = () => timer.abort();
    if (!this.#nudged) {
      await this.#needs.clock.sleep(patienceMs, timer.signal).catch(() => undefined);
    }
    this.#nudged = false;
    this.#wake = () => undefined;
    this.#over.signal.throwIfAborted();
  }

  /** The time of an item runs from the moment it is handed out, read or not. */
  #limit(done: Promise<void>): void {
    const late = (): HansaError =>
      new HansaError('TIMED_OUT', `no answer came within ${answerWithinMs / 1_000} s`);
    const limit = deadline(this.#needs.clock, answerWithinMs, { reason: late });
    const expire = (): void => this.end(late());
    limit.signal.addEventListener('abort', expire, { once: true });
    void done.then(() => limit.done());
  }

  #unavailable(): HansaError {
    const { kind } = this.#needs;
    return new HansaError('KIND_UNAVAILABLE', `the program that served kind "${kind}" went away`, {
      cause: this.#over.signal.reason,
    });
  }
}
