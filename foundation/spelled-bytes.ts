// Bytes in JSON: as text where they are UTF-8, as base64 where they are not. What is read back is
// what was spelled, to the byte.
import { fromBase64Url, toBase64Url } from './base64url.ts';
import { equalBytes, fromUtf8, utf8 } from './bytes.ts';
import { HansaError } from './errors.ts';

export type BytesEncoding = 'text' | 'base64url';

export interface SpelledBytes {
  readonly text: string;
  readonly encoding: BytesEncoding;
}

export function spellBytes(bytes: Uint8Array): SpelledBytes {
  const text = textOf(bytes);
  return text === undefined
    ? { text: toBase64Url(bytes), encoding: 'base64url' }
    : { text, encoding: 'text' };
}

/** Padding is taken and not needed. INPUT_INVALID, which names what it is. */
export function readBytes({ text, encoding }: SpelledBytes, what: string): Uint8Array {
  if (encoding === 'text') {
    return utf8(text);
  }
  try {
    return fromBase64Url(text.replace(/=+$/, ''));
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', `${what} is not base64url`, {
      cause,
      fix: 'spell bytes with the alphabet for URLs: "-" and "_" instead of "+" and "/"',
    });
  }
}

/** Undefined where the bytes are not UTF-8, or would not come back the same. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = fromUtf8(bytes);
    // A decoder drops a byte order mark.
    return equalBytes(utf8(text), bytes) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Either alphabet of RFC 4648, with and without padding; throws a RangeError on anything else. */
export function fromBase64(text: string): Uint8Array {
  const plain = text.replace(/={0,2}$/, '');
  return fromBase64Url(plain.replaceAll('+', '-').replaceAll('/', '_'));
}
