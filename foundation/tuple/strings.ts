// Byte strings and text as parts of tuples. A zero byte inside is escaped as 00 FF, so that the
// zero that ends the string sorts before every longer one.
import { utf8 } from '../bytes.ts';

export const bytesCode = 0x01;
export const textCode = 0x02;

// A mark of the byte order is a part of the text like any other.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function packBytes(bytes: Uint8Array): Uint8Array {
  return packTerminated(bytesCode, bytes);
}

export function packText(text: string): Uint8Array {
  const bytes = utf8(text);
  // Half a pair of surrogates would come back as another character. ASCII has none.
  if (bytes.length !== text.length && /\p{Cs}/u.test(text)) {
    throw new RangeError('the text of a tuple is no Unicode: half a pair of surrogates is in it');
  }
  return packTerminated(textCode, bytes);
}

function packTerminated(code: number, bytes: Uint8Array): Uint8Array {
  let zeros = 0;
  for (const byte of bytes) {
    zeros += byte === 0 ? 1 : 0;
  }
  const packed = new Uint8Array(bytes.length + zeros + 2);
  packed[0] = code;
  let at = 1;
  for (const byte of bytes) {
    packed[at] = byte;
    at += 1;
    if (byte === 0) {
      packed[at] = 0xff;
      at += 1;
    }
  }
  return packed;
}

export function unpackTerminated(
  bytes: Uint8Array,
  from: number,
): [string | Uint8Array, next: number] {
  const content = new Uint8Array(bytes.length - from - 1);
  let length = 0;
  for (let at = from + 1; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0 && bytes[at + 1] !== 0xff) {
      const raw = content.slice(0, length);
      return [bytes[from] === textCode ? textFrom(raw) : raw, at + 1];
    }
    content[length] = byte;
    length += 1;
    at += byte === 0 ? 1 : 0;
  }
  throw new RangeError('no tuple: a string that does not end');
}

function textFrom(raw: Uint8Array): string {
  try {
    return decoder.decode(raw);
  } catch (cause) {
    throw new RangeError('no tuple: text that is not UTF-8', { cause });
  }
}
