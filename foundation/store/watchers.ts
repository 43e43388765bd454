// Watchers of an embedded store. A watcher first reads what it missed from the log, then stands in
// line for what is committed, in a queue with an end: whoever is too slow is told where to resume.
import { compareBytes, startsWith } from '../bytes.ts';
import { HansaError } from '../errors.ts';
import type { Committed, CommittedEvent } from './transaction.ts';
import type { Revision, WatchBatch, WatchEvent } from './store.ts';

export const progressRevisions = 1_000; // a quiet watcher's mark is never further behind than this

export type WatchTarget = { readonly key: Uint8Array } | { readonly prefix: Uint8Array };

export interface WatchOptions {
  readonly from?: Revision;
  readonly prev?: boolean;
  readonly signal: AbortSignal;
}

export interface WatchersNeeds {
  readonly batchesMax: number;
  /** The newest published revision. */
  readonly head: () => Revision;
  /** Throws STORE_COMPACTED or STORE_FUTURE_REVISION where nothing can be read after it. */
  readonly assertKept: (revision: Revision) => void;
  /** Some published revisions after the given one, in order; none where it is the newest. */
  readonly readAfter: (revision: Revision) => readonly Committed[];
}

class Watcher {
  readonly #target: WatchTarget;
  readonly #withPrev: boolean;
  readonly #queue: WatchBatch[] = [];
  #wake: (() => void) | undefined;
  /** The last revision that was handed to the reader: where a reader that failed resumes. */
  delivered: Revision;
  #marked: Revision;
  failure: HansaError | undefined;

  constructor(target: WatchTarget, from: Revision, withPrev: boolean) {
    this.#target = target;
    this.#withPrev = withPrev;
    this.delivered = from;
    this.#marked = from;
  }

  match(committed: Committed): WatchBatch | undefined {
    const events: WatchEvent[] = [];
    for (const event of committed.events) {
      if (this.#covers(event.key)) {
        events.push(watchEvent(event, this.#withPrev));
      }
    }
    return events.length === 0 ? undefined : { revision: committed.revision, events };
  }

  #covers(key: Uint8Array): boolean {
    return 'key' in this.#target
      ? compareBytes(key, this.#target.key) === 0
      : startsWith(key, this.#target.prefix);
  }

  offer(committed: Committed, batchesMax: number): void {
    if (this.failure !== undefined) {
      return; // what comes behind a gap is not shown: the reader is told first
    }
    const batch = this.match(committed);
    if (batch !== undefined) {
      this.#queue.push(batch);
      this.#marked = committed.revision;
    } else if (committed.revision - this.#marked >= progressRevisions) {
      this.#mark(committed.revision);
    } else {
      return;
    }
    if (this.#queue.length > batchesMax) {
      this.fail(
        new HansaError('STORE_WATCH_OVERFLOW', `the watcher is ${batchesMax} revisions behind`, {
          facts: { resume: this.delivered, limit: batchesMax },
        }),
      );
    }
    this.wake();
  }

  #mark(progress: Revision): void {
    this.#marked = progress;
    const last = this.#queue.at(-1);
    if (last !== undefined && 'progress' in last) {
      this.#queue.pop();
    }
    this.#queue.push({ progress });
  }

  fail(failure: HansaError): void {
    this.#queue.length = 0;
    this.failure ??= failure;
    this.wake();
  }

  next(): WatchBatch | undefined {
    return this.#queue.shift();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function watchEvent(event: CommittedEvent, withPrev: boolean): WatchEvent {
  const { key, entry, prev } = event;
  const type = entry === null ? 'delete' : 'put';
  return withPrev && prev !== null ? { type, key, entry, prev } : { type, key, entry };
}

export class Watchers {
  readonly #needs: WatchersNeeds;
  readonly #live = new Set<Watcher>();
  #closed: HansaError | undefined;

  constructor(needs: WatchersNeeds) {
    this.#needs = needs;
  }

  /** In order of revisions, and only once they are durable. */
  publish(committed: Committed): void {
    for (const watcher of this.#live) {
      watcher.offer(committed, this.#needs.batchesMax);
    }
  }

  /** Every watcher, and whoever comes later, fails with this. */
  close(failure: HansaError): void {
    this.#closed = failure;
    for (const watcher of this.#live) {
      watcher.fail(failure);
    }
  }

  /** `from now on` is from the call on, not from the first read of the iterator. */
  watch(target: WatchTarget, options: WatchOptions): AsyncIterable<WatchBatch> {
    const from = options.from ?? this.#needs.head();
    return { [Symbol.asyncIterator]: () => this.#iterate(target, from, options) };
  }

  async *#iterate(
    target: WatchTarget,
    from: Revision,
    options: WatchOptions,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const { signal, prev = false } = options;
    const watcher = new Watcher(target, from, prev);
    yield* this.#catchUp(watcher, signal);
    if (signal.aborted) {
      return;
    }
    // No await stands between the last empty read and this line, so no revision falls between.
    const stop = (): void => watcher.wake();
    this.#live.add(watcher);
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield { progress: watcher.delivered };
      yield* this.#follow(watcher, signal);
    } finally {
      this.#live.delete(watcher);
      signal.removeEventListener('abort', stop);
    }
  }

  async *#catchUp(
    watcher: Watcher,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    while (!signal.aborted) {
      if (this.#closed !== undefined) {
        throw this.#closed;
      }
      this.#needs.assertKept(watcher.delivered);
      const page = this.#needs.readAfter(watcher.delivered);
      if (page.length === 0) {
        return;
      }
      for (const committed of page) {
        watcher.delivered = committed.revision;
        const batch = watcher.match(committed);
        if (batch !== undefined && !signal.aborted) {
          yield batch;
        }
      }
    }
  }

  async *#follow(
    watcher: Watcher,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    while (!signal.aborted) {
      const batch = watcher.next();
      if (batch !== undefined) {
        watcher.delivered = 'progress' in batch ? batch.progress : batch.revision;
        yield batch;
      } else if (watcher.failure !== undefined) {
        throw watcher.failure;
      } else {
        await watcher.changed();
      }
    }
  }
}
