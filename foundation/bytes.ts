// Byte strings: the small pure operations everything else is written with.

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const hexDigits = '0123456789abcdef';

export const emptyBytes: Uint8Array = new Uint8Array(0);

// Up to here a loop is faster than the encoder: names and ids are hashed and packed all the time.
const shortTextMax = 96;

export function utf8(text: string): Uint8Array {
  return asciiOf(text) ?? encoder.encode(text);
}

/** Undefined where the text is long or not ASCII alone. */
function asciiOf(text: string): Uint8Array | undefined {
  if (text.length > shortTextMax) {
    return undefined;
  }
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      return undefined;
    }
    bytes[i] = code;
  }
  return bytes;
}

/** Throws a TypeError where the bytes are not UTF-8: a name is never silently repaired. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += hexDigits.charAt(byte >> 4) + hexDigits.charAt(byte & 15);
  }
  return text;
}

/** Lower-case hex only, an even number of digits; throws a RangeError otherwise. */
export function fromHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new RangeError('not lower-case hex');
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = (hexValue(text.charCodeAt(2 * i)) << 4) | hexValue(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** Of the code of `0` to `9` or `a` to `f`. */
function hexValue(code: number): number {
  return code < 0x61 ? code - 0x30 : code - 0x57;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) {
    length += part.length;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Unsigned lexicographic order, as every store orders its keys: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && equalBytes(bytes.subarray(0, prefix.length), prefix);
}

/**
 * The smallest key after every key with this prefix; `undefined` where there is none (all 0xff).
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i -= 1) {
    const byte = prefix[i] ?? 0xff;
    if (byte < 0xff) {
      const end = prefix.slice(0, i + 1);
      end[i] = byte + 1;
      return end;
    }
  }
  return undefined;
}
