// Whether what another cluster signed is a stream at all: a mirror applies no change that would
// leave a hole between messages, a key of another shape or a message over its limits.
import { HansaError, type Codec } from '@hansa/foundation';
import type { ChangeOp, SequencedChange } from '../resources/contract.ts';
import {
  messageBytes,
  readKey,
  settingsSchema,
  stateSchema,
  storedIdSchema,
  storedMessageSchema,
  type StreamKey,
  type StreamState,
} from './keys.ts';

/** CHANGE_INVALID names what is wrong; the state after the changes. */
export function checkChanges(
  codec: Codec,
  before: StreamState,
  changes: readonly SequencedChange[],
): StreamState {
  return changes.reduce((state, { sequence, change }) => {
    try {
      return checkChange(codec, state, change.ops);
    } catch (error) {
      const why = error instanceof HansaError ? error.message : 'a record does not fit its schema';
      throw new HansaError('CHANGE_INVALID', `change ${sequence} is none of a stream: ${why}`, {
        cause: error,
      });
    }
  }, before);
}

interface Seen {
  state: StreamState | undefined;
  /** Of messages put and deleted, ascending. */
  readonly put: number[];
  readonly deleted: number[];
  putBytes: number;
  lastMs: number;
}

function checkChange(codec: Codec, before: StreamState, ops: readonly ChangeOp[]): StreamState {
  const seen: Seen = {
    state: undefined,
    put: [],
    deleted: [],
    putBytes: 0,
    lastMs: before.lastMs,
  };
  for (const op of ops) {
    checkOp(codec, seen, op);
  }
  const after = seen.state ?? before;
  requireRun('messages appended', seen.put, [before.last + 1, after.last]);
  requireRun('messages deleted', seen.deleted, [before.first, after.first - 1]);
  if (seen.lastMs !== after.lastMs) {
    throw breach('its state and its last message have two times');
  }
  if (after.bytes > before.bytes + seen.putBytes) {
    throw breach('it counts more bytes than there are');
  }
  return after;
}

function checkOp(codec: Codec, seen: Seen, op: ChangeOp): void {
  const key = readKey('delete' in op ? op.delete.key : op.put.key);
  if (key === undefined) {
    throw breach('it has a key of another shape');
  }
  if ('delete' in op) {
    checkDelete(seen, key);
    return;
  }
  if (op.put.blobs.length > 0) {
    throw breach('it names blobs');
  }
  checkPut(seen, key, codec.decode(op.put.value));
}

function checkDelete(seen: Seen, key: StreamKey): void {
  if (key.is === 'message') {
    seen.deleted.push(key.sequence);
  } else if (key.is !== 'id') {
    throw breach(`it deletes its ${key.is}`);
  }
}

function checkPut(seen: Seen, key: StreamKey, value: unknown): void {
  switch (key.is) {
    case 'settings':
      settingsSchema.parse(value);
      return;
    case 'state':
      seen.state = stateSchema.parse(value);
      return;
    case 'id':
      storedIdSchema.parse(value);
      return;
    case 'message': {
      const message = storedMessageSchema.parse(value);
      if (message.atMs < seen.lastMs) {
        throw breach(`message ${key.sequence} is older than the one before it`);
      }
      seen.lastMs = message.atMs;
      seen.putBytes += messageBytes(message);
      seen.put.push(key.sequence);
    }
  }
}

/** Exactly the numbers from `first` to `last`, in whatever order they came. */
function requireRun(
  what: string,
  found: readonly number[],
  [first, last]: readonly [first: number, last: number],
): void {
  const sorted = found.toSorted((a, b) => a - b);
  const whole =
    sorted.length === Math.max(0, last - first + 1) &&
    last >= first - 1 &&
    sorted.every((sequence, index) => sequence === first + index);
  if (!whole) {
    throw breach(`${what} are not ${first} to ${last}`);
  }
}

function breach(what: string): HansaError {
  return new HansaError('CHANGE_INVALID', what);
}
