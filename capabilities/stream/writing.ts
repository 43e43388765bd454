// Appending to own streams. While one change is on its way to the disk, what other callers bring is
// gathered, and goes into the next change together: many callers share one fsync.
import {
  createKeyedMutex,
  HansaError,
  isHansaError,
  type Clock,
  type Codec,
  type LocalId,
} from '@hansa/foundation';
import { changeOpsMax, type ChangeOp, type ResourceLog } from '../resources/contract.ts';
import { batchBytesMax, dedupIdsMax, dedupWindowMs, type Appended } from './contract.ts';
import {
  idKey,
  messageBytes,
  messageKey,
  stateKey,
  type StoredId,
  type StoredMessage,
  type StreamState,
} from './keys.ts';
import { loadStream, type LoadedStream } from './loading.ts';
import { overdue, type Overdue } from './trimming.ts';

// what one change gathers: the state is one operation, the rest is room for deletions
const groupOpsMax: number = changeOpsMax - 10;
const pendingBytesMax: number = 32 * 1_024 * 1_024; // waiting in memory for one stream's disk
const attemptsMax = 16; // every lost one is another node's success

export interface WritingNeeds {
  readonly codec: Codec;
  readonly clock: Clock;
  readonly resources: ResourceLog;
  /** Whom changes name as their author. */
  readonly author: string;
}

export type Incoming = Omit<StoredMessage, 'atMs'>;

export interface Writing {
  /** All of them in one change; resolves once it is on disk. */
  append(id: LocalId, messages: readonly Incoming[]): Promise<Appended>;
  /** Deletes what is over the limits, and everything before a sequence where one is given. */
  trim(id: LocalId, before?: number): Promise<void>;
  /** After the stream was deleted. */
  forget(id: LocalId): void;
}

interface Waiting {
  readonly messages: readonly Incoming[];
  readonly ops: number;
  readonly bytes: number;
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}

interface Parts extends WritingNeeds {
  readonly loaded: Map<LocalId, LoadedStream>;
  readonly waiting: Map<LocalId, Waiting[]>;
}

export function createWriting(needs: WritingNeeds): Writing {
  const parts: Parts = { ...needs, loaded: new Map(), waiting: new Map() };
  const turns = createKeyedMutex<LocalId>();
  return {
    append(id, messages) {
      const queue = parts.waiting.get(id) ?? [];
      parts.waiting.set(id, queue);
      return new Promise((resolve, reject) => {
        const one = waitingOf(messages, { resolve, reject });
        const held = queue.reduce((sum, { bytes }) => sum + bytes, 0);
        if (held + one.bytes > pendingBytesMax) {
          throw new HansaError('RATE_LIMITED', `more is appended to ${id} than its disk takes`);
        }
        queue.push(one);
        // Whoever has its turn takes along what waits; most turns find nothing left to do.
        turns.run(id, () => writeWaiting(parts, id)).catch(reject);
      });
    },
    trim: (id, before = 0) => turns.run(id, () => trimNow(parts, id, before)),
    forget: (id) => {
      parts.loaded.delete(id);
      parts.waiting.delete(id);
    },
  };
}

function waitingOf(
  messages: readonly Incoming[],
  end: Pick<Waiting, 'resolve' | 'reject'>,
): Waiting {
  const bytes = messages.reduce((sum, each) => sum + messageBytes({ ...each, atMs: 0 }), 0);
  const ids = messages.filter(({ id }) => id !== undefined).length;
  return { messages, ops: messages.length + ids, bytes, ...end };
}

async function writeWaiting(parts: Parts, id: LocalId): Promise<void> {
  const queue = parts.waiting.get(id);
  if (queue === undefined || queue.length === 0) {
    return;
  }
  const group = takeGroup(queue);
  try {
    await retried(parts, id, (stream) => writeGroup(parts, stream, group));
  } catch (error) {
    group.forEach(({ reject }) => reject(error));
    return;
  }
  // Answered already: that the oldest could not be deleted now is no failure of theirs.
  await trimNow(parts, id, 0).catch(() => undefined);
}

/** As many as one change takes, the first in any case. */
function takeGroup(queue: Waiting[]): readonly Waiting[] {
  let ops = 0;
  let bytes = 0;
  let count = 0;
  for (const each of queue) {
    ops += each.ops;
    bytes += each.bytes;
    if (count > 0 && (ops > groupOpsMax || bytes > batchBytesMax)) {
      break;
    }
    count += 1;
  }
  return queue.splice(0, count);
}

/** Decided anew where another node has written meanwhile. */
async function retried<T>(
  parts: Parts,
  id: LocalId,
  work: (stream: LoadedStream) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const stream = parts.loaded.get(id) ?? (await loadStream(parts, id));
    parts.loaded.set(id, stream);
    try {
      return await work(stream);
    } catch (error) {
      // Also where the outcome is unknown: the store knows it, our memory does not.
      parts.loaded.delete(id);
      if (!isHansaError(error, 'CONFLICT') || attempt >= attemptsMax) {
        throw error;
      }
    }
  }
}

interface Draft {
  state: StreamState;
  readonly ops: ChangeOp[];
  readonly ids: Map<string, StoredId>;
}

async function writeGroup(
  parts: Parts,
  stream: LoadedStream,
  group: readonly Waiting[],
): Promise<void> {
  const { codec, clock } = parts;
  // A clock that was set back must not make a message older than the one before it.
  const atMs = Math.max(clock.now(), stream.state.lastMs);
  const draft: Draft = { state: stream.state, ops: [], ids: new Map() };
  const admitted = group.filter(roomForIds(stream));
  const answers = admitted.map(({ messages }) =>
    messages.map((message) => place(codec, { stream, draft, message: { ...message, atMs } })),
  );
  if (draft.ops.length > 0) {
    const due = await overdue(parts, stream, {
      nowMs: atMs,
      opsMax: changeOpsMax - 1 - draft.ops.length,
      state: draft.state,
      keepIds: draft.ids,
    });
    await write(parts, stream, { ...due, ops: [...draft.ops, ...due.ops], ids: draft.ids });
  }
  admitted.forEach(({ resolve }, index) => {
    const placed = answers[index] ?? [];
    resolve({
      sequences: placed.map(({ sequence }) => sequence),
      duplicates: placed.filter(({ again }) => again).length,
    });
  });
}

/** The message's place: the first's, where its id was there within the window. */
function place(
  codec: Codec,
  given: {
    readonly stream: LoadedStream;
    readonly draft: Draft;
    readonly message: StoredMessage;
  },
): { readonly sequence: number; readonly again: boolean } {
  const { stream, draft, message } = given;
  const { id, atMs } = message;
  const known = id === undefined ? undefined : (draft.ids.get(id) ?? stream.ids.get(id));
  if (known !== undefined && atMs - known.atMs < dedupWindowMs) {
    return { sequence: known.sequence, again: true };
  }
  const sequence = draft.state.last + 1;
  draft.ops.push(put(codec, messageKey(sequence), message));
  if (id !== undefined) {
    draft.ids.set(id, { sequence, atMs });
    draft.ops.push(put(codec, idKey(id), { sequence, atMs }));
  }
  const bytes = draft.state.bytes + messageBytes(message);
  draft.state = { ...draft.state, last: sequence, bytes, lastMs: atMs };
  return { sequence, again: false };
}

function put(codec: Codec, key: Uint8Array, value: unknown): ChangeOp {
  return { put: { key, value: codec.encode(value), blobs: [] } };
}

/** Refuses who would make a stream remember more ids than it may; the others go on. */
function roomForIds({ id, ids }: LoadedStream): (one: Waiting) => boolean {
  let remembered = ids.size;
  return ({ messages, ops, reject }) => {
    const added = ops - messages.length;
    if (added > 0 && remembered + added > dedupIdsMax) {
      reject(
        new HansaError('RATE_LIMITED', `${id} remembers ${dedupIdsMax} ids, the most it may`, {
          fix: 'append without ids, or again when the oldest are forgotten',
        }),
      );
      return false;
    }
    remembered += added;
    return true;
  };
}

/** One change with the state that it leads to; our memory follows once the disk has it. */
async function write(
  { codec, resources, author }: Parts,
  stream: LoadedStream,
  change: Overdue & { readonly ids: ReadonlyMap<string, StoredId> },
): Promise<void> {
  const ops = [...change.ops, put(codec, stateKey, change.state)];
  const options = { author, expect: stream.sequence };
  const { sequence } = await resources.append(stream.id, ops, options);
  stream.sequence = sequence;
  stream.state = change.state;
  change.forgotten.forEach((each) => stream.ids.delete(each));
  for (const [each, stored] of change.ids) {
    // At the end of the order, as one that is new.
    stream.ids.delete(each);
    stream.ids.set(each, stored);
  }
}

async function trimNow(parts: Parts, id: LocalId, before: number): Promise<void> {
  for (;;) {
    const more = await retried(parts, id, async (stream) => {
      const due = await overdue(parts, stream, {
        nowMs: parts.clock.now(),
        opsMax: changeOpsMax - 1,
        state: stream.state,
        keepIds: new Map(),
        before,
      });
      // Ids alone wait for the next append to take them along, until they fill a change.
      const moved = due.state.first > stream.state.first;
      if (!moved && due.ops.length < changeOpsMax - 1) {
        return false;
      }
      await write(parts, stream, { ...due, ids: new Map() });
      return true;
    });
    if (!more) {
      return;
    }
  }
}
