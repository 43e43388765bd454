import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBase64Url, toBase64Url } from './base64url.ts';

test('bytes become the text that RFC 4648 says, and come back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = toBase64Url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64url'));
      expect(fromBase64Url(text)).toEqual(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['padding', 'AA=='],
  ['the other alphabet', 'a+b/'],
  ['a length that no bytes give', 'A'],
  ['five characters', 'AAAAA'],
  ['spare bits that are not zero, two characters', 'AB'],
  ['spare bits that are not zero, three characters', 'AAB'],
  ['a space inside', 'AA AA'],
  ['a line break at the end', 'AAAA\n'],
  ['a letter with a mark', 'AAÄA'],
])('%s is refused, so that no two texts stand for the same bytes', (_, text) => {
  expect(() => fromBase64Url(text)).toThrow(RangeError);
});

test('any text is either refused or the one text of its bytes', () => {
  const character = fc.constantFrom(...Array.from('AQgw-_09azZ=+/ '));
  fc.assert(
    fc.property(fc.array(character, { maxLength: 12 }), (characters) => {
      const text = characters.join('');
      let bytes: Uint8Array;
      try {
        bytes = fromBase64Url(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(toBase64Url(bytes)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});
