// Where the messages of a stream are read: an own log or a mirror, by the same keys.
import { HansaError, type Codec } from '@hansa/foundation';
import type { FederatedId } from '@hansa/foundation';
import type { ResourceEntry } from '../resources/contract.ts';
import {
  maxAgeDefaultMs,
  maxBytesDefault,
  maxMessagesDefault,
  pageBytesMax,
  type MessagePage,
  type StreamLimits,
} from './contract.ts';
import {
  emptyState,
  messageKey,
  settingsKey,
  settingsSchema,
  stateKey,
  stateSchema,
  storedMessageSchema,
  type StoredMessage,
  type StreamState,
} from './keys.ts';
import { shownMessage } from './payload.ts';

const rereadsMax = 100; // each means that the limits deleted what was about to be read

export const defaultLimits: StreamLimits = {
  maxAgeMs: maxAgeDefaultMs,
  maxBytes: maxBytesDefault,
  maxMessages: maxMessagesDefault,
};

export interface StreamSource {
  readonly resource: FederatedId;
  readonly epoch: number;
  entry(key: Uint8Array): Promise<ResourceEntry | undefined>;
}

type Entries = Pick<StreamSource, 'entry'>;

export async function readState(codec: Codec, source: Entries): Promise<StreamState> {
  const entry = await source.entry(stateKey);
  return entry === undefined ? emptyState : stateSchema.parse(codec.decode(entry.value));
}

export async function readLimits(codec: Codec, source: Entries): Promise<StreamLimits> {
  const entry = await source.entry(settingsKey);
  return entry === undefined ? defaultLimits : settingsSchema.parse(codec.decode(entry.value));
}

export async function readStored(
  codec: Codec,
  source: Entries,
  sequence: number,
): Promise<StoredMessage | undefined> {
  const entry = await source.entry(messageKey(sequence));
  return entry === undefined ? undefined : storedMessageSchema.parse(codec.decode(entry.value));
}

/** From a sequence on, as many as a page takes; what the limits deleted is counted, not hidden. */
export async function readPage(
  codec: Codec,
  source: StreamSource,
  asked: { readonly from: number; readonly limit: number },
): Promise<MessagePage> {
  let state = await readState(codec, source);
  const messages: MessagePage['messages'][number][] = [];
  let at = Math.max(asked.from, state.first);
  let bytes = 0;
  let rereads = 0;
  while (at <= state.last && messages.length < asked.limit && bytes < pageBytesMax) {
    const stored = await readStored(codec, source, at);
    if (stored !== undefined) {
      messages.push(shownMessage(at, stored));
      bytes += stored.payload.length;
      at += 1;
      continue;
    }
    // A page has no hole: where one appears, it ends, and the next begins after what was deleted.
    if (messages.length > 0) {
      break;
    }
    state = await readState(codec, source);
    rereads += 1;
    if (state.first <= at && rereads >= rereadsMax) {
      throw new HansaError('STORE_DAMAGED', `message ${at} of ${source.resource} is not there`);
    }
    at = Math.max(at, state.first);
  }
  const begun = messages[0]?.sequence ?? at;
  return {
    epoch: source.epoch,
    messages,
    first: state.first,
    last: state.last,
    next: at,
    missed: Math.max(0, begun - asked.from),
  };
}
