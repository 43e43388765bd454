import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from './bytes.ts';
import { fromBase64, readBytes, spellBytes, textOf } from './spelled-bytes.ts';

const byteOrderMark = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);

describe('bytes in JSON', () => {
  test('come back as they were, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(readBytes(spellBytes(bytes), 'it')).toEqual(bytes);
      }),
    );
  });

  test('are text where they are UTF-8, and base64 for URLs where they are not', () => {
    expect(spellBytes(utf8('Übersee'))).toEqual({ text: 'Übersee', encoding: 'text' });
    expect(spellBytes(Uint8Array.of(0xff))).toEqual({ text: '_w', encoding: 'base64url' });
  });

  test('keep a byte order mark', () => {
    expect(textOf(byteOrderMark)).toBeUndefined();
    expect(readBytes(spellBytes(byteOrderMark), 'it')).toEqual(byteOrderMark);
  });

  test('are refused where they are no base64, and named', () => {
    const refusal = { code: 'INPUT_INVALID', message: 'the payload is not base64url' };
    expect(readBytes({ text: '_w==', encoding: 'base64url' }, 'it')).toEqual(Uint8Array.of(0xff));
    expect(() => readBytes({ text: '/w', encoding: 'base64url' }, 'the payload')).toThrow(
      expect.objectContaining(refusal),
    );
  });

  test('are read from either alphabet of base64 where both are taken', () => {
    for (const spelled of ['/+8=', '/+8', '_-8=', '_-8']) {
      expect(fromBase64(spelled)).toEqual(Uint8Array.of(0xff, 0xef));
    }
    expect(() => fromBase64('no!')).toThrow(RangeError);
  });
});
