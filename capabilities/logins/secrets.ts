// Texts that let somebody in, made by chance and kept as hashes: sessions, and codes that a person
// can read to another.
import { toBase64Url, toHex, utf8, type Crypto, type Random } from '@hansa/foundation';
import { sessionMark } from './uses.ts';

const sessionBytes = 32; // 256 bits: nobody guesses one
const idBytes = 12; // 96 bits: two sessions are never called alike
const codeLetters = 20; // 100 bits, good for a day
const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'; // 32 of them, none taken for another

export function sessionText(random: Random): string {
  return `${sessionMark}${toBase64Url(random.bytes(sessionBytes))}`;
}

/** For programs that hand each other something, once. */
export function secretText(random: Random): string {
  return toBase64Url(random.bytes(sessionBytes));
}

/** `7KQ2M-…`, four groups of five. */
export function codeText(random: Random): string {
  const drawn = [...random.bytes(codeLetters)].map((byte) => letters.charAt(byte % letters.length));
  return (drawn.join('').match(/.{5}/g) ?? []).join('-');
}

/** As people type them: without dashes, in small letters, with O for 0 and I for 1. */
export function plainCode(text: string): string {
  return text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** What a session is called, which tells nothing of its text. */
export function sessionId(crypto: Crypto, text: string): string {
  return toBase64Url(crypto.hash(utf8(text)).subarray(0, idBytes));
}

/** Against forgery alone: without the session it opens nothing. */
export function markText(random: Random): string {
  return toBase64Url(random.bytes(16));
}

export function hashText(crypto: Crypto, text: string): string {
  return toHex(crypto.hash(utf8(text)));
}

/** Takes as long for texts that differ in their first letter as for equal ones. */
export function sameText(crypto: Crypto, one: string, other: string): boolean {
  const a = crypto.hash(utf8(one));
  const b = crypto.hash(utf8(other));
  let difference = 0;
  for (let at = 0; at < a.length; at += 1) {
    difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  }
  return difference === 0;
}
