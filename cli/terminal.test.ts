import { expect, test } from 'vitest';
import { collect } from '../testkit/test-cluster.ts';
import { asksForPrograms, wholeLines } from './terminal.ts';

async function* pieces(...texts: (string | Uint8Array)[]): AsyncIterable<string | Uint8Array> {
  yield* texts;
}

test('lines come whole, however the input is cut, with the last that has no end', async () => {
  const lines = await collect(wholeLines(pieces('one\ntw', 'o\r\n', '\nthree')));
  expect(lines.flat()).toEqual(['one', 'two', '', 'three']);
});

test('a character that is cut in two is one character', async () => {
  const bytes = new TextEncoder().encode('Lübeck\n');
  const lines = await collect(wholeLines(pieces(bytes.slice(0, 2), bytes.slice(2))));
  expect(lines.flat()).toEqual(['Lübeck']);
});

test('bytes that are no text, and lines without end, are refused', async () => {
  const bytes = collect(wholeLines(pieces(Uint8Array.of(0xff, 10))));
  await expect(bytes).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  const endless = collect(wholeLines(pieces('x'.repeat(1_048_577))));
  await expect(endless).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
});

test.each([
  [['-o', 'json', 'stream'], true],
  [['stream', '--output=json'], true],
  [['stream', '-oyaml'], true],
  [['stream', '--lines'], false],
  [['-o', 'table'], false],
])('%j asks for programs: %s', (args, asks) => {
  expect(asksForPrograms(args)).toBe(asks);
});
