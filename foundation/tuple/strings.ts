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
  let escapes = 0;
  let end = bytes.indexOf(0, from + 1);
  while (end !== -1 && bytes[end + 1] === 0xff) {
    escapes += 1;
    end = bytes.indexOf(0, end + 2);
  }
  if (end === -1) {
    throw new RangeError('no tuple: a string that does not end');
  }
  const escaped = bytes.slice(from + 1, end);
  const raw = escapes === 0 ? escaped : withoutEscapes(escaped, escapes);
  return [bytes[from] === textCode ? textFrom(raw) : raw, end + 1];
}

function withoutEscapes(escaped: Uint8Array, escapes: number): Uint8Array {
  const raw = new Uint8Array(escaped.length - escapes);
  let at = 0;
  for (let read = 0; read < escaped.length; read += 1) {
    const byte = escaped[read] ?? 0;
    raw[at] = byte;
    at += 1;
    read += byte === 0 ? 1 : 0;
  }
  return raw;
}

function textFrom(raw: Uint8Array): string {
  try {
    return decoder.decode(raw);
  } catch (cause) {
    throw new RangeError('no tuple: text that is not UTF-8', { cause });
  }
}
