// The chunks of one blob from several sources at once: each is given as many as it delivers in
// about a second, what a source does not deliver another one is asked for, and who delivers a bad
// chunk is left.
import {
  abortable,
  blobChunkBytes,
  deadline,
  HansaError,
  isHansaError,
  type BlobReceipt,
  type Clock,
} from '@hansa/foundation';
import { chunksPerRequestMax } from './wire.ts';

const requestMs = 1_000; // of work in one request: long beside a round trip, short beside patience
// more than a request over a long path costs; below it, asking twice wastes more than it brings
const behindMs = 250;
const firstShare = 4; // chunks asked of a source of which nothing is known yet
// a source that is silent for so long is left, where another one is there
const stalledMs = 15_000;
// where none is: one chunk over 56 kbit/s takes 150 s, and giving up would only begin it anew
const stalledAloneMs = 300_000;
// chunks on their way to the disk while the next one arrives
const writesAhead = 4;
const failuresMax = 3; // in a row without a chunk; the mirror's own backoff comes after that

export interface ChunkSource {
  /** Named in errors. */
  readonly name: string;
  chunks(indexes: readonly number[], signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface Spreading {
  readonly clock: Clock;
  readonly receipt: BlobReceipt;
  readonly sources: readonly ChunkSource[];
  readonly signal: AbortSignal;
  arrived(bytes: number): void;
  /** The source is left because of this. */
  left(source: ChunkSource, error: unknown): void;
}

interface Worker {
  readonly source: ChunkSource;
  /** Asked of it and not yet delivered. */
  readonly pending: Set<number>;
  chunksPerMs: number | undefined;
  failures: number;
  isLeft: boolean;
}

interface Board extends Spreading {
  /** Asked of nobody yet, ascending. */
  readonly todo: number[];
  readonly workers: readonly Worker[];
  /** Aborts when every chunk is here: what is still under way is not needed. */
  readonly done: AbortController;
  readonly waiting: Set<() => void>;
  failure: unknown;
}

/** Resolves when nothing is missing; rejects with the last failure where no source is left. */
export async function spreadChunks(spreading: Spreading): Promise<void> {
  const { receipt, sources, signal } = spreading;
  const board: Board = {
    ...spreading,
    todo: [...receipt.missing()],
    workers: sources.map((source) => ({
      source,
      pending: new Set(),
      chunksPerMs: undefined,
      failures: 0,
      isLeft: false,
    })),
    done: new AbortController(),
    waiting: new Set(),
    failure: new HansaError('BLOB_INCOMPLETE', 'no source has the blob'),
  };
  const stop = (): void => finish(board);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.all(board.workers.map((worker) => work(board, worker)));
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  if (receipt.missing().length > 0) {
    throw board.failure;
  }
}

async function work(board: Board, worker: Worker): Promise<void> {
  while (!board.done.signal.aborted && !worker.isLeft) {
    const indexes = nextFor(board, worker);
    if (indexes.length === 0) {
      if (board.receipt.missing().length === 0) {
        finish(board);
        return;
      }
      await somethingChanged(board);
      continue;
    }
    indexes.forEach((index) => worker.pending.add(index));
    try {
      await request(board, worker, indexes);
    } catch (error) {
      failed(board, worker, error);
    }
    giveBack(board, worker);
  }
  giveBack(board, worker);
}

/** As many as it delivers in a second; at the end, what slower ones still owe. */
function nextFor(board: Board, worker: Worker): readonly number[] {
  const { todo, workers } = board;
  const present = workers.filter((each) => !each.isLeft);
  if (present.length === 1) {
    return todo.splice(0, chunksPerRequestMax);
  }
  const rate = worker.chunksPerMs;
  const share = rate === undefined ? firstShare : Math.max(1, Math.round(rate * requestMs));
  if (todo.length > 0) {
    // Nobody takes so much of the rest that others wait for it.
    const fair = Math.max(1, Math.ceil(todo.length / present.length));
    return todo.splice(0, Math.min(share, fair, chunksPerRequestMax));
  }
  const owed = present
    .filter((each) => each !== worker && isBehind(each))
    .flatMap((each) => [...each.pending]);
  const askedTwice = (index: number): boolean =>
    present.filter((each) => each.pending.has(index)).length > 1;
  return owed.filter((index) => !askedTwice(index)).slice(-share);
}

/** What it still owes takes it longer than asking another one for it would. */
function isBehind({ chunksPerMs, pending }: Worker): boolean {
  return chunksPerMs === undefined || pending.size / chunksPerMs > behindMs;
}

async function request(board: Board, worker: Worker, indexes: readonly number[]): Promise<void> {
  const attempt = new AbortController();
  const signal = AbortSignal.any([board.done.signal, attempt.signal]);
  const items = worker.source.chunks(indexes, signal)[Symbol.asyncIterator]();
  const begunMs = board.clock.monotonicMs();
  const writes: Promise<void>[] = [];
  let arrived = 0;
  try {
    for (;;) {
      const item = await nextInTime(board, items);
      if (item.done === true) {
        break;
      }
      const index = indexes[arrived];
      if (index === undefined || item.value.length > blobChunkBytes) {
        throw new HansaError('BLOB_CORRUPT', `${worker.source.name} sent more than was asked for`);
      }
      arrived += 1;
      const write = accept(board, worker, { index, bytes: item.value, begunMs, arrived });
      write.catch(() => undefined); // it is awaited a few chunks later
      writes.push(write);
      await (writes.length > writesAhead ? writes.shift() : undefined);
    }
    await Promise.all(writes);
  } finally {
    attempt.abort();
    await Promise.allSettled(writes);
  }
  if (arrived < indexes.length) {
    const { name } = worker.source;
    throw new HansaError('BLOB_INCOMPLETE', `${name} stopped after ${arrived} chunks`);
  }
}

async function accept(
  board: Board,
  worker: Worker,
  chunk: {
    readonly index: number;
    readonly bytes: Uint8Array;
    readonly begunMs: number;
    readonly arrived: number;
  },
): Promise<void> {
  const { index, bytes, begunMs, arrived } = chunk;
  await board.receipt.accept(index, bytes);
  if (worker.pending.delete(index)) {
    board.arrived(bytes.length);
  }
  worker.failures = 0;
  worker.chunksPerMs = arrived / Math.max(1, board.clock.monotonicMs() - begunMs);
  if (board.receipt.missing().length === 0) {
    finish(board);
  }
}

async function nextInTime(
  board: Board,
  items: AsyncIterator<Uint8Array>,
): Promise<IteratorResult<Uint8Array>> {
  const alone = board.workers.filter((each) => !each.isLeft).length === 1;
  const limit = deadline(board.clock, alone ? stalledAloneMs : stalledMs, {
    reason: () => new HansaError('TIMED_OUT', 'no chunk came in time'),
  });
  try {
    return await abortable(items.next(), limit.signal);
  } finally {
    limit.done();
  }
}

function failed(board: Board, worker: Worker, error: unknown): void {
  if (board.done.signal.aborted) {
    return; // all is here, or nobody wants it any more
  }
  worker.failures += 1;
  const isPassing = isHansaError(error, 'CONNECTION_CLOSED') || isHansaError(error, 'TIMED_OUT');
  const alone = board.workers.filter((each) => !each.isLeft).length === 1;
  const stalls = isHansaError(error, 'TIMED_OUT') && !alone;
  if (isPassing && !stalls && worker.failures < failuresMax) {
    return;
  }
  worker.isLeft = true;
  board.failure = error;
  board.left(worker.source, error);
}

/** What it was asked for and has not delivered, others may be asked for. */
function giveBack(board: Board, worker: Worker): void {
  const { todo, workers, receipt } = board;
  const missing = new Set(worker.pending.size > 0 ? receipt.missing() : []);
  for (const index of worker.pending) {
    const elsewhere = workers.some((each) => each !== worker && each.pending.has(index));
    if (missing.has(index) && !elsewhere) {
      todo.push(index);
    }
  }
  worker.pending.clear();
  todo.sort((a, b) => a - b);
  wake(board);
}

function finish(board: Board): void {
  board.done.abort(new HansaError('CANCELLED', 'the chunks are not needed any more'));
  wake(board);
}

/** One waits only where another is at work, and it wakes all when its request is over. */
function somethingChanged(board: Board): Promise<void> {
  return new Promise((resolve) => {
    board.waiting.add(resolve);
  });
}

function wake({ waiting }: Board): void {
  const all = [...waiting];
  waiting.clear();
  all.forEach((resume) => resume());
}
