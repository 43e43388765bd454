// What a stream no longer keeps: messages over its limits, oldest first, and ids past their window.
import type { Clock, Codec } from '@hansa/foundation';
import { HansaError } from '@hansa/foundation';
import type { ChangeOp, ResourceLog } from '../resources/contract.ts';
import { dedupWindowMs } from './contract.ts';
import { idKey, messageBytes, messageKey, type StoredId, type StreamState } from './keys.ts';
import type { LoadedStream } from './loading.ts';
import { readStored } from './sources.ts';

export interface Overdue {
  readonly ops: readonly ChangeOp[];
  /** After these deletions. */
  readonly state: StreamState;
  readonly forgotten: readonly string[];
}

interface TrimNeeds {
  readonly codec: Codec;
  readonly clock: Clock;
  readonly resources: ResourceLog;
}

interface Asked {
  readonly nowMs: number;
  readonly opsMax: number;
  /** The state that the same change leads to: with its new messages, which it cannot delete. */
  readonly state: StreamState;
  readonly keepIds: ReadonlyMap<string, StoredId>;
  readonly before?: number;
}

/** Deletions for one change, messages before ids. */
export async function overdue(
  needs: TrimNeeds,
  stream: LoadedStream,
  asked: Asked,
): Promise<Overdue> {
  const ops: ChangeOp[] = [];
  let { state } = asked;
  while (ops.length < asked.opsMax && state.first <= stream.state.last) {
    const message = await oldestOf(needs, stream, state.first);
    if (!isOver(stream, state, { ...asked, oldestMs: message.atMs })) {
      break;
    }
    ops.push({ delete: { key: messageKey(state.first) } });
    const bytes = Math.max(0, state.bytes - messageBytes(message));
    state = { ...state, first: state.first + 1, bytes };
  }
  const forgotten = forgettable(stream, asked, asked.opsMax - ops.length);
  ops.push(...forgotten.map((id) => ({ delete: { key: idKey(id) } })));
  return { ops, state, forgotten };
}

function isOver(
  { limits }: LoadedStream,
  state: StreamState,
  given: { readonly nowMs: number; readonly oldestMs: number; readonly before?: number },
): boolean {
  return (
    state.first < (given.before ?? 0) ||
    state.last - state.first + 1 > limits.maxMessages ||
    state.bytes > limits.maxBytes ||
    given.nowMs - given.oldestMs > limits.maxAgeMs
  );
}

async function oldestOf(
  { codec, resources }: TrimNeeds,
  stream: LoadedStream,
  sequence: number,
): Promise<NonNullable<LoadedStream['oldest']>['message']> {
  if (stream.oldest?.sequence === sequence) {
    return stream.oldest.message;
  }
  const entry = (key: Uint8Array): ReturnType<ResourceLog['entry']> =>
    resources.entry(stream.id, key);
  const message = await readStored(codec, { entry }, sequence);
  if (message === undefined) {
    // Another node has trimmed meanwhile: what we know is old, and has to be read again.
    throw new HansaError('CONFLICT', `message ${sequence} of ${stream.id} is gone`);
  }
  stream.oldest = { sequence, message };
  return message;
}

/** Ids lie in the order of their times: the first that is young enough ends the search. */
function forgettable(stream: LoadedStream, asked: Asked, max: number): readonly string[] {
  const forgotten: string[] = [];
  for (const [id, { atMs }] of stream.ids) {
    if (forgotten.length >= max || asked.nowMs - atMs < dedupWindowMs) {
      break;
    }
    if (!asked.keepIds.has(id)) {
      forgotten.push(id);
    }
  }
  return forgotten;
}
