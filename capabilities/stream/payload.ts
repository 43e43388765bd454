// Messages between JSON and bytes.
import { HansaError, readBytes, spellBytes } from '@hansa/foundation';
import { headersBytesMax, payloadBytesMax, type Message, type NewMessage } from './contract.ts';
import { headersBytes, type StoredMessage } from './keys.ts';

/** A message as it will be stored, but for its time; INPUT_TOO_LARGE, INPUT_INVALID. */
export function readMessage(given: NewMessage): Omit<StoredMessage, 'atMs'> {
  const { encoding = 'text', headers = {}, id } = given;
  const payload = readBytes({ text: given.payload, encoding }, 'the payload');
  requireAtMost('a payload', payload.length, payloadBytesMax);
  requireAtMost('the headers of a message', headersBytes(headers), headersBytesMax);
  return { payload, headers, ...(id === undefined ? {} : { id }) };
}

export function requireAtMost(what: string, bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) {
    throw new HansaError('INPUT_TOO_LARGE', `${what} has at most ${bytesMax} bytes, not ${bytes}`, {
      facts: { bytesMax },
    });
  }
}

export function shownMessage(sequence: number, stored: StoredMessage): Message {
  const { atMs, headers, id } = stored;
  const { text: payload, encoding } = spellBytes(stored.payload);
  return { sequence, atMs, payload, encoding, headers, ...(id && { id }) };
}
