// Text inside frames. Addresses come again and again, so that the strings of short ASCII texts are
// remembered: the same bytes give the same string object, whose hash is known already.

/** Longer texts are seldom addresses, and are decoded each time. */
const rememberedBytesMax = 128;
/** A power of two; with texts of 128 bytes about a megabyte. */
const rememberedSlots = 4_096;

// A leading U+FEFF is a character like any other here: what is read must be written alike.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const remembered: string[] = Array.from({ length: rememberedSlots }, () => '');

/** Undefined where the bytes are not UTF-8. The range lies within the bytes. */
export function textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) {
    return '';
  }
  if (length > rememberedBytesMax) {
    return decoded(bytes, start, end);
  }
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) {
      return decoded(bytes, start, end);
    }
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  const slot = (hash ^ (hash >>> 15)) & (rememberedSlots - 1);
  const known = remembered[slot] as string;
  if (known.length === length && isSame(known, bytes, start)) {
    return known;
  }
  const text = decoded(bytes, start, end);
  if (text !== undefined) {
    remembered[slot] = text;
  }
  return text;
}

function isSame(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i += 1) {
    if (text.charCodeAt(i) !== bytes[start + i]) {
      return false;
    }
  }
  return true;
}

function decoded(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}

/** Lone surrogates become U+FFFD, as everywhere. */
export function textBytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** How many bytes the text has as UTF-8, without encoding it. */
export function textLength(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x80) {
      continue;
    }
    if (code < 0x800) {
      length += 1;
    } else if (isPair(text, i)) {
      length += 2;
      i += 1;
    } else {
      length += 2;
    }
  }
  return length;
}

function isPair(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1);
  return code >= 0xd800 && code < 0xdc00 && next >= 0xdc00 && next < 0xe000;
}

/** Whether the range is UTF-8: for texts that are passed on and never become strings. */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at] as number;
    if (lead < 0x80) {
      at += 1;
      continue;
    }
    const length = sequenceLength(lead);
    if (length === 0 || at + length > end || !isSequence(bytes, at, length)) {
      return false;
    }
    at += length;
  }
  return true;
}

/** 0 where no sequence begins with the byte. */
function sequenceLength(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) {
    return 0;
  }
  if (lead < 0xe0) {
    return 2;
  }
  return lead < 0xf0 ? 3 : 4;
}

/** No overlong form, no surrogate, nothing above U+10FFFF. */
function isSequence(bytes: Uint8Array, at: number, length: number): boolean {
  const lead = bytes[at] as number;
  const second = bytes[at + 1] as number;
  const [low, high] = secondRange(lead);
  if (second < low || second > high) {
    return false;
  }
  for (let i = 2; i < length; i += 1) {
    if (((bytes[at + i] as number) & 0xc0) !== 0x80) {
      return false;
    }
  }
  return true;
}

function secondRange(lead: number): readonly [number, number] {
  switch (lead) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}
