// Bytes as text whose order is theirs, for keys that are text: base 64 with its digits in the order
// of their characters and nothing at the end.

const digits = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
const valueOf: ReadonlyMap<string, number> = new Map(
  digits.split('').map((digit, at) => [digit, at]),
);

export function toOrderedText(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += digits.charAt((held >> bits) & 63);
    }
  }
  return bits === 0 ? text : text + digits.charAt((held << (6 - bits)) & 63);
}

/** Throws a RangeError on text that `toOrderedText` does not make. */
export function fromOrderedText(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const digit of text) {
    const value = valueOf.get(digit);
    if (value === undefined) {
      throw new RangeError(`"${digit}" is no digit of a key made of a tuple`);
    }
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (held >> bits) & 0xff;
      at += 1;
    }
  }
  // Six bits alone are no byte, and what fills the last digit is zero.
  if (bits >= 6 || (held & ((1 << bits) - 1)) !== 0) {
    throw new RangeError('a key made of a tuple does not end so');
  }
  return bytes;
}
