// Values between JSON and bytes: a value is spelled as text or as base64, never as either.
import { fromBase64, HansaError, textOf, toBase64Url, utf8 } from '@hansa/foundation';
import { valueBytesMax } from './cell.ts';
import type { SpelledValue } from './entries.ts';

/** INPUT_INVALID, INPUT_TOO_LARGE. */
export function readValue(spelled: SpelledValue): Uint8Array {
  const value = bytesOf(spelled);
  if (value.length > valueBytesMax) {
    throw new HansaError(
      'INPUT_TOO_LARGE',
      `a value has at most ${valueBytesMax} bytes, not ${value.length}`,
      {
        fix: 'keep large content as blobs: a git repository holds files of any size',
        facts: { bytesMax: valueBytesMax },
      },
    );
  }
  return value;
}

function bytesOf({ text, base64 }: SpelledValue): Uint8Array {
  if (text !== undefined && base64 === undefined) {
    return utf8(text);
  }
  if (base64 === undefined || text !== undefined) {
    throw new HansaError('INPUT_INVALID', 'a value is either "text" or "base64"');
  }
  try {
    return fromBase64(base64);
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', 'the value is not base64', { cause });
  }
}

/** Text where the bytes are UTF-8, else base64 with padding. */
export function spellValue(value: Uint8Array): SpelledValue {
  const text = textOf(value);
  return text === undefined ? { base64: toBase64(value) } : { text };
}

export function toBase64(value: Uint8Array): string {
  const plain = toBase64Url(value).replaceAll('-', '+').replaceAll('_', '/');
  return plain.padEnd(Math.ceil(plain.length / 4) * 4, '=');
}
