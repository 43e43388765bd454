// What a watcher has not read yet: whole revisions, in order, each once, in a queue with an end.
import {
  HansaError,
  storeLimits,
  type Revision,
  type WatchBatch,
  type WatchEvent,
} from '@hansa/foundation';
import type { Keyspace } from './keyspace.ts';
import { eventDelete, type EventMessage, type WatchResponse } from './messages-watch.ts';

const catchUpBatches = 512; // old changes are read no further ahead of the reader than this

/** The stream that feeds it now. */
export interface Source {
  readonly stream: { pause(): unknown; resume(): unknown };
  /** Called when the feed needs no more. */
  readonly over: () => void;
}

export class Feed {
  readonly #queue: WatchBatch[] = [];
  #wake: (() => void) | undefined;
  #source: Source | undefined;
  #failure: HansaError | undefined;
  #isStopped = false;
  #isHeld = false;
  #isFirst = true;
  /** Of a revision that has not come whole. */
  #part: EventMessage[] = [];
  /** The newest revision when the stream was opened: up to there, changes are old. */
  #opened: Revision = 0;
  /** The last revision that was put into the queue. */
  #reached: Revision;
  /** The last one that was handed to the reader: where a reader that failed resumes. */
  #delivered: Revision;

  /** After an answer that was too large to be taken whole. */
  inParts = false;

  constructor(from: Revision) {
    this.#reached = from;
    this.#delivered = from;
  }

  get reached(): Revision {
    return this.#reached;
  }

  get hasDelivered(): boolean {
    return !this.#isFirst;
  }

  get isOver(): boolean {
    return this.#isStopped || this.#failure !== undefined;
  }

  attach(source: Source): void {
    this.#source = source;
    if (this.isOver) {
      source.over();
    }
  }

  detach(): void {
    this.#source = undefined;
    this.#part = [];
    this.#isHeld = false;
  }

  /** The stream stands, and etcd had this revision then. */
  opened(revision: Revision): void {
    this.#opened = revision;
    // Where nothing has happened since, the watcher has caught up, and is told so at once.
    if (this.#isFirst && revision <= this.#reached) {
      this.#push({ progress: this.#reached });
    }
    this.#isFirst = false;
  }

  /** A feed that nothing was put into yet begins later. */
  skipTo(revision: Revision): void {
    this.#reached = revision;
    this.#delivered = revision;
  }

  take({ events, header, fragment }: WatchResponse, keys: Keyspace): void {
    if (this.isOver) {
      return;
    }
    const whole = [...this.#part.splice(0), ...events];
    if (whole.length === 0) {
      this.#mark(header?.revision ?? 0);
      return;
    }
    const revisions = [...byRevision(whole)];
    if (fragment) {
      // Of the last revision more may come.
      this.#part = revisions.pop()?.[1] ?? [];
    }
    for (const [revision, some] of revisions) {
      // A member that is asked again may tell again what came already.
      if (revision > this.#reached && !this.isOver) {
        this.#reached = revision;
        this.#push({ revision, events: some.map((event) => watchEvent(event, keys)) });
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#end();
  }

  fail(failure: HansaError): void {
    this.#failure ??= failure;
    this.#queue.length = 0;
    this.#end();
  }

  /** For a while, or until the feed is over. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), ms);
      const done = (): void => {
        clearTimeout(timer);
        this.#source = undefined;
        resolve();
      };
      this.attach({ stream: { pause: () => undefined, resume: () => undefined }, over: done });
    });
  }

  async *batches(): AsyncGenerator<WatchBatch, void, undefined> {
    while (!this.#isStopped) {
      const batch = this.#queue.shift();
      if (batch !== undefined) {
        this.#delivered = 'progress' in batch ? batch.progress : batch.revision;
        this.#release();
        yield batch;
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #mark(progress: Revision): void {
    if (progress <= this.#reached) {
      return;
    }
    this.#reached = progress;
    const last = this.#queue.at(-1);
    if (last !== undefined && 'progress' in last) {
      this.#queue.pop();
    }
    this.#push({ progress });
  }

  #push(batch: WatchBatch): void {
    this.#queue.push(batch);
    const limit = storeLimits.watchBatchesMax;
    if (this.#queue.length > limit) {
      this.fail(
        new HansaError('STORE_WATCH_OVERFLOW', `the watcher is ${limit} revisions behind`, {
          facts: { resume: this.#delivered, limit },
        }),
      );
    } else if (this.#queue.length >= catchUpBatches && this.#reached <= this.#opened) {
      this.#isHeld = true;
      this.#source?.stream.pause();
    }
    this.#awaken();
  }

  #release(): void {
    if (this.#isHeld && this.#queue.length < catchUpBatches / 2) {
      this.#isHeld = false;
      this.#source?.stream.resume();
    }
  }

  #end(): void {
    this.#source?.over();
    this.#awaken();
  }

  #awaken(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function byRevision(events: readonly EventMessage[]): Map<Revision, EventMessage[]> {
  const groups = new Map<Revision, EventMessage[]>();
  for (const event of events) {
    const revision = event.kv?.modRevision ?? 0;
    const group = groups.get(revision);
    if (group === undefined) {
      groups.set(revision, [event]);
    } else {
      group.push(event);
    }
  }
  return groups;
}

function watchEvent({ type, kv, prevKv }: EventMessage, keys: Keyspace): WatchEvent {
  if (kv === undefined) {
    throw new HansaError('OUTPUT_INVALID', 'etcd told of a change without its key');
  }
  const key = keys.out(kv.key);
  const entry = type === eventDelete ? null : keys.entry(kv);
  const event = { type: entry === null ? 'delete' : 'put', key, entry } as const;
  return prevKv === undefined ? event : { ...event, prev: keys.entry(prevKv) };
}
