// Payloads between JSON and bytes: text where the bytes are UTF-8, base64 for URLs where they are
// not.
import {
  equalBytes,
  fromBase64Url,
  fromUtf8,
  HansaError,
  toBase64Url,
  utf8,
} from '@hansa/foundation';
import {
  headersBytesMax,
  payloadBytesMax,
  type Message,
  type NewMessage,
  type PayloadEncoding,
} from './contract.ts';
import { headersBytes, type StoredMessage } from './keys.ts';

/** A message as it will be stored, but for its time; INPUT_TOO_LARGE, INPUT_INVALID. */
export function readMessage(given: NewMessage): Omit<StoredMessage, 'atMs'> {
  const { encoding = 'text', headers = {}, id } = given;
  const payload = readPayload(given.payload, encoding);
  requireAtMost('a payload', payload.length, payloadBytesMax);
  requireAtMost('the headers of a message', headersBytes(headers), headersBytesMax);
  return { payload, headers, ...(id === undefined ? {} : { id }) };
}

function readPayload(text: string, encoding: PayloadEncoding): Uint8Array {
  if (encoding === 'text') {
    return utf8(text);
  }
  try {
    return fromBase64Url(text.replace(/=+$/, ''));
  } catch (error) {
    throw new HansaError('INPUT_INVALID', 'the payload is not base64url', {
      cause: error,
      fix: 'spell bytes with the alphabet for URLs: "-" and "_" instead of "+" and "/"',
    });
  }
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
  return { sequence, atMs, ...shownPayload(stored.payload), headers, ...(id && { id }) };
}

function shownPayload(bytes: Uint8Array): Pick<Message, 'payload' | 'encoding'> {
  try {
    const payload = fromUtf8(bytes);
    // A decoder drops a byte order mark: what would not come back the same is spelled as bytes.
    if (equalBytes(utf8(payload), bytes)) {
      return { payload, encoding: 'text' };
    }
  } catch {
    // Not UTF-8.
  }
  return { payload: toBase64Url(bytes), encoding: 'base64url' };
}
