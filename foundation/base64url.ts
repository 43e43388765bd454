// Base64 for URLs and tokens (RFC 4648 section 5), without padding.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = [word >> 18, (word >> 12) & 63, (word >> 6) & 63, word & 63];
    for (const digit of digits.slice(0, Math.min(left, 3) + 1)) {
      text += alphabet.charAt(digit);
    }
  }
  return text;
}

/**
 * Throws a RangeError on anything that `toBase64Url` does not make, non-zero spare bits included.
 */
export function fromBase64Url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let word = 0;
    for (let j = 0; j < 4; j += 1) {
      word = (word << 6) | (i + j < text.length ? digitOf(text.charAt(i + j)) : 0);
    }
    for (const byte of [(word >> 16) & 255, (word >> 8) & 255, word & 255]) {
      if (at < bytes.length) {
        bytes[at] = byte;
        at += 1;
      }
    }
  }
  if (text.length % 4 === 1 || toBase64Url(bytes) !== text) {
    throw new RangeError('not base64url');
  }
  return bytes;
}

function digitOf(character: string): number {
  const digit = alphabet.indexOf(character);
  if (digit < 0) {
    throw new RangeError('not base64url');
  }
  return digit;
}
